"""Screens are read for text as the settings and their layout's standing ask, and what is found keeps them back."""

from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select
from ward import LAYOUT, POLICY, Ward

from core.errors import PerfuscopeError, Unavailable
from core.maps import Maps
from core.settings import ChecksSettings
from core.types import AuditAction, InstanceState, Reason, View
from db import layout_states
from db.layout_states import PROBATION_IMAGES, Standing
from db.tables import AuditEvent, Instance, Job, ViewImage
from dicom_node import decisions, layout_decisions, textcheck
from worker.pipeline.checking import Checked, Checking
from worker.pipeline.preparing import Preparing

OWN = SimpleNamespace(
    **{**vars(LAYOUT), "name": "own", "shipped": False, "identity_box": (0, 0, 8, 8), "sha256": "e" * 64}
)
SHIPPED = SimpleNamespace(**{**vars(LAYOUT), "identity_box": (0, 0, 8, 8)})
WHO = "os:tester"


@dataclass
class FakeReader:
    """Stands for the text check: finds what the test says, and counts how often it was asked."""

    found: bool = False
    mismatch: bool = False
    looks: list[str] = field(default_factory=list)

    def find_text(self, crop: Any, engine: Any, *, allowed: Any, palette: Any) -> Any:
        self.looks.append("text")
        return SimpleNamespace(found=self.found, as_dict=lambda: {"found": int(self.found)})

    def compare_identity(self, pixels: Any, box: Any, who: Any, engine: Any) -> Any:
        self.looks.append("identity")
        outcome = textcheck.Outcome.MISMATCH if self.mismatch else textcheck.Outcome.AGREES
        return SimpleNamespace(outcome=outcome, as_dict=lambda: {"outcome": outcome.value})


@pytest.fixture
def reader(monkeypatch: pytest.MonkeyPatch) -> FakeReader:
    fake = FakeReader()
    monkeypatch.setattr(textcheck, "find_text", fake.find_text)
    monkeypatch.setattr(textcheck, "compare_identity", fake.compare_identity)
    return fake


def screen(layout: Any = OWN) -> Any:
    return SimpleNamespace(
        view=View.QPS,
        rule_rank=0,
        acquired_at="",
        layout=layout,
        layout_name=layout.name,
        layout_version=layout.version,
        maps=Maps(((0, 0, 0, 0), (255, 255, 255, 255)), {}),
        crop=SimpleNamespace(sha256="crop", png=lambda: b"png"),
        screen_pixels=None,
    )


def checking(text: str = "probation", identity: str = "probation", engine: object = "an engine") -> Checking:
    return Checking(ChecksSettings(text=text, identity=identity), lambda: engine)  # type: ignore[arg-type]


def look(how: Checking, standing: Standing, layout: Any = OWN, *, one_patient: bool = False) -> Checked:
    return how.look(screen(layout), None, standing, one_patient=one_patient)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("when", "standing", "looks"),
    [
        ("off", Standing.PROBATION, 0),
        ("off", Standing.TRUSTED, 0),
        ("probation", Standing.PROBATION, 1),
        ("probation", Standing.TRUSTED, 0),
        ("always", Standing.PROBATION, 1),
        ("always", Standing.TRUSTED, 1),
    ],
)
def test_each_check_is_made_as_its_setting_and_the_standing_ask(reader, when, standing, looks):
    assert look(checking(text=when, identity="off"), standing).reason is None
    assert reader.looks == ["text"] * looks
    reader.looks.clear()
    assert look(checking(text="off", identity=when), standing).reason is None
    assert reader.looks == ["identity"] * looks


def test_without_a_reader_what_must_be_read_is_kept_back_and_the_rest_is_not(reader):
    assert look(checking(engine=None), Standing.PROBATION).reason is Reason.NOT_CHECKED
    assert look(checking(engine=None), Standing.TRUSTED).reason is None
    assert look(checking("off", "off", engine=None), Standing.PROBATION).reason is None


def test_a_screen_of_a_suspended_layout_is_kept_back_unread(reader):
    assert look(checking("always", "always"), Standing.SUSPENDED).reason is Reason.LAYOUT_SUSPENDED
    assert reader.looks == []


def test_text_weighs_more_than_a_mismatch(reader):
    reader.found = reader.mismatch = True
    assert look(checking(), Standing.PROBATION).reason is Reason.TEXT_FOUND
    reader.found = False
    assert look(checking(), Standing.PROBATION).reason is Reason.IDENTITY_MISMATCH


def test_a_declared_patient_passes_and_the_record_says_so(reader):
    reader.mismatch = True
    checked = look(checking(), Standing.PROBATION, one_patient=True)
    assert checked.reason is None
    assert checked.record["identity"] == {"outcome": "mismatch", "one_patient": True}


def test_a_screen_that_burns_no_identity_in_is_not_compared(reader):
    plain = SimpleNamespace(**{**vars(OWN), "identity_box": None})
    assert look(checking(), Standing.PROBATION, plain).record["identity"] == "off"
    assert reader.looks == ["text"]


def test_a_reader_that_fails_is_no_look(reader, monkeypatch):
    def fail(*_: Any, **__: Any) -> Any:
        raise Unavailable("text_reader_failed")

    monkeypatch.setattr(textcheck, "find_text", fail)
    with pytest.raises(Unavailable):
        look(checking(), Standing.PROBATION)


class Site:
    """A ward whose screens come by a layout, read by a fake."""

    def __init__(self, ward: Ward, monkeypatch: pytest.MonkeyPatch, how: Checking, layout: Any) -> None:
        self.ward, self.layout, self.number = ward, layout, 0
        inbox: Any = SimpleNamespace(path=lambda _: None)
        self.preparing = Preparing(ward.sessions, inbox, (), (), POLICY, how)
        monkeypatch.setattr("worker.pipeline.preparing.prepare.prepare", lambda *_a, **_k: screen(self.layout))

    def arrives(self) -> UUID:
        self.number += 1
        key = self.ward.arrive(f"1.1.{self.number}", study=f"1.2.{self.number}")
        assert key is not None
        self.prepare(key)
        return key

    def prepare(self, key: UUID) -> None:
        claimed: Any = SimpleNamespace(subject=key)
        self.ward._end(key, self.preparing.work(claimed))

    def state(self, key: UUID) -> tuple[InstanceState, Reason | None]:
        with self.ward.sessions.read() as session:
            instance = session.get_one(Instance, key)
            return instance.state, instance.reason

    def standing(self) -> Standing:
        with self.ward.sessions.read() as session:
            return layout_states.standing(session, layout_decisions.key(self.layout))

    def decide(self, decision: Any, *what: Any) -> Any:
        with self.ward.sessions.write() as session:
            return decision(session, *what, actor=WHO, now=self.ward.clock.now)

    def due(self) -> set[UUID]:
        with self.ward.sessions.read() as session:
            return set(session.scalars(select(Job.subject).where(Job.state == "waiting")))


PREPARED = (InstanceState.PREPARED, None)


def kept_back(reason: Reason) -> tuple[InstanceState, Reason]:
    return InstanceState.QUARANTINED, reason


@pytest.fixture
def site(ward: Ward, monkeypatch: pytest.MonkeyPatch, reader: FakeReader) -> Site:
    return Site(ward, monkeypatch, checking(), OWN)


def test_a_crop_is_kept_with_what_was_checked(site):
    key = site.arrives()
    assert site.state(key) == PREPARED
    with site.ward.sessions.read() as session:
        kept = session.scalars(select(ViewImage)).one().checks
        assert kept == session.get_one(Instance, key).checks
    assert kept == {"text": {"found": 0}, "identity": {"outcome": "agrees", "one_patient": False}}


def test_fifty_screens_that_passed_end_the_probation(site, reader):
    for _ in range(PROBATION_IMAGES):
        site.arrives()
    assert site.standing() is Standing.TRUSTED
    reader.looks.clear()
    assert site.state(site.arrives()) == PREPARED
    assert reader.looks == []


def test_the_same_screen_looked_at_again_does_not_count_twice(site):
    key = site.arrives()
    site.decide(
        lambda session, **_: decisions.look_again(session, session.get_one(Instance, key), now=site.ward.clock.now)
    )
    site.prepare(key)
    with site.ward.sessions.read() as session:
        assert layout_states.states(session)[OWN.sha256].passed == 1


def test_a_text_suspends_the_layout_until_somebody_resumes_it(site, reader):
    reader.found = True
    first = site.arrives()
    assert site.state(first) == kept_back(Reason.TEXT_FOUND)
    assert site.standing() is Standing.SUSPENDED
    reader.found = False
    second = site.arrives()
    assert site.state(second) == kept_back(Reason.LAYOUT_SUSPENDED)
    assert site.decide(layout_decisions.resume, OWN) == 1
    assert second in site.due()
    assert first not in site.due()
    site.prepare(second)
    assert site.state(second) == PREPARED
    with site.ward.sessions.read() as session:
        actions = list(session.scalars(select(AuditEvent.action).order_by(AuditEvent.at)))
    assert actions.count(AuditAction.SUSPEND) == actions.count(AuditAction.RESUME) == 1
    with pytest.raises(PerfuscopeError, match="not suspended"):
        site.decide(layout_decisions.resume, OWN)


def test_a_layout_that_nobody_suspended_is_not_resumed_in_place_of_another(site, reader):
    reader.found = True
    site.arrives()
    waiting = site.arrives()
    with pytest.raises(PerfuscopeError, match="not suspended"):
        site.decide(layout_decisions.resume, SHIPPED)
    assert site.state(waiting) == kept_back(Reason.LAYOUT_SUSPENDED)
    with site.ward.sessions.read() as session:
        assert layout_states.standing(session, layout_decisions.key(SHIPPED)) is Standing.TRUSTED
        assert SHIPPED.sha256 not in layout_states.states(session)


def test_a_mended_file_is_another_layout_and_takes_over_what_waited(site, reader):
    reader.found = True
    site.arrives()
    waiting = site.arrives()
    reader.found = False
    site.layout = SimpleNamespace(**{**vars(OWN), "sha256": "d" * 64})
    assert site.decide(layout_decisions.resume, site.layout) == 1
    site.prepare(waiting)
    assert site.state(waiting) == PREPARED


def test_a_screen_that_was_read_before_its_layout_was_suspended_is_not_kept_after(site, reader):
    key = site.ward.arrive("1.1.77", study="1.2.77")
    claimed: Any = SimpleNamespace(subject=key)
    finish = site.preparing.work(claimed)
    reader.found = True
    site.arrives()
    site.ward._end(key, finish)
    assert site.state(key) == kept_back(Reason.LAYOUT_SUSPENDED)


def test_a_screen_that_was_trusted_unread_is_not_kept_on_its_layouts_new_probation(site, reader):
    site.decide(layout_decisions.trust, OWN)
    key = site.ward.arrive("1.1.77", study="1.2.77")
    claimed: Any = SimpleNamespace(subject=key)
    finish = site.preparing.work(claimed)
    assert reader.looks == []
    with site.ward.sessions.write() as session:
        layout_states.suspend(session, layout_decisions.key(OWN), instance_id=key, now=site.ward.clock.now)
    site.decide(layout_decisions.resume, OWN)
    with pytest.raises(Unavailable):
        site.ward._end(key, finish)
    assert site.state(key)[0] is InstanceState.RECEIVED
    site.prepare(key)
    assert site.state(key) == PREPARED
    assert "text" in reader.looks


def test_a_shipped_layout_is_suspended_too_where_every_screen_is_read(ward, monkeypatch, reader):
    site = Site(ward, monkeypatch, checking("always", "always"), SHIPPED)
    assert site.state(site.arrives()) == PREPARED
    reader.found = True
    site.arrives()
    assert site.standing() is Standing.SUSPENDED


def test_screens_that_nobody_could_read_are_prepared_again_once_their_layout_is_trusted(ward, monkeypatch, reader):
    site = Site(ward, monkeypatch, checking(engine=None), OWN)
    key = site.arrives()
    assert site.state(key) == kept_back(Reason.NOT_CHECKED)
    assert site.decide(layout_decisions.trust, OWN) == 1
    site.prepare(key)
    assert site.state(key) == PREPARED
    with pytest.raises(PerfuscopeError, match="trusted already"):
        site.decide(layout_decisions.trust, OWN)


def test_releasing_another_patients_screen_declares_that_they_are_the_same(site, reader):
    reader.mismatch = True
    key = site.arrives()
    assert site.state(key) == kept_back(Reason.IDENTITY_MISMATCH)
    assert site.standing() is Standing.PROBATION
    site.decide(decisions.release_object, key)
    site.prepare(key)
    assert site.state(key) == PREPARED


def test_releasing_a_screen_with_text_changes_nothing(site, reader):
    reader.found = True
    key = site.arrives()
    site.decide(layout_decisions.resume, OWN)
    site.decide(decisions.release_object, key)
    site.prepare(key)
    assert site.state(key) == kept_back(Reason.TEXT_FOUND)
    assert site.standing() is Standing.SUSPENDED


def test_a_release_for_another_reason_does_not_declare_the_patient(site, reader, monkeypatch):
    unread = Site(site.ward, monkeypatch, checking(engine=None), OWN)
    key = unread.arrives()
    site.decide(decisions.release_object, key)
    reader.mismatch = True
    site.prepare(key)
    assert site.state(key) == kept_back(Reason.IDENTITY_MISMATCH)


def test_what_a_check_found_prints_no_text():
    assert "SECRET" not in repr(replace(Checked(None, {}), record={"text": "SECRET"}))
