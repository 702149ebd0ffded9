"""The administrators' pages: what each shows to whom, and that what is asked for is written down and done."""

import html
import re
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode
from uuid import UUID, uuid4

import numpy as np
import pytest
import toy_artifact
from entry import Browser, cookie
from pydicom import dcmwrite
from reader import JOAN, classified, reported, views_written_down
from sqlalchemy import select
from ward import JANE, JOHN, LEASE, Ward

from core.errors import PerfuscopeError
from core.jobs import JobStage, JobState
from core.orders import OrderKind, OrderState
from core.phi import Phi
from core.pictures import NoPicture
from core.roles import Role
from core.settings import Peer, Settings
from core.types import REQUIRED_VIEWS, AuditAction, Decision, InstanceState, ModelIdentity, Reason
from db import audit, identity, layout_states, model_versions, orders
from db.layout_states import Standing
from db.model_versions import NewArtifact
from db.order_tables import Order
from db.studies import Identity
from db.tables import AuditEvent, Instance, Job, ModelVersion
from dicom_node import layout_decisions
from dicom_node.inbox import Inbox
from models import artifact
from training.phantom import cohort, dicom
from viewer.admin import drawing
from viewer.admin.stored_pictures import StoredPictures
from viewer.app import make_app
from worker.layouts_in_force import LayoutsInForce
from worker.pipeline import choosing_model
from worker.pipeline.ordered import Ordering
from worker.task import Runner, StageWork

PEER = Peer(name="pacs", ae_title="TESTPACS", host="127.0.0.1", port=1, commitment=True)


@pytest.fixture
def database() -> str:
    """One of the two is enough here; test_schema.py and the roles' tests ask both."""
    return "sqlite"


@dataclass
class Office:
    """Somebody at the pages, and the node and edge worker that do what is asked for there."""

    ward: Ward
    settings: Settings
    browser: Browser

    def work(self) -> list[Order]:
        """The node takes what was asked, an edge worker does it; all orders, the oldest first."""
        ordering = Ordering(self.ward.sessions, self.settings, self.ward.policy, Inbox(self.settings.store))
        runner = Runner(self.ward.sessions, {JobStage.ORDER: StageWork(ordering.work, ordering.give_up, 3)}, LEASE)
        self.ward.rung.clear()
        self.ward.tick()
        for bell in list(self.ward.rung):
            runner.run(bell.job_id)
        with self.ward.sessions.read() as session:
            return list(session.scalars(select(Order).order_by(Order.asked_at)))

    def press(self, page: str, place: str, **fields: str) -> int:
        """Open a page and send one of its forms."""
        self.browser.get(page)
        return self.browser.post(place, fields).status_code

    def audited(self, action: AuditAction) -> list[tuple[str, UUID | None]]:
        with self.ward.sessions.read() as session:
            found = session.scalars(select(AuditEvent).where(AuditEvent.action == action).order_by(AuditEvent.at))
            return [(event.actor, event.subject) for event in found]


@pytest.fixture
def office(ward: Ward, tmp_path: Path) -> Office:
    settings = Settings(home=tmp_path, peers=(PEER,), min_free_disk_mb=1)
    made = Browser(make_app(settings, ward.sessions))
    made.headers["Cookie"] = cookie(ward.sessions, name="lara", role=Role.ADMIN)
    return Office(ward, settings, made)


@pytest.fixture
def auditor(office: Office) -> Browser:
    made = Browser(office.browser.app)
    made.headers["Cookie"] = cookie(office.ward.sessions, name="olga", role=Role.AUDITOR)
    return made


def kept_back(ward: Ward, reason: Reason = Reason.UNKNOWN_LAYOUT) -> UUID:
    """A study of which one screen lies in quarantine; the screen's key."""
    for view in REQUIRED_VIEWS[:2]:
        ward.screen(view)
    lost = ward.arrive("1.1.2")
    ward.quarantined(lost, reason)
    return lost


def mixed(ward: Ward) -> tuple[UUID, UUID]:
    """A study whose objects name two patients; its key, and the stranger's object's."""
    for view in REQUIRED_VIEWS:
        ward.screen(view)
    stranger = ward.arrive("1.9", screen=False, who=JOHN)
    ward.clock.turn(30)
    ward.tick()
    return ward.study().id, stranger


# Quarantine


def test_the_list_says_what_waits_and_why_and_that_it_was_looked_at_is_written_down(office, ward):
    lost = kept_back(ward)
    page = office.browser.get("/admin/quarantine").text
    assert "The screen&#39;s layout is not known" in page
    assert f"/admin/quarantine/{lost}" in page
    assert ("quarantine", None) in views_written_down(ward)


def test_nothing_in_quarantine_says_so(office):
    assert "Nothing is in quarantine" in office.browser.get("/admin/quarantine").text


def test_an_object_is_shown_with_whom_it_names_and_its_picture_but_no_name_stands_in_an_address(office, ward):
    lost = kept_back(ward)
    page = office.browser.get(f"/admin/quarantine/{lost}").text
    assert "TESTPATIENT" in page
    assert "T-001" in page
    assert f"/admin/quarantine/{lost}.png?seen=" in page
    asked = page[page.index('<details class="sure">') :].partition("</details>")[0]
    assert ("Nobody can take that back." in asked, 'value="reject"' in asked) == (True, True)
    assert page.count('value="reject"') == 1
    assert ("quarantine show", ward.study().id) in views_written_down(ward)


def test_what_does_not_wait_is_not_there(office, ward):
    good = ward.screen(REQUIRED_VIEWS[0])
    for key in (good, ward.study().id, uuid4()):
        assert office.browser.get(f"/admin/quarantine/{key}").status_code == 404
    assert office.press("/admin/jobs", f"/admin/quarantine/{uuid4()}", do="release") == 404
    assert office.press("/admin/jobs", f"/admin/quarantine/{good}", do="release") == 303
    assert office.work() == []


def test_who_comes_too_late_is_told_that_somebody_has_decided(office, ward):
    lost = kept_back(ward)
    place = f"/admin/quarantine/{lost}"
    office.press(place, place, do="reject")
    office.press(place, place, do="release")  # before an edge worker came to it
    assert [order.state for order in office.work()] == [OrderState.DONE, OrderState.REFUSED]
    page = office.browser.get("/admin/quarantine").text
    assert "that object was rejected before" in page
    assert "Somebody has decided" not in page
    answer = office.browser.post(place, {"do": "release"})
    assert "Somebody has decided on that meanwhile" in office.browser.get(answer.headers["location"]).text
    answer = office.browser.post(f"{place}/layout", {"name": "my-page"})
    assert answer.status_code == 409
    assert "Somebody has decided on this object meanwhile" in answer.text
    assert 'value="my-page"' in answer.text


def next_page(page: str) -> str | None:
    """The address of the list's next page, where there is one."""
    found = re.search(r'href="([^"]+)" rel="next"', page)
    return html.unescape(found[1]) if found else None


def test_what_waits_is_told_page_by_page(office, ward, monkeypatch):
    monkeypatch.setattr("viewer.admin.quarantine_page._MOST", 2)
    keys = [str(ward.arrive(f"1.1.{number}")) for number in range(5)]
    for key in keys:
        ward.quarantined(UUID(key), Reason.UNKNOWN_LAYOUT)
    pages = [office.browser.get("/admin/quarantine").text]
    while (place := next_page(pages[-1])) is not None:
        pages.append(office.browser.get(place).text)
    assert all("5 to decide" in page for page in pages)
    assert [sum(key in page for key in keys) for page in pages] == [2, 2, 1]
    assert ["First page" in page for page in pages] == [False, True, True]
    for wrong in ("0", "x", "1_x", "1e99_" + "0" * 32):
        assert office.browser.get(f"/admin/quarantine?after={wrong}").status_code == 404


def test_what_is_decided_on_one_page_of_the_quarantine_takes_nothing_from_the_next(office, ward, monkeypatch):
    monkeypatch.setattr("viewer.admin.quarantine_page._MOST", 2)
    study, _ = mixed(ward)  # its place among the objects is that of its revision
    objects = [ward.arrive(f"1.1.{number}", study="1.2.77", who=JOAN) for number in range(4)]
    for key in objects:
        ward.clock.turn(1)
        ward.quarantined(key, Reason.UNKNOWN_LAYOUT)
    page = office.browser.get("/admin/quarantine").text
    seen = {key for key in (study, *objects) if str(key) in page}
    place = f"/admin/quarantine/{objects[0]}"
    office.press(place, place, do="reject")
    office.work()
    while (place := next_page(page)) is not None:
        page = office.browser.get(place).text
        seen |= {key for key in (study, *objects) if str(key) in page}
    assert seen == {study, *objects}


def test_a_released_object_is_prepared_again_in_the_name_of_who_released_it(office, ward):
    lost = kept_back(ward)
    assert office.press(f"/admin/quarantine/{lost}", f"/admin/quarantine/{lost}", do="release") == 303
    assert "an edge worker does it" in office.browser.get("/admin/quarantine").text
    (order,) = office.work()
    assert (order.kind, order.state, order.actor) == (OrderKind.RELEASE, OrderState.DONE, "user:lara")
    with ward.sessions.read() as session:
        found = session.get_one(Instance, lost)
        assert (found.state, found.decision) == (InstanceState.RECEIVED, Decision.RELEASED)
    assert office.audited(AuditAction.RELEASE) == [("user:lara", lost)]
    page = office.browser.get("/admin/quarantine").text
    assert "prepared again" in page
    assert 'data-waiting="0"' in page


def test_a_rejected_object_counts_as_not_there(office, ward):
    lost = kept_back(ward)
    assert office.press(f"/admin/quarantine/{lost}", f"/admin/quarantine/{lost}", do="reject") == 303
    (order,) = office.work()
    assert order.state is OrderState.DONE
    assert office.audited(AuditAction.REJECT) == [("user:lara", lost)]
    assert office.browser.get(f"/admin/quarantine/{lost}").status_code == 404


def test_what_was_decided_meanwhile_is_refused_in_words_and_tried_no_more(office, ward):
    lost = kept_back(ward)
    with ward.sessions.write() as session:
        now = ward.clock.now
        for _ in range(2):  # the same twice is one
            orders.ask(session, OrderKind.RELEASE, actor="user:lara", now=now, subject=lost)
        orders.ask(session, OrderKind.REJECT, actor="user:lara", now=now, subject=ward.study().id)
        orders.ask(session, OrderKind.RELEASE, actor="user:other", now=now, subject=uuid4())
    assert sorted((o.state.value, o.said["text"][:22]) for o in office.work()) == [
        ("done", "the object is prepared"),
        ("refused", "that object is not the"),
        ("refused", "that object is not the"),
    ]
    assert all(job.state is JobState.DONE for job in ward.jobs(JobStage.ORDER))


def test_a_study_of_two_patients_is_declared_one_or_loses_the_stranger(office, ward):
    study, stranger = mixed(ward)
    page = office.browser.get(f"/admin/quarantine/{study}").text
    assert "They are one patient&#39;s" in page or "They are one patient's" in page
    assert "TESTPATIENT, JOHN" in page
    assert office.press(f"/admin/quarantine/{study}", f"/admin/quarantine/{study}", do="reject") == 400
    assert office.press(f"/admin/quarantine/{study}", f"/admin/quarantine/{stranger}", do="reject") == 303
    (order,) = office.work()
    assert order.state is OrderState.DONE
    assert ward.study().patient_id == JANE.patient_id


def test_a_study_is_declared_to_be_one_patients(office, ward):
    study, _ = mixed(ward)
    office.press(f"/admin/quarantine/{study}", f"/admin/quarantine/{study}", do="release")
    (order,) = office.work()
    assert (order.state, ward.study().identities_accepted is not None) == (OrderState.DONE, True)


def test_a_picture_is_drawn_by_another_process_and_its_opening_is_written_down(office, ward, tmp_path):
    lost = kept_back(ward)
    office.settings.store.mkdir(parents=True)
    dcmwrite(office.settings.store / "x", dicom.datasets(cohort.simulate(2026, 1))[0], enforce_file_format=True)
    answer = office.browser.get(f"/admin/quarantine/{lost}.png")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/png")
    assert answer.content.startswith(b"\x89PNG")
    assert ("quarantine picture", ward.study().id) in views_written_down(ward)


def test_there_is_no_picture_of_what_is_no_object_or_lies_elsewhere(tmp_path):
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "no-object").write_bytes(b"x" * 200)
    (tmp_path / "elsewhere").write_bytes(b"x")
    pictures = StoredPictures(tmp_path / "store")
    assert pictures.of("no-object") is NoPicture.UNREADABLE
    assert pictures.of("../elsewhere") is NoPicture.MISSING


# Jobs


def given_up(ward: Ward, error: str = "peer_unreachable") -> UUID:
    """A delivery that was given up."""
    reported(ward, classified(ward, "1.2.9"), None)
    with ward.sessions.write() as session:
        job = session.scalars(select(Job).where(Job.stage == JobStage.DELIVER)).one()
        job.state, job.error, job.attempts = JobState.DEAD, error, 30
        return job.id


def test_jobs_say_why_in_words_and_lead_to_their_study(office, ward):
    job = given_up(ward)
    page = office.browser.get("/admin/jobs?state=dead&stage=deliver").text
    assert "Nothing answers at the peer&#39;s host and port" in page
    assert f"/admin/jobs/{job}/retry" in page
    assert f"/studies/{ward.study().id}" in page
    assert office.browser.get("/admin/jobs?state=waiting&stage=prepare").text.count("<tr>") == 0
    assert office.browser.get("/admin/jobs?state=done").status_code == 404
    assert office.browser.get("/admin/jobs?stage=nothing").status_code == 404


def test_what_was_given_up_comes_before_what_is_newer_and_the_rest_is_on_the_next_page(office, ward, monkeypatch):
    monkeypatch.setattr("viewer.admin.jobs_page._MOST", 3)
    job = given_up(ward)
    ward.clock.turn(60)
    for number in range(4):
        ward.arrive(f"1.5.{number}")
    page = office.browser.get("/admin/jobs").text
    assert f"/admin/jobs/{job}/retry" in page
    place = next_page(page)
    assert place.startswith("/admin/jobs?state=&stage=&after=")
    assert f"/admin/jobs/{job}/retry" not in office.browser.get(place).text
    assert office.browser.get("/admin/jobs?after=x").status_code == 404


def test_a_job_that_is_tried_again_takes_nothing_from_the_next_page(office, ward, monkeypatch):
    for number in range(5):
        ward.arrive(f"1.5.{number}")
    everything = {job.id for job in ward.jobs()}
    first, *others = sorted(everything, reverse=True)
    with ward.sessions.write() as session:
        for key in (first, *others[:2]):
            session.get_one(Job, key).state = JobState.DEAD
    monkeypatch.setattr("viewer.admin.jobs_page._MOST", 2)
    page = office.browser.get("/admin/jobs").text
    seen = {key for key in everything if key.hex[:8] in page}
    assert seen == {first, others[0]}
    with ward.sessions.write() as session:
        session.get_one(Job, first).state = JobState.WAITING
    while (place := next_page(page)) is not None:
        page = office.browser.get(place).text
        seen |= {key for key in everything if key.hex[:8] in page}
    assert seen == everything


@pytest.mark.parametrize("place", ["/admin/jobs/{job}/retry", "/admin/jobs/retry"])
def test_what_was_given_up_is_tried_again(office, ward, place):
    job = given_up(ward)
    assert office.press("/admin/jobs", place.format(job=job)) == 303
    (order,) = office.work()
    assert order.said == {"text": "1 of 1 given-up jobs will be tried again"}
    with ward.sessions.read() as session:
        assert session.get_one(Job, job).state is JobState.WAITING
    assert office.audited(AuditAction.REQUEUE) == [("user:lara", job)]
    office.press("/admin/jobs", place.format(job=job))
    assert office.work()[-1].state is OrderState.REFUSED


def test_a_reason_that_is_no_peers_has_words_too(office, ward):
    given_up(ward, "bug:TypeError")
    assert "a mistake of Perfuscope" in office.browser.get("/admin/jobs").text


# Peers


def test_peers_say_when_their_newest_study_began(office, ward):
    given_up(ward)
    page = office.browser.get("/admin/peers").text
    assert "TESTPACS@127.0.0.1:1" in page
    assert "Newest study began</dt><dd><time" in page
    assert "1 given up" in page


def test_a_peer_is_tried_and_the_answer_stays_on_its_card(office, ward):
    assert office.press("/admin/peers", "/admin/peers/test", peer="pacs") == 303
    (order,) = office.work()
    assert order.state is OrderState.DONE
    assert [one["level"] for one in order.said["findings"]] == ["fail", "not run", "not run"]
    assert office.audited(AuditAction.TRY_PEER) == [("user:lara", order.id)]
    page = office.browser.get("/admin/peers").text
    assert "no answer to C-ECHO" in page
    assert "by user:lara" in page
    assert office.press("/admin/peers", "/admin/peers/test", peer="nobody") == 404


# Models


@pytest.fixture
def toys(ward: Ward, tmp_path: Path) -> dict[str, UUID]:
    """Two models that are whole; one in force. Their cards hold no figures, so that criteria are missed."""
    keys = {}
    for version in ("1", "2"):
        folder = toy_artifact.write(tmp_path / f"toy-{version}", network=b"TFL3" * int(version), version=version)
        found = artifact.load(folder)
        new = NewArtifact(found.identity, found.card.model_dump(mode="json"), artifact.pack(folder))
        with ward.sessions.write() as session:
            keys[version] = model_versions.activate(session, new, now=ward.clock.now).id
    return keys


def active(ward: Ward) -> UUID:
    with ward.sessions.read() as session:
        return model_versions.active(session).id


def test_models_say_which_is_in_force_by_whom_and_on_what_grounds(office, ward, toys):
    page = office.browser.get("/admin/models").text
    assert page.count("in force</span>") == 1
    assert "nothing was compared" in page
    assert f"/models/{toys['2']}" in page


def test_a_model_that_misses_a_criterion_is_refused_and_says_which(office, ward, toys):
    assert office.press("/admin/models", f"/admin/models/{toys['1']}", do="activate") == 303
    (order,) = office.work()
    assert order.state is OrderState.REFUSED
    assert "is not activated: patients of the reference set is unknown" in order.said["text"]
    assert active(ward) == toys["2"]
    assert "balanced accuracy: unknown" in office.browser.get("/admin/models").text
    assert office.audited(AuditAction.ACTIVATE) == []


def test_to_force_it_takes_a_reason_which_is_kept(office, ward, toys):
    assert office.press("/admin/models", f"/admin/models/{toys['1']}", do="force", reason="  ") == 422
    assert office.work() == []
    assert office.press("/admin/models", f"/admin/models/{toys['1']}", do="force", reason="to compare them") == 303
    (order,) = office.work()
    assert order.state is OrderState.DONE, order.said
    assert active(ward) == toys["1"]
    with ward.sessions.read() as session:
        grounds = session.get_one(ModelVersion, toys["1"]).activations[-1]
    assert (grounds["actor"], grounds["reason"]) == ("user:lara", "to compare them")
    assert "patients of the reference set" in grounds["missed"]
    assert office.audited(AuditAction.ACTIVATE) == [("user:lara", toys["1"])]


@pytest.mark.parametrize("name", ["../etc", "/etc", "", "A B"])
def test_no_path_is_a_models_name(office, name):
    assert office.press("/admin/models", "/admin/models/activate", do="activate", name=name) == 422


def test_a_name_that_does_not_come_with_the_release_is_told_with_those_that_do(ward, toys):
    with ward.sessions.write() as session:
        order = orders.ask(
            session, OrderKind.ACTIVATE, actor="user:lara", now=ward.clock.now, asked={"name": "no-such"}
        )
    with pytest.raises(PerfuscopeError, match=r"there are: .*mobilenet-sim-2"):
        choosing_model.judged(ward.sessions, order)


def test_a_damaged_model_is_not_put_in_force(office, ward, toys):
    with ward.sessions.read() as session:
        sha256 = session.get_one(ModelVersion, toys["2"]).sha256
    broken = NewArtifact(ModelIdentity("broken", "1", "b" * 64), {}, b"no zip")
    with ward.sessions.write() as session:
        key = model_versions.activate(session, broken, now=ward.clock.now).id
        model_versions.activate(session, NewArtifact(ModelIdentity("tiny", "2", sha256), {}, b""), now=ward.clock.now)
    office.press("/admin/models", f"/admin/models/{key}", do="force", reason="why not")
    (order,) = office.work()
    assert order.state is OrderState.REFUSED
    assert active(ward) == toys["2"]


# Audit trail


def test_the_trail_is_narrowed_by_who_what_study_and_day(office, ward):
    lost = kept_back(ward)
    study = ward.study().id
    office.press(f"/admin/quarantine/{lost}", f"/admin/quarantine/{lost}", do="release")
    office.work()

    def rows(query: str) -> int:
        return office.browser.get(f"/admin/audit{query}").text.count('<th scope="row">')

    assert rows("?action=release") == 1
    assert rows("?actor=user:lara&action=release") == 1
    assert rows("?actor=user:nobody") == 0
    assert rows(f"?study={study}&action=release") == 1
    assert rows(f"?study={uuid4()}") == 0
    assert rows("?since=2026-01-02&action=release") == 1
    assert rows("?until=2026-01-01") == 0
    assert rows("") > 3
    for wrong in ("?action=nothing", "?since=yesterday", "?after=x", "?after=1e400_00"):
        assert office.browser.get(f"/admin/audit{wrong}").status_code == 404
    assert ("audit", None) in views_written_down(ward)


def test_the_trail_takes_a_user_without_the_kind_and_a_key_as_its_rows_show_it(office, ward):
    kept_back(ward)
    first = ward.study().id

    def of(**asked: str) -> str:
        return office.browser.get(f"/admin/audit?{urlencode(asked)}").text

    with ward.sessions.write() as session:
        now = ward.clock.now
        for key in (first, UUID(int=1), UUID(int=2)):  # two studies are deleted; that they were is kept
            audit.record(session, AuditAction.PURGE, actor="os:lara", now=now, study_id=key, detail="studies")
    assert "worklist" not in of(actor="lara")  # she has looked at nothing but this page
    assert ">lara<" in of(actor="Lara").replace("user:", "")
    assert f"study={first}" in of(study=first.hex[:8])
    assert f"study={UUID(int=1)}" in of(study="0" * 31 + "1")
    for typed, said in (
        ("0000", "Several studies&#39; keys begin so; give more of it."),
        ("f" * 32, "No study&#39;s key begins so."),
        ("JANE", "A study&#39;s key is 32 digits and letters"),
    ):
        page = of(study=typed)
        assert said in page
        assert f'name="study" value="{typed}"' in page
    assert "Nothing was written down that fits." in of(actor="nobody")


@pytest.mark.parametrize("zone", ["Europe/Berlin", "local"])
def test_whoever_asks_for_days_is_told_whose_days_they_are(ward, tmp_path, zone):
    settings = Settings(home=tmp_path, report={"timezone": zone})
    browser = Browser(make_app(settings, ward.sessions))
    browser.headers["Cookie"] = cookie(ward.sessions, name="lara", role=Role.ADMIN)
    called = {zone} if zone != "local" else set(time.tzname)
    for place in ("/", "/admin/audit", "/admin/statistics"):
        page = browser.get(place).text
        assert any(f'id="days-of">Days of {name}<' in page for name in called), place
        assert page.count('aria-describedby="days-of"') == 2


def test_the_trail_goes_on_where_a_page_ends(office, ward):
    with ward.sessions.write() as session:
        for number in range(150):
            session.add(
                AuditEvent(
                    id=uuid4(), at=ward.clock.now, actor="os:many", action=AuditAction.PURGE, detail=f"n={number}"
                )
            )
    seen, place = set(), "/admin/audit?action=purge"
    while place:
        page = office.browser.get(place).text
        seen |= {part.partition("<")[0] for part in page.split(">n=")[1:]}
        place = page.partition('<p class="paging"><a class="button" href="')[2].partition('"')[0].replace("&amp;", "&")
    assert seen == {str(number) for number in range(150)}


# Overview, and who may see what


def test_the_overview_tells_disk_queues_and_what_waits(office, ward):
    kept_back(ward)
    given_up(ward)
    page = office.browser.get("/admin").text
    assert "of the disk is used" in page
    assert 'href="/admin/jobs?state=dead"' in page
    assert 'href="/admin/quarantine"' in page
    ward.clock.turn(120)
    assert "nobody works on it" in office.browser.get("/admin").text


def test_an_auditor_reads_what_names_no_patient_and_changes_nothing(office, ward, auditor):
    kept_back(ward)
    given_up(ward)
    for place in ("/admin", "/admin/jobs", "/admin/peers", "/admin/models", "/admin/audit", "/admin/orders/jobs"):
        page = auditor.get(place)
        assert page.status_code == 200
        assert "TESTPATIENT" not in page.text
        assert page.text.count('method="post"') == page.text.count('action="/logout"') <= 1
        assert "/studies/" not in page.text
    assert auditor.get("/admin/orders/nothing").status_code == 404
    assert auditor.get("/admin/quarantine").status_code == 403
    auditor.get("/admin/jobs")
    assert auditor.post("/admin/jobs/retry").status_code == 403
    assert office.work() == []


def test_a_form_without_its_token_asks_for_nothing(office, ward):
    lost = kept_back(ward)
    office.browser.get(f"/admin/quarantine/{lost}")
    assert office.browser.post(f"/admin/quarantine/{lost}", {"do": "release"}, csrf="x").status_code == 403
    assert office.work() == []


# Drawing a layout

DRAWN = {
    "name": "moved-page",
    "view": "qps",
    **{f"{letter}-0": str(n) for letter, n in zip("abcd", (990, 0, 1270, 180), strict=True)},
    **{f"{letter}-1": str(n) for letter, n in zip("abcd", (372, 967, 563, 999), strict=True)},
}


def moved(office: Office, screen: int = 0) -> UUID:
    """A screen in quarantine that is a known one moved to the side."""
    lost = kept_back(office.ward)
    office.settings.store.mkdir(parents=True, exist_ok=True)
    made = dicom.datasets(cohort.simulate(2026, 1))[screen]
    shape = (made.Rows, made.Columns, 3)
    made.PixelData = np.roll(np.frombuffer(made.PixelData, np.uint8).reshape(shape), 37, axis=1).tobytes()
    dcmwrite(office.settings.store / "x", made, enforce_file_format=True)
    return lost


def test_a_drawn_layout_is_saved_on_probation_and_what_it_may_know_is_prepared_again(office, ward):
    lost = moved(office)
    known = LayoutsInForce(office.settings)
    before = len(known)
    place = f"/admin/quarantine/{lost}/layout"
    assert office.press(place, place, **DRAWN) == 303
    (order,) = office.work()
    assert order.state is OrderState.DONE, order.said
    assert "keeps stress, rest, difference of QPS and is on probation; 1 screen is" in order.said["text"]
    (file,) = office.settings.layout_files
    assert (len(known), known[-1].name) == (before + 1, "moved-page")
    assert known[-1].views[0].panels[0].geometry == (544, 150, 145)
    with ward.sessions.read() as session:
        assert layout_states.standing(session, layout_decisions.key(known[-1])) is Standing.PROBATION
        assert session.get_one(Instance, lost).state is InstanceState.RECEIVED
    assert office.audited(AuditAction.LAYOUT) == [("user:lara", lost)]
    file.write_text("wrong")
    assert known[-1].name == "moved-page"  # what is wrong is not in force, what was stays


def test_four_panels_drawn_by_hand_and_two_captions_make_a_layout(office, monkeypatch):
    monkeypatch.setattr("worker.pipeline.drawn_layout.textcheck.installed", lambda: False)
    lost = moved(office, 1)
    names = ("thickening", "motion", "perfusion_es", "perfusion_ed")
    circles = ((834, 777, 143), (521, 773, 147), (833, 467, 146), (520, 463, 144))
    form = DRAWN | {"name": "gated-page", "view": "stress_qgs"}
    form |= {f"{letter}-1": str(n) for letter, n in zip("abcd", (372, 967, 467, 999), strict=True)}
    form |= {f"{letter}-2": str(n) for letter, n in zip("abcd", (467, 967, 563, 999), strict=True)}
    for row, (name, circle) in enumerate(zip(names, circles, strict=True), start=3):
        form |= {f"name-{row}": name, f"shape-{row}": "circle"}
        form |= {f"{letter}-{row}": str(n) for letter, n in zip("abc", circle, strict=True)}
    place = f"/admin/quarantine/{lost}/layout"
    assert office.press(place, place, **form) == 303
    (order,) = office.work()
    assert order.state is OrderState.DONE, order.said
    (view,) = LayoutsInForce(office.settings)[-1].views
    assert [(p.name, p.geometry) for p in view.panels] == [
        ("perfusion_ed", (522, 465, 145)),
        ("perfusion_es", (832, 465, 145)),
        ("motion", (522, 775, 145)),
        ("thickening", (832, 775, 145)),
    ]
    assert len(view.captions) == 2
    assert "Nothing here reads screens for text" in order.said["text"]
    assert "perfuscope layout trust gated-page" in order.said["text"]


@pytest.mark.parametrize("name", ["../perfuscope", "/tmp/x", "a" * 60, "x\0", "", None])
def test_an_order_that_no_page_made_writes_no_file_elsewhere(office, ward, name):
    lost = moved(office)
    asked = {"name": name, "view": "qps", "captions": [[0, 0, 9, 9]], "identity": None, "panels": []}
    with ward.sessions.write() as session:
        orders.ask(session, OrderKind.LAYOUT, actor="user:lara", now=ward.clock.now, subject=lost, asked=asked)
    before = set(office.settings.home.rglob("*"))
    (order,) = office.work()
    assert (order.state, "2 to 48 of a-z" in order.said["text"]) == (OrderState.REFUSED, True)
    assert set(office.settings.home.rglob("*")) == before


def test_a_layout_that_would_keep_the_patients_name_is_refused(office):
    lost = moved(office)
    place = f"/admin/quarantine/{lost}/layout"
    panel = {"name-3": "stress", "shape-3": "circle", "a-3": "1000", "b-3": "100", "c-3": "90"}
    assert office.press(place, place, **DRAWN, **panel) == 303
    (order,) = office.work()
    assert order.state is OrderState.REFUSED
    assert office.settings.layout_files == ()

    again = f"{place}?order={order.id}"
    assert f'href="{again}"' in office.browser.get("/admin/quarantine").text
    page = office.browser.get(again).text
    assert html.escape(order.said["text"]) in page
    assert filled_in(page) == {"name": DRAWN["name"], **{k: v for k, v in (DRAWN | panel).items() if k[1] == "-"}}
    assert 'value="qps" data-panels="stress rest difference" selected' in page
    assert office.browser.get(f"{place}?order={uuid4()}").status_code == 404
    assert office.browser.get(f"/admin/quarantine/{lost}/layout?order=x").status_code == 404


@pytest.mark.parametrize("view", list(drawing.NAMES))
@pytest.mark.parametrize("identity", [None, [1, 2, 3, 4]])
def test_what_an_order_says_is_drawn_on_as_it_was_sent(view, identity):
    panels = [{"name": name, "shape": "circle", "at": [50, 60, 7]} for name in drawing.NAMES[view][::-1]]
    panels[0] |= {"shape": "box", "at": [1, 2, 3, 4]}
    said = {"name": "some", "view": view.value, "identity": identity, "captions": [[5, 6, 7, 8]], "panels": panels[:-1]}
    assert drawing.asked(drawing.form(said)) == said
    assert drawing.form(said).one(f"name-{2 + len(panels)}") == panels[-1]["name"]  # the one that is left


def filled_in(page: str) -> dict[str, str]:
    """The numbers and the text that a form's fields hold."""
    found = re.findall(r'<input [^>]*name="(name|[a-d]-\d)"[^>]* value="([^"]+)"', page)
    return dict(found)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"name": "../x"}, "2 to 48 of a-z"),
        ({"a-1": ""}, "all of them, or none"),
        ({"a-1": "-4"}, "all of them, or none"),
        ({"a-1": "", "b-1": "", "c-1": "", "d-1": ""}, "draw a caption"),
        ({"nobody": "yes"}, "or say that these screens name nobody"),
        ({"view": "x"}, "which view"),
        ({"name-3": "motion", "a-3": "9", "b-3": "9", "c-3": "9"}, "panels of QPS are stress, rest, difference"),
    ],
)
def test_a_drawing_that_says_too_little_is_told_what_is_missing(office, ward, change, said):
    lost = kept_back(ward)
    place = f"/admin/quarantine/{lost}/layout"
    office.browser.get(place)
    answer = office.browser.post(place, DRAWN | change)
    assert answer.status_code == 422
    assert said.lower() in answer.text.lower()
    assert office.work() == []


# Two patients


def test_what_names_another_patient_is_marked_in_words_and_what_has_no_picture_says_so(office, ward):
    study, stranger = mixed(ward)
    page = office.browser.get(f"/admin/quarantine/{study}").text
    parts = {part[: part.index('"')]: part for part in page.split('<a href="/admin/quarantine/')[1:]}
    assert {key: part.count("unlike the others") for key, part in parts.items() if "unlike" in part} == {
        str(stranger): 3
    }
    assert "Not a screen" in parts[str(stranger)]
    assert "<img" not in parts[str(stranger)]
    assert sum("<img" in part for part in parts.values()) == 3


@pytest.mark.parametrize(
    ("ids", "apart"),
    [
        ("AAAB", [0, 0, 0, 1]),
        ("AB", [1, 1]),
        ("AABB", [1, 1, 1, 1]),
        ("A A", [0, 0, 0]),
        ("AaA", [0, 0, 0]),
    ],
)
def test_who_stands_apart_is_whom_most_others_contradict(ids, apart):
    named = [Identity(Phi(i.strip()), Phi("X^Y"), Phi("19500101"), Phi(""), Phi("")) for i in ids]
    assert [len(found) for found in identity.standing_apart(named)] == apart
    assert set().union(*identity.standing_apart(named)) <= {"id"}
