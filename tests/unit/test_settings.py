"""Where settings come from, and the one sentence that a wrong one gets."""

import os
import shutil
import subprocess
from pathlib import Path

import commands
import pytest

from core import settings
from core.errors import SettingsError
from core.settings import Settings

RULE = '[[view_rules]]\nview = "qps"\nkeywords = {Modality = "OT"}\n'
PEER = '[[peers]]\nname = "pacs"\nae_title = "PACS"\n'


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch):
    for variable in list(os.environ):
        if variable.startswith("PERFUSCOPE_"):
            monkeypatch.delenv(variable)


@pytest.fixture
def load(tmp_path, monkeypatch):
    """Loads from a home with this file and this environment."""

    def load(text: str = "", *, env: dict[str, str] | None = None, **overrides) -> Settings:
        (tmp_path / "perfuscope.toml").write_text(text, encoding="utf-8")
        for name, value in (env or {}).items():
            monkeypatch.setenv(name, value)
        return settings.load(home=tmp_path, **overrides)

    return load


# Where they come from


def test_defaults_are_those_of_one_machine(load, tmp_path):
    found = load()
    assert (found.ae_title, found.dicom_host, found.dicom_port) == ("PERFUSCOPE", "127.0.0.1", 11112)
    assert (found.quiet_period_s, found.study_cap_s) == (30, 3600)
    assert not found.accept_any_peer
    assert found.database == f"sqlite:///{tmp_path / 'perfuscope.db'}"
    assert found.store == tmp_path / "store"


def test_the_command_line_goes_over_the_environment_over_the_file(load):
    text, env = "dicom_port = 1\n", {"PERFUSCOPE_DICOM_PORT": "2"}
    assert load(text).dicom_port == 1
    assert load(text, dicom_port=3).dicom_port == 3
    assert load(text, env=env).dicom_port == 2
    assert load(text, env=env, dicom_port=3).dicom_port == 3
    assert load(text, env=env, dicom_port=None).dicom_port == 2


def test_the_environment_changes_one_value_of_a_table_and_leaves_the_others(load):
    text = PEER + '[report]\ndestination = "pacs"\ntimeout_s = 7\n'
    found = load(text, env={"PERFUSCOPE_REPORT__TIMEOUT_S": "60"})
    assert (found.report.destination, found.report.timeout_s) == ("pacs", 60)


def test_a_named_file_is_read_instead_of_the_home_folders(load, tmp_path):
    load("dicom_port = 1\n")
    named = tmp_path / "named.toml"
    named.write_text("dicom_port = 2\n")
    assert settings.load(named, home=tmp_path).dicom_port == 2


def test_the_home_comes_from_the_environment_or_a_named_file(tmp_path, monkeypatch):
    named = tmp_path / "named.toml"
    named.write_text(f'home = "{tmp_path / "a"}"\n')
    assert settings.load(named).home == tmp_path / "a"
    monkeypatch.setenv("PERFUSCOPE_HOME", str(tmp_path / "b"))
    assert settings.load(named).home == tmp_path / "b"
    assert settings.load(named, home=tmp_path / "c").home == tmp_path / "c"


def test_a_home_folder_whose_file_leads_elsewhere_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".perfuscope").mkdir()
    (tmp_path / ".perfuscope" / "perfuscope.toml").write_text('home = "/srv/elsewhere"\n')
    with pytest.raises(SettingsError, match="leads away from that file"):
        settings.load()


def test_an_empty_variable_counts_as_not_set(load):
    found = load(env={"PERFUSCOPE_MODEL": "", "PERFUSCOPE_DICOM_PORT": "", "PERFUSCOPE_DATABASE_URL": ""})
    assert (found.model, found.dicom_port, found.database_url) == (None, 11112, None)


def test_paths_are_made_absolute_and_the_tilde_is_the_users_home(load, monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert load('model = "~/model"\n').model == tmp_path / "model"


@pytest.mark.parametrize("name", ["PERFUSCOPE_CONFIG"])
def test_variables_that_others_read_are_let_through(load, name):
    load(env={name: "x"})


CERTIFIED = '[web]\ncertificate = "~/c.pem"\nkey = "/k.pem"\n'
NAMED = 'names = ["Perfuscope.example.org", "192.0.2.9"]\n'


def test_the_pages_are_for_this_machine_alone_unless_names_and_tls_are_given(load):
    assert load('web_host = "::1"\n').web_host == "::1"
    assert load('web_host = "localhost"\n').web.names == ()
    found = load('web_host = "0.0.0.0"\n' + CERTIFIED + NAMED).web
    assert found.names == ("perfuscope.example.org", "192.0.2.9")
    assert found.certificate.is_absolute()
    assert load('web_host = "::"\n[web]\nproxies = ["10.0.0.5"]\n' + NAMED).web.proxies == ("10.0.0.5",)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('web_host = "0.0.0.0"\n', r"web_host = '0\.0\.0\.0' is not allowed: beyond this machine the pages need TLS"),
        ('web_host = "0.0.0.0"\n' + CERTIFIED, r"is not allowed: web\.names should say by which host names"),
        ('web_host = "192.0.2.9"\n[web]\n' + NAMED, "need TLS, so web.certificate and web.key or web.proxies"),
        ('web_host = "pages"\n', "web_host = 'pages' is not allowed: it should be an address"),
        ('[web]\nkey = "/k.pem"\n', "web.certificate and web.key should be given together"),
        (
            '[web]\nnames = ["https://pages"]\n',
            "web.names.0 = 'https://pages' is not allowed: it should be a host's name",
        ),
        ('[web]\nproxies = ["10.0.0.0/8"]\n', "web.proxies.0 = '10.0.0.0/8' is not allowed: it should be the address"),
        ("[web]\nidle_minutes = 0\n", "web.idle_minutes = 0 is not allowed"),
        ("[web]\nsession_hours = 169\n", "web.session_hours = 169 is not allowed"),
    ],
)
def test_pages_that_anybody_could_read_along_are_refused(load, text, said):
    with pytest.raises(SettingsError, match=said):
        load(text)


def test_settings_cannot_be_changed(load):
    with pytest.raises(ValueError, match="frozen"):
        load().dicom_port = 5


# What is wrong, in one sentence


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("dicom_port = 0\n", ["dicom_port = 0", "greater than or equal to 1"]),
        ("dicom_port = 65536\n", ["dicom_port = 65536", "less than or equal to 65535"]),
        ('dicom_port = "x"\n', ["dicom_port = 'x'", "valid integer"]),
        ('ae_title = "WITH\\\\BACKSLASH"\n', ["ae_title = ", "16 printable ASCII characters without a backslash"]),
        ('ae_title = " "\n', ["ae_title = ' '", "no blank at either end"]),
        ('ae_title = "ABCDEFGHIJKLMNOPQ"\n', ["ae_title = 'ABCDEFGHIJKLMNOPQ'", "at most 16 characters"]),
        ("accept_any_peer = 7\n", ["accept_any_peer = 7", "valid boolean"]),
        ("quiet_period_s = -1\n", ["quiet_period_s = -1", "greater than 0"]),
        ("quiet_period_s = nan\n", ["quiet_period_s = nan", "less than"]),
        ('log_level = "LOUD"\n', ["log_level = 'LOUD'", "'DEBUG', 'INFO', 'WARNING' or 'ERROR'"]),
        ("dicom_prot = 1\n", ["dicom_prot is no setting", "did you mean dicom_port?"]),
        ("[report]\ndestinaton = 1\n", ["report.destinaton is no setting", "did you mean report.destination?"]),
        ('[report]\ndestination = "archive"\n', ["report.destination = 'archive'", "allowed: sender"]),
        (PEER + '[report]\ndestination = "pasc"\n', ["report.destination = 'pasc'", "allowed: sender, pacs"]),
        (
            PEER + 'may_receive = false\n[report]\ndestination = "pacs"\n',
            ["report.destination = 'pacs'", "may_receive = false"],
        ),
        ('[report]\ntimezone = "Atlantis"\n', ["report.timezone = 'Atlantis'", "Europe/Berlin"]),
        (PEER + PEER, ["peers", "two peers have the name 'pacs'"]),
        (PEER + "prot = 104\n", ["peers.0.prot is no setting", "did you mean peers.port?"]),
        (PEER + "port = 70000\n", ["peers.0.port = 70000", "65535"]),
        ('[[peers]]\nname = "pacs"\n', ["peers.0.ae_title is missing"]),
        ('[[peers]]\nname = "sender"\nae_title = "A"\n', ["the name 'sender' is taken"]),
        ('[[peers]]\nname = "a b"\nae_title = "A"\n', ["peers.0.name = 'a b'", "letters, digits"]),
        ('[peers]\nname = "a"\n', ["peers = ", "[[peers]]"]),
        (
            '[[view_rules]]\nview = "qsp"\nkeywords = {Modality = "x"}\n',
            ["view_rules.0.view = 'qsp'", "'qps'", "'none'"],
        ),
        (
            '[[view_rules]]\nview = "qps"\nkeywords = {Modality = "("}\n',
            ["view_rules.0.keywords", "regular expression"],
        ),
        ('[[view_rules]]\nview = "qps"\nkeywords = {}\n', ["view_rules.0.keywords = {}", "at least 1"]),
        ("dicom_port = \n", ["perfuscope.toml is not valid TOML", "line 1"]),
        ('database_url = "mysql://u:secret@h/x"\n', ["database_url", "sqlite:///", "postgresql"]),
        ('broker_url = "smtp://u:secret@h/x"\n', ["broker_url", "redis://"]),
    ],
)
def test_a_wrong_value_in_the_file_is_one_sentence(load, text, words):
    with pytest.raises(SettingsError) as caught:
        load(text)
    said = str(caught.value)
    assert "\n" not in said
    assert "secret" not in said
    for word in words:
        assert word in said


@pytest.mark.parametrize(
    ("env", "words"),
    [
        ({"PERFUSCOPE_DICOM_PORT": "70000"}, ["dicom_port = '70000'", "65535"]),
        ({"PERFUSCOPE_DICOM_PRT": "1"}, ["PERFUSCOPE_DICOM_PRT is no setting", "did you mean PERFUSCOPE_DICOM_PORT?"]),
        ({"PERFUSCOPE_REPROT__TIMEOUT_S": "1"}, ["did you mean PERFUSCOPE_REPORT__TIMEOUT_S?"]),
        ({"PERFUSCOPE_REPORT__TIMEOUT": "1"}, ["report.timeout is no setting", "did you mean report.timeout_s?"]),
        ({"PERFUSCOPE_{0}__X": "1"}, ["PERFUSCOPE_{0}__X is no setting"]),
        ({"PERFUSCOPE_PEERS": "pacs"}, ["PERFUSCOPE_PEERS is not JSON"]),
        ({"PERFUSCOPE_DATABASE_URL": "oracle://u:secret@h"}, ["database_url", "sqlite:///"]),
    ],
)
def test_a_wrong_value_in_the_environment_is_one_sentence(load, env, words):
    with pytest.raises(SettingsError) as caught:
        load(env=env)
    said = str(caught.value)
    assert "\n" not in said
    assert "secret" not in said
    for word in words:
        assert word in said


def test_a_file_that_cannot_be_read_is_one_sentence(tmp_path):
    missing, folder, binary = tmp_path / "missing.toml", tmp_path / "folder", tmp_path / "binary.toml"
    folder.mkdir()
    binary.write_bytes(b"\xff\xfe")
    for path, word in ((missing, "there is no settings file"), (folder, "there is no"), (binary, "not valid TOML")):
        with pytest.raises(SettingsError, match=word):
            settings.load(path, home=tmp_path)


def test_a_folder_of_the_files_name_is_no_file(tmp_path):
    (tmp_path / "perfuscope.toml").mkdir()
    assert settings.load(home=tmp_path).dicom_port == 11112


def test_passwords_are_not_in_the_text_of_the_settings(load):
    found = load(database_url="postgresql://u:secret@h/x", broker_url="redis://:secret@h/0")
    assert "secret" not in repr(found)
    assert "secret" not in str(found)
    assert found.database == "postgresql://u:secret@h/x"


def test_peers_are_found_by_what_they_may_do(load):
    text = PEER + "may_receive = false\n" + PEER.replace('"pacs"', '"other"') + "port = 11\n"
    found = load(text)
    assert found.peer_of("PACS").name == "other"
    assert found.peer_named("pacs").port == 104
    assert found.peer_of("NOBODY") is None
    assert found.peer_named("nobody") is None


# As a user meets them


def perfuscope(*arguments: str, home: Path, **env: str) -> subprocess.CompletedProcess:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PERFUSCOPE_")} | env
    return commands.run(*arguments, "--home", str(home), env=environment)


@pytest.mark.parametrize(
    ("arguments", "env", "words"),
    [
        (["results"], {"PERFUSCOPE_DICOM_PORT": "0"}, "dicom_port = '0' is not allowed"),
        (["node"], {"PERFUSCOPE_AE_TITEL": "X"}, "did you mean PERFUSCOPE_AE_TITLE?"),
        (["up", "--config", "missing.toml"], {}, "there is no settings file missing.toml"),
        (["results"], {}, "run: perfuscope db upgrade"),
        (["worker"], {"PERFUSCOPE_DATABASE_URL": "postgresql+nodriver://u:secret@h/x"}, "database_url"),
        (["jobs", "list"], {"PERFUSCOPE_DATABASE_URL": "sqlite:////nowhere/x.db"}, "unable to open database file"),
    ],
)
def test_the_command_line_says_one_line_and_exits_with_2(tmp_path, arguments, env, words):
    done = perfuscope(*arguments, home=tmp_path, **env)
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    assert words in done.stderr
    assert done.stderr.count("\n") == 1
    assert "secret" not in done.stderr


def test_a_view_rule_for_no_dicom_attribute_stops_the_worker_with_a_sentence(tmp_path, migrated):
    shutil.copy(migrated, tmp_path / "perfuscope.db")
    rule = '[[view_rules]]\nview = "qps"\nkeywords = {SeriesDescripton = "x"}\n'
    (tmp_path / "perfuscope.toml").write_text(rule)
    done = perfuscope("worker", home=tmp_path)
    assert done.returncode == 2, done.stderr
    assert "SeriesDescripton is not a DICOM keyword" in done.stderr
    assert done.stderr.count("\n") == 1
