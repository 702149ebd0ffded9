"""The example file and the settings say the same, both ways."""

import re
import tomllib
from pathlib import Path

import pytest
from pydantic import BaseModel

from core import settings
from core.settings import (
    ChecksSettings,
    Peer,
    ReportSettings,
    RetentionSettings,
    Route,
    Settings,
    ViewRule,
    WebSettings,
)

EXAMPLE = Path(__file__).parents[2] / "deploy" / "perfuscope.example.toml"
TABLES: dict[str, type[BaseModel]] = {
    "peers": Peer,
    "routes": Route,
    "report": ReportSettings,
    "checks": ChecksSettings,
    "retention": RetentionSettings,
    "web": WebSettings,
    "view_rules": ViewRule,
}
NO_DEFAULT = {
    *("database_url", "broker_url", "model", "retention.objects_days", "retention.studies_days"),
    *("web.certificate", "web.key"),
}
MUST_BE_GIVEN = {"peers.name", "peers.ae_title", "routes.destinations", "view_rules.view", "view_rules.keywords"}


def uncommented() -> str:
    """The example with every setting in force. Prose has a blank after its #, settings have none."""
    return re.sub(r"^#(?=\w+ = |\[)", "", EXAMPLE.read_text(encoding="utf-8"), flags=re.MULTILINE)


def said() -> dict[str, object]:
    """Values of the example by dotted name."""
    found: dict[str, object] = {}
    for name, value in tomllib.loads(uncommented()).items():
        if name not in TABLES:
            found[name] = value
            continue
        table = value[0] if isinstance(value, list) else value
        found |= {f"{name}.{inner}": v for inner, v in table.items()}
    return found


def default(name: str) -> object:
    table, _, field = name.rpartition(".")
    value = (TABLES[table] if table else Settings).model_fields[field].default
    return str(value) if isinstance(value, Path) else list(value) if isinstance(value, tuple) else value


def test_every_setting_is_documented_and_every_documented_one_exists():
    assert sorted(said()) == sorted(settings.names())


@pytest.mark.parametrize("name", sorted(set(settings.names()) - NO_DEFAULT - MUST_BE_GIVEN))
def test_the_example_shows_the_default(name):
    shown = said()[name]
    assert shown == default(name)
    assert type(shown) is type(default(name)) or isinstance(default(name), (int, float))


def test_what_shows_no_default_has_none():
    tables = {f"{table}.{field}": info for table, model in TABLES.items() for field, info in model.model_fields.items()}
    assert {name for name, info in tables.items() if info.is_required()} == MUST_BE_GIVEN
    unset = {name for name, info in (Settings.model_fields | tables).items() if info.default is None}
    assert unset == NO_DEFAULT


def test_every_setting_has_its_own_words_of_explanation():
    lines = EXAMPLE.read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(lines):
        if re.match(r"#\w+ = ", line):
            assert lines[number - 1].startswith("# "), line
            assert len(lines[number - 1]) > 20, line


@pytest.mark.parametrize("name", settings.names())
def test_the_operations_manual_lists_every_setting(name):
    manual = (EXAMPLE.parents[1] / "docs" / "operations.md").read_text(encoding="utf-8")
    assert f"`{name.rpartition('.')[2]}`" in manual


def test_the_example_changes_nothing_as_it_is(tmp_path, monkeypatch):
    for variable in ("PERFUSCOPE_MODEL", "PERFUSCOPE_HOME"):
        monkeypatch.delenv(variable, raising=False)
    assert settings.load(EXAMPLE, home=tmp_path).model_dump() == settings.load(home=tmp_path).model_dump()


def test_the_example_with_everything_in_force_is_allowed(tmp_path):
    path = tmp_path / "all.toml"
    path.write_text(uncommented(), encoding="utf-8")
    found = settings.load(path, home=tmp_path)
    assert found.peer_named("pacs") is not None
    assert found.view_rules[0].view == "qps"


def test_the_example_names_the_environment_as_it_is_read(tmp_path, monkeypatch):
    monkeypatch.setenv("PERFUSCOPE_DICOM_PORT", "11113")
    monkeypatch.setenv("PERFUSCOPE_REPORT__TIMEOUT_S", "60")
    found = settings.load(home=tmp_path)
    assert (found.dicom_port, found.report.timeout_s) == (11113, 60)
