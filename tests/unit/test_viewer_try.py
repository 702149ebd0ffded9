"""Trying an image: the answer comes from a process of its own, and nothing is left of what was tried."""

import base64
import io
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image
from reader import reader
from sqlalchemy import select
from ward import Ward

from core.types import AuditAction, Label
from db import model_versions
from db.model_versions import NewArtifact
from db.tables import AuditEvent
from dicom_node import layouts
from models import artifact
from training.phantom.cohort import simulate
from training.phantom.dicom import write_study


@pytest.fixture(scope="module")
def screens(tmp_path_factory) -> list[bytes]:
    folder = tmp_path_factory.mktemp("screens")
    write_study(simulate(2026, 1, label=Label.ISCHEMIA), folder)
    return [(folder / f"{name}.dcm").read_bytes() for name in ("qps", "stress_qgs", "rest_qgs")]


@pytest.fixture
def shipped(ward: Ward) -> None:
    """The model that comes along is in force."""
    found = artifact.load(artifact.shipped())
    made = NewArtifact(found.identity, found.card.model_dump(mode="json"), b"")
    with ward.sessions.write() as session:
        model_versions.activate(session, made, now=ward.clock.now)


def framed(*files: bytes) -> bytes:
    return ",".join(str(len(file)) for file in files).encode() + b"\n" + b"".join(files)


def left_in(*folders: Path) -> set[Path]:
    return {path for folder in folders for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("database", ["sqlite"])
@pytest.mark.usefixtures("shipped")
def test_a_studys_screens_are_classified_and_nothing_is_left(ward, tmp_path, screens):
    home = tmp_path / "home"
    home.mkdir()
    pages_of = reader(ward, home)
    answer = pages_of.post("/try", framed(*screens))
    assert answer.status_code == 200
    assert answer.text.count('<section class="card tried">') == 4
    assert answer.text.count('<canvas class="crop"') == 6
    assert answer.text.count("<span>Thickening</span>") == 4
    assert "Research use only" in answer.text
    pictures = re.findall(r'data-png(?:-[a-z]+)?="([^"]+)"', answer.text)
    assert len(pictures) == 24
    assert {Image.open(io.BytesIO(base64.b64decode(one))).mode for one in pictures} == {"RGB", "RGBA"}
    assert left_in(home) == set()
    with ward.sessions.read() as session:
        (event,) = session.scalars(select(AuditEvent).where(AuditEvent.action == AuditAction.TRY))
        assert (event.actor, event.study_id, event.detail) == ("user:reader", None, "files=3")


@pytest.mark.parametrize("database", ["sqlite"])
@pytest.mark.usefixtures("shipped")
def test_a_layout_that_was_drawn_is_known_as_well(ward, tmp_path, screens, monkeypatch):
    """The process has the same home as everything else here: it must not meet the drawn layout twice."""
    monkeypatch.setenv("PERFUSCOPE_HOME", str(tmp_path))
    shipped = (Path(layouts.__file__).parent / "qps_qgs_1280.toml").read_text()
    (tmp_path / "layouts").mkdir()
    drawn = shipped.replace('name = "qps-qgs-1280"', 'name = "drawn"\nrank = 1')
    (tmp_path / "layouts" / "drawn.toml").write_text(drawn)
    answer = reader(ward, tmp_path).post("/try", framed(screens[0]))
    assert answer.status_code == 200
    assert answer.text.count('<section class="card tried">') == 1


@pytest.mark.parametrize("database", ["sqlite"])
@pytest.mark.usefixtures("shipped")
def test_one_view_is_seen_alone_and_a_stranger_is_refused_in_a_sentence(ward, tmp_path, screens):
    noise = io.BytesIO()
    Image.effect_noise((1280, 1024), 90).convert("RGB").save(noise, "PNG")
    answer = reader(ward, tmp_path).post("/try", framed(screens[0], noise.getvalue(), b"no image")).text
    assert "File 2 is not an MPI screen that Perfuscope knows" in answer
    assert "File 3 cannot be read as an image" in answer
    assert "needs all three views" in answer


@pytest.mark.parametrize("database", ["sqlite"])
@pytest.mark.parametrize(
    "body", [b"", b"\n", b"0\n", b"3\nab", b"x\nab", b"1,1,1,1\nabcd", b"-1\na", b"\xd9\xa1\na", b"9" * 200 + b"\n"]
)
def test_a_body_that_is_not_the_pages_own_is_refused(ward, tmp_path, body):
    assert reader(ward, tmp_path).post("/try", body).status_code == 400


@pytest.mark.parametrize("database", ["sqlite"])
def test_no_other_model_answers_for_the_one_in_force(ward, tmp_path, screens):
    answer = reader(ward, tmp_path).post("/try", framed(screens[0]))
    assert answer.status_code == 503
    assert "retry-after" not in answer.headers
    assert "The model in force is not on this machine" in answer.text
    assert "Probability" not in answer.text


def test_the_process_prints_nothing_of_what_it_cannot_use():
    command = [sys.executable, "-m", "training.dropped"]
    for said in (b"TESTPATIENT", json.dumps({"sizes": [4], "layouts": [], "view_rules": [], "model": "/no"}).encode()):
        done = subprocess.run(command, input=said + b"\nTEST", capture_output=True, check=False, timeout=60)
        assert (done.returncode, done.stdout, done.stderr) == (3, b"", b"")
