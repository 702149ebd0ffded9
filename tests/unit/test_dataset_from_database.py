"""Reviewed studies as a data set: what readers settled on, only crops, nobody's name, one study a patient."""

from types import SimpleNamespace
from uuid import UUID, uuid4

import drawn
import numpy as np
import pytest
from dataset_command import SPLIT, run
from reader import answered
from sqlalchemy import select, update
from ward import UNREAD, named

from core.errors import PerfuscopeError
from core.phi import Phi
from core.types import REQUIRED_VIEWS, AuditAction, Confidence, Decision, InstanceState, Label, Reason
from db import cases, layout_states, reviewed, reviews
from db.reviewed import LeftOut, Wish
from db.reviews import NewReview
from db.tables import AuditEvent, Instance, Review, ViewImage
from dicom_node import layout_decisions, layouts
from dicom_node.deidentify import Key
from dicom_node.layouts import maps_of
from dicom_node.prepare import screen
from training import datasets
from training.datasets import manifest as manifests
from training.datasets import reviewed_studies
from training.datasets.reviewed_studies import Gathering

KEY = Key(bytes(range(32)))
LABELS = (Label.NORMAL, Label.ISCHEMIA, Label.INFARCTION)
CUT = {}


def cut(view, seed):
    """What is kept of a drawn screen, and its file; drawn once."""
    if (view, seed) not in CUT:
        match, crop = screen(drawn.screen(view, seed), layouts=layouts.shipped())
        CUT[view, seed] = match, crop, crop.png()
    return CUT[view, seed]


def studied(ward, number: int, *, patient: int | None = None, seed: int | None = None, **said) -> UUID:
    """A classified study with real crops, of the patient of that number; its id."""
    who = named(f"ZZ-{patient or number}", f"TESTPATIENT^{number}", "19500101", f"A{number}", "20260102")
    uid = f"1.2.{number}"
    for place, view in enumerate(REQUIRED_VIEWS):
        match, crop, png = cut(view, seed or number)
        found = SimpleNamespace(
            view=view,
            rule_rank=0,
            acquired_at="20260102080000",
            layout_name=match.name,
            layout_version=match.version,
            crop=crop,
            layout=match.layout,
            maps=maps_of(crop, match.layout),
        )
        key = ward.arrive(f"1.1.{number}.{place}", study=uid, who=who)
        ward._end(key, ward.preparing._keep(key, found, png, UNREAD))
    return answered(ward, uid, **said)


def read(ward, study_id: UUID, reader: str, label: Label, confidence: Confidence = Confidence.HIGH) -> None:
    new = NewReview(uuid4(), reader, f"user:{reader}", label, confidence, Phi("TESTPATIENT breathed"))
    with ward.sessions.write() as session:
        reviews.add(session, cases.latest(session, study_id), new, now=ward.clock.now)
    ward.clock.turn(1)


def found(ward, **wish):
    with ward.sessions.read() as session:
        return reviewed.find(session, Wish(**wish))


@pytest.fixture
def cohort(ward):
    """Three patients of each label, numbered from 1 on; a sure reader called each."""
    for number in range(1, 10):
        read(ward, studied(ward, number, seed=number), "ann", LABELS[number % 3])
    return ward


def gathered(ward, out, wish=None, **more):
    told = []
    tell = lambda _session, one: told.append(one.study_id)  # noqa: E731 - a short fake
    gathering = Gathering(ward.sessions, KEY, layouts.shipped(), more.pop("engine", None), tell)
    made = gathering.write(found(ward, **(wish or {})), out, source="simulated", command="test")
    return made, told


def test_all_readers_must_say_the_same_and_be_two_or_one_who_is_sure(ward):
    said = {
        1: [("ann", Label.NORMAL, Confidence.HIGH)],
        2: [("ann", Label.NORMAL, Confidence.MODERATE)],
        3: [("ann", Label.NORMAL, Confidence.LOW), ("bob", Label.NORMAL, Confidence.LOW)],
        4: [("ann", Label.NORMAL, Confidence.HIGH), ("bob", Label.ISCHEMIA, Confidence.LOW)],
        5: [("ann", Label.ISCHEMIA, Confidence.HIGH), ("ann", Label.NORMAL, Confidence.HIGH)],
    }
    keys = {number: studied(ward, number, seed=1) for number in said}
    for number, of_it in said.items():
        for one in of_it:
            read(ward, keys[number], *one)
    usual, strict = found(ward), found(ward, two_readers=True)
    assert {one.study_id: one.readers for one in usual.studies} == {keys[1]: 1, keys[3]: 2, keys[5]: 1}
    assert {one.label for one in usual.studies} == {Label.NORMAL}
    assert usual.left_out == {keys[2]: LeftOut.NOT_SURE, keys[4]: LeftOut.DISAGREE}
    assert [one.study_id for one in strict.studies] == [keys[3]]
    assert strict.left_out[keys[1]] is LeftOut.ONE_READER


def test_of_a_patient_the_newest_study_is_taken_and_who_does_not_want_is_left_out(ward):
    first = studied(ward, 1, seed=1)
    ward.clock.turn(86_400)
    second, other = studied(ward, 2, patient=1, seed=1), studied(ward, 3, seed=1)
    for study_id in (first, second, other):
        read(ward, study_id, "ann", Label.NORMAL)
    assert [one.study_id for one in found(ward, opted_out=[Phi("ZZ-3 ")]).studies] == [second]
    assert found(ward, opted_out=[Phi("ZZ-3 ")]).left_out == {
        first: LeftOut.ANOTHER_STUDY,
        other: LeftOut.OPTED_OUT,
    }
    assert {one.study_id for one in found(ward, since=ward.clock.now).studies} == set()


def test_what_is_in_quarantine_rejected_or_read_before_its_newest_revision_is_refused(ward):
    from dicom_node import decisions

    kept_back, rejected, replaced = (studied(ward, number, seed=1) for number in (1, 2, 3))
    for study_id in (kept_back, rejected, replaced):
        read(ward, study_id, "ann", Label.NORMAL)
    with ward.sessions.write() as session:
        one = session.scalars(select(Instance).where(Instance.study_id == kept_back)).first()
        one.state, one.reason = InstanceState.QUARANTINED, Reason.TEXT_FOUND
        session.scalars(select(Instance).where(Instance.study_id == rejected)).first().decision = Decision.REJECTED
        decisions.classify_again(session, replaced, actor="test", now=ward.clock.now, policy=ward.policy)
    assert found(ward).studies == ()
    assert found(ward).left_out == {
        kept_back: LeftOut.QUARANTINED,
        rejected: LeftOut.REJECTED,
        replaced: LeftOut.REPLACED,
    }


def test_of_a_patient_the_newest_study_that_counts_is_taken(ward):
    older = studied(ward, 1, seed=1)
    ward.clock.turn(60)
    newer = studied(ward, 2, patient=1, seed=1)
    for study_id in (older, newer):
        read(ward, study_id, "ann", Label.NORMAL)
    with ward.sessions.write() as session:
        stray = session.scalars(select(Instance).where(Instance.study_id == newer)).first()
        stray.state, stray.reason = InstanceState.QUARANTINED, Reason.UNKNOWN_LAYOUT
        key = stray.id
    assert [one.study_id for one in found(ward).studies] == [older]
    assert found(ward).left_out == {newer: LeftOut.QUARANTINED}
    with ward.sessions.write() as session:  # a stranger's screen, which the result was never made of
        stray = session.get_one(Instance, key)
        stray.decision, stray.view_image_id = Decision.REJECTED, None
    assert [one.study_id for one in found(ward).studies] == [newer]
    assert found(ward).left_out == {older: LeftOut.ANOTHER_STUDY}


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_where_the_crops_of_a_patients_newest_study_are_gone_an_older_one_is_taken(ward, tmp_path, monkeypatch):
    keys = []
    for number in (1, 2, 3):
        keys.append(studied(ward, number, patient=1, seed=number))
        read(ward, keys[-1], "ann", Label.NORMAL)
        ward.clock.turn(60)
    oldest, older, newest = keys
    with ward.sessions.write() as session:
        session.delete(session.scalars(select(ViewImage).where(ViewImage.study_id == newest)).first())
    monkeypatch.setattr(reviewed_studies.importing, "check_classes", lambda *_: None)
    made, told = gathered(ward, tmp_path / "set")
    assert (len(made.patients), told) == (1, [older])
    assert made.left_out == {str(newest): "purged", str(oldest): "another_study_of_the_patient"}


def test_a_data_set_is_made_of_crops_and_training_reads_it(cohort, tmp_path):
    made, told = gathered(cohort, tmp_path / "set")
    assert len(made.patients) == len(told) == 9
    assert not (tmp_path / "set" / "images").exists()
    run("split", tmp_path / "set", *SPLIT)
    run("verify", tmp_path / "set")
    loaded = datasets.read(tmp_path / "set")
    assert set(loaded.counts().values()) == {3}
    assert (loaded.source, set(loaded.provenance)) == ("simulated", {"original"})
    assert np.isfinite(loaded.maps).all()
    assert set(loaded.subset) == {"train", "validation", "test"}


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_pixels_of_a_data_set_are_those_that_were_served(cohort, tmp_path):
    from models.preprocess import resize

    gathered(cohort, tmp_path / "set")
    loaded = datasets.read(tmp_path / "set")
    served = {resize(cut(REQUIRED_VIEWS[0], number)[1].pixels).tobytes() for number in range(1, 10)}
    assert {pixels[0].tobytes() for pixels in loaded.pixels} == served


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_nothing_of_a_data_set_names_a_patient_or_a_reader(cohort, tmp_path):
    disputed = studied(cohort, 20, seed=1)
    read(cohort, disputed, "ann", Label.NORMAL)
    read(cohort, disputed, "bob", Label.ISCHEMIA)
    made, _ = gathered(cohort, tmp_path / "set")
    text = (tmp_path / "set" / "manifest.json").read_text()
    names = " ".join(path.name for path in (tmp_path / "set").rglob("*"))
    for word in ("ZZ-", "TESTPATIENT", "1950", "ann", "bob", "breathed", "1.2."):
        assert word not in text.replace("channel", "")
        assert word not in names
    assert made.left_out == {str(disputed): "readers_disagree"}
    again, _ = gathered(cohort, tmp_path / "again")
    assert [one.id for one in again.patients] == [one.id for one in made.patients]


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_crop_that_is_not_what_was_kept_or_whose_layout_may_not_be_used_is_left_out(cohort, tmp_path, monkeypatch):
    with cohort.sessions.write() as session:
        images = session.scalars(select(ViewImage).order_by(ViewImage.created_at, ViewImage.view)).all()
        by_study = {image.study_id: image for image in images}
        (gone, changed, older, foreign, *_) = by_study.values()
        foreign.layout_version = 99
        older.maps = None
        changed.sha256 = "0" * 64
        session.delete(gone)
        keys = [str(one.study_id) for one in (gone, changed, older, foreign)]
    monkeypatch.setattr(reviewed_studies.importing, "check_classes", lambda *_: None)
    made, told = gathered(cohort, tmp_path / "set")
    whys = ("purged", "not_the_crop_that_was_kept", "maps_missing", "layout_not_in_force")
    assert made.left_out == dict(zip(keys, whys, strict=True))
    assert not {str(key) for key in told} & made.left_out.keys()
    with cohort.sessions.write() as session:
        used = next(x for x in layouts.shipped() if x.name == drawn.LAYOUT.name)
        layout_states.suspend(session, layout_decisions.key(used), instance_id=uuid4(), now=cohort.clock.now)
    made, told = gathered(cohort, tmp_path / "suspended")
    assert (made.patients, told) == ((), [])
    assert set(made.left_out.values()) == {"purged", "layout_suspended"}


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_text_in_a_crop_leaves_its_study_out_and_suspends_the_layout(cohort, tmp_path, monkeypatch):
    seen = []

    def find_text(crop, engine, **_):
        seen.append(crop.view)
        return SimpleNamespace(found=len(seen) == 4)

    monkeypatch.setattr(reviewed_studies.textcheck, "find_text", find_text)
    with pytest.raises(PerfuscopeError, match="every class is needed"):
        gathered(cohort, tmp_path / "set", engine=object())
    assert not (tmp_path / "set").exists()
    with cohort.sessions.read() as session:
        (event,) = session.scalars(select(AuditEvent).where(AuditEvent.action == AuditAction.SUSPEND))
        assert event.detail.startswith(f"layout {drawn.LAYOUT.name}")


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_an_unread_crop_of_a_layout_on_probation_is_left_out_unless_it_was_read_when_it_was_kept(
    cohort, tmp_path, monkeypatch
):
    monkeypatch.setattr(reviewed_studies.layout_states, "standing", lambda *_: layout_states.Standing.PROBATION)
    monkeypatch.setattr(reviewed_studies.importing, "check_classes", lambda *_: None)
    made, _ = gathered(cohort, tmp_path / "set")
    assert set(made.left_out.values()) == {"not_checked_for_text"}
    with cohort.sessions.write() as session:
        session.execute(update(ViewImage).values(checks={"text": {"found": False}}))
    made, _ = gathered(cohort, tmp_path / "read")
    assert len(made.patients) == 9


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_the_command_says_what_it_took_what_it_left_out_and_what_comes_next(cohort, tmp_path):
    read(cohort, studied(cohort, 20, seed=1), "ann", Label.NORMAL, Confidence.LOW)
    (tmp_path / "no.txt").write_text("ZZ-9\n\n")
    out = tmp_path / "set"
    asked = ("--from-database", "--out", out, "--unread", "--simulated", "--opted-out", tmp_path / "no.txt")
    said = run("import", *asked, "--home", tmp_path)
    assert "8 simulated patients (2 normal, 3 ischemia, 3 infarction), 2 left out" in said
    assert "left out: 1 study (one reader who is not sure)" in said
    assert "left out: 1 study (opted out)" in said
    assert "perfuscope dataset split" in said
    made = manifests.load(out)
    assert made.steps[0].command == "dataset import --from-database --opted-out FILE --unread --simulated"
    with cohort.sessions.read() as session:
        told = session.scalars(select(AuditEvent.detail).where(AuditEvent.action == AuditAction.EXPORT)).all()
    assert told == ["dataset crops=3"] * 8
    assert "original" in run("show", out)


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_wrong_command_says_what_is_allowed(ward, tmp_path):
    for asked, said in (
        (("--from-database",), "nobody has reviewed such a study yet"),
        ((tmp_path, "--from-database"), "takes neither a folder nor --labels"),
        ((), "name a folder of screens, or say --from-database"),
        ((tmp_path, "--two-readers"), "go with --from-database"),
    ):
        more = ("--unread",) if asked == ("--from-database",) else ()
        assert said in run("import", *asked, *more, "--out", tmp_path / "set", "--home", tmp_path, code=2)
    assert not (tmp_path / "set").exists()
    with ward.sessions.read() as session:
        assert session.scalars(select(Review)).all() == []
