"""Artifacts: verified before they are loaded, packed the same each time, unpacked with suspicion."""

import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
import toy_artifact
from typer.testing import CliRunner

from cli.model import model_app
from core import TRAINED_ON
from core.errors import PerfuscopeError
from models import artifact


@pytest.fixture
def folder(tmp_path):
    """A complete artifact whose network is only bytes."""
    home = tmp_path / "tiny"
    return toy_artifact.write(home)


def rewrite(folder, **changes):
    path = folder / artifact.CARD
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def zipped(entries, compression=zipfile.ZIP_STORED):
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", compression) as archive:
        for name, content in entries:
            archive.writestr(name, content)
    return data.getvalue()


def contents(folder):
    return [(name, (folder / name).read_bytes()) for name in (*artifact.HASHED, artifact.CARD)]


def test_a_whole_artifact_loads_with_its_identity(folder):
    loaded = artifact.load(folder)
    assert loaded.identity.name == "tiny"
    assert loaded.identity.sha256 == artifact.sha256(folder / artifact.MODEL)
    assert loaded.card.statement == TRAINED_ON
    assert loaded.model_path.is_file()


@pytest.mark.parametrize("name", artifact.HASHED)
def test_a_changed_byte_is_found_and_the_file_named(folder, name):
    content = bytearray((folder / name).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / name).write_bytes(content)
    with pytest.raises(PerfuscopeError, match=f"tiny/{name} does not have the SHA-256"):
        artifact.load(folder)


@pytest.mark.parametrize("name", artifact.HASHED)
def test_a_missing_file_is_named(folder, name):
    (folder / name).unlink()
    with pytest.raises(PerfuscopeError, match=f"tiny/{name} is missing"):
        artifact.verify(folder)


def test_a_folder_without_card_is_no_artifact(tmp_path):
    with pytest.raises(PerfuscopeError, match=r"is no model artifact: it has no card\.json"):
        artifact.load(tmp_path)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"classes": ["ischemia", "normal", "infarction"]}, "classes"),
        ({"surprise": 1}, "surprise"),
        ({"review_below": 2}, "review_below"),
        ({"created": "2026-01-02T00:00:00"}, "created"),
        ({"name": "../tiny"}, "name"),
    ],
)
def test_a_wrong_card_says_which_entry_is_wrong(folder, changes, named):
    rewrite(folder, **changes)
    with pytest.raises(PerfuscopeError, match=rf"tiny/card\.json: {named}"):
        artifact.load(folder)


def test_a_model_for_another_preprocessing_is_not_loaded(folder):
    rewrite(folder, preprocessing="0")
    with pytest.raises(PerfuscopeError, match="trained with preprocessing 0"):
        artifact.load(folder)


def test_a_head_that_holds_something_else_is_refused(folder):
    np.savez(folder / artifact.HEAD, other=np.zeros(3))
    rewrite(folder, files={name: artifact.sha256(folder / name) for name in artifact.HASHED})
    with pytest.raises(PerfuscopeError, match="does not hold a head's weights"):
        artifact.load(folder)


def test_packing_twice_gives_the_same_bytes_and_unpacking_the_same_artifact(folder, tmp_path):
    packed = artifact.pack(folder)
    assert packed == artifact.pack(folder)
    copy = artifact.unpack(packed, tmp_path / "cache" / "copy")
    assert contents(copy) == contents(folder)
    assert artifact.pack(copy) == packed
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["copy"]


def test_a_damaged_folder_is_not_packed(folder):
    (folder / artifact.MODEL).write_bytes(b"other")
    with pytest.raises(PerfuscopeError, match=r"model\.tflite"):
        artifact.pack(folder)


def test_unpacking_again_is_harmless_and_mends_a_damaged_copy(folder, tmp_path):
    packed, copy = artifact.pack(folder), tmp_path / "copy"
    artifact.unpack(packed, copy)
    artifact.unpack(packed, copy)
    (copy / artifact.MODEL).write_bytes(b"damaged")
    artifact.unpack(packed, copy)
    assert artifact.load(copy).identity == artifact.load(folder).identity


def hostile_archives(folder):
    good = contents(folder)
    yield "climbs", zipped([*good[:2], ("../card.json", good[2][1])]), "nothing else"
    yield "absolute", zipped([*good[:2], ("/card.json", good[2][1])]), "nothing else"
    yield "one more", zipped([*good, ("extra", b"")]), "nothing else"
    yield "one fewer", zipped(good[:2]), "nothing else"
    yield "bomb", zipped([(name, b"\0" * 10_000_000) for name, _ in good], zipfile.ZIP_DEFLATED), "without compression"
    yield "other network", zipped([(artifact.MODEL, b"other"), *good[1:]]), "SHA-256"
    yield "cut short", artifact.pack(folder)[:-30], "nothing else"  # what is then found is the head's own zip
    yield "cut in half", artifact.pack(folder)[:6000], "damaged"
    yield "no zip at all", b"hello", "damaged"
    flipped = bytearray(artifact.pack(folder))
    flipped[200] ^= 1
    yield "flipped bit", bytes(flipped), "damaged"


def test_hostile_archives_are_refused_and_leave_nothing_behind(folder, tmp_path):
    cache = tmp_path / "cache"
    for name, data, sentence in hostile_archives(folder):
        with pytest.raises(PerfuscopeError, match=sentence):
            artifact.unpack(data, cache / "copy")
        assert list(cache.iterdir()) == [], name


def test_an_archive_that_is_too_large_is_not_opened(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(artifact, "MAX_PACKED_BYTES", 100)
    with pytest.raises(PerfuscopeError, match="may have 100 bytes"):
        artifact.unpack(artifact.pack(folder), tmp_path / "copy")


def test_an_artifact_is_found_by_folder_or_by_shipped_name(folder):
    assert artifact.find(str(folder)) == folder
    assert artifact.find(artifact.shipped().name) == artifact.shipped()
    with pytest.raises(PerfuscopeError, match="neither a model artifact's folder nor the name"):
        artifact.find("nonesuch")


def test_the_shipped_model_is_whole_and_says_that_it_saw_only_simulated_patients():
    found = artifact.load(artifact.shipped()).card
    assert found.training.source == "simulated"
    assert "simulated" in found.statement
    assert {evaluation.source for evaluation in found.evaluations} == {"simulated"}
    assert found.parity.crops >= 50
    assert found.parity.flips == 0
    assert not any("/" in command.replace("70/15/15", "") for command in found.commands)


def test_model_verify_tells_good_from_bad(folder):
    run = CliRunner()
    assert run.invoke(model_app, ["verify"]).exit_code == 0
    (folder / artifact.MODEL).write_bytes(b"other")
    result = run.invoke(model_app, ["verify", str(folder)])
    assert result.exit_code == 2
    assert result.stderr.strip() == "tiny/model.tflite does not have the SHA-256 that its card names."


def test_a_file_that_is_no_network_is_told_in_one_sentence(folder):
    result = CliRunner().invoke(model_app, ["verify", str(folder)])
    assert result.exit_code == 2
    assert result.stderr.strip() == "LiteRT cannot load the model of tiny."


def test_model_card_prints_the_card_as_one_json_array():
    result = CliRunner().invoke(model_app, ["card", "--format", "json"])
    (item,) = json.loads(result.stdout)
    assert item["name"] == artifact.shipped().name
    assert item["statement"] == TRAINED_ON


def test_model_card_fits_eighty_columns_and_says_simulated():
    result = CliRunner(env={"COLUMNS": "80"}).invoke(model_app, ["card"])
    assert result.exit_code == 0
    assert TRAINED_ON in result.stdout
    tables = [line for line in result.stdout.splitlines() if line.startswith(("│", "┃"))]
    assert max(map(len, tables)) <= 80


def test_the_page_in_the_docs_is_that_of_the_shipped_card():
    page = CliRunner().invoke(model_app, ["card", "--markdown"]).stdout
    kept = (Path(__file__).parents[2] / "docs" / "model-card.md").read_text(encoding="utf-8")
    assert kept.endswith(page), "write it anew: perfuscope model card --markdown, below the line that says so"
    assert "simulated patients" in page
