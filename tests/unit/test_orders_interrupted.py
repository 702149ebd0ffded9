"""What administrators ask for, when its worker dies half way, when two ask at once, or when something changed since."""

import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from uuid import UUID

import drawn
import numpy as np
import pytest
import toy_artifact
from PIL import Image
from sqlalchemy import select
from typer.testing import CliRunner
from ward import LEASE, Ward

from cli.main import app
from core.errors import PerfuscopeError, Unavailable
from core.jobs import JobStage
from core.orders import OrderKind, OrderState
from core.settings import Settings
from core.types import REQUIRED_VIEWS, AuditAction, InstanceState, Reason, View
from db import layout_states, model_versions, orders
from db.model_versions import NewArtifact
from db.order_tables import Order
from db.tables import AuditEvent, Instance, ModelVersion
from dicom_node import layout_decisions, layouts
from dicom_node.inbox import Inbox
from dicom_node.layout_folder import LayoutFolder
from dicom_node.layouts import Layout
from models import artifact
from worker.pipeline import drawn_layout
from worker.pipeline.ordered import Ordering
from worker.task import Runner, StageWork

ASIDE = 37
"""Columns by which the screens that nobody knows are moved."""


@pytest.fixture
def database() -> str:
    """One of the two is enough here; test_schema.py and the roles' tests ask both."""
    return "sqlite"


@cache
def moved(view: View) -> np.ndarray:
    return np.roll(drawn.screen(view, 1), ASIDE, axis=1)


@dataclass
class Desk:
    """Orders of an administrator, and the edge workers that do them."""

    ward: Ward
    settings: Settings

    def __post_init__(self) -> None:
        self.inbox = Inbox(self.settings.store)
        self.settings.store.mkdir(parents=True, exist_ok=True)
        self.folder = LayoutFolder.of(self.settings)

    def lost(self, view: View) -> UUID:
        """A screen in quarantine that no layout knows."""
        key = self.ward.arrive(f"1.1.{list(View).index(view)}", study="1.2.9")
        self.ward.quarantined(key, Reason.UNKNOWN_LAYOUT)
        Image.fromarray(moved(view)).save(self.settings.store / f"{key}.png", "PNG", compress_level=1)
        with self.ward.sessions.write() as session:
            session.get_one(Instance, key).path = f"{key}.png"
        return key

    def ask(self, key: UUID, view: View, name: str = "moved-page", *, panels: int = 9) -> Order:
        """Ask for a layout with the first so many panels of the view."""
        (screen,) = (one for one in drawn.LAYOUT.views if one.view is view)
        box = screen.captions[0].box
        circles = [(p.name, [p.centre[0] + ASIDE, p.centre[1], p.radius]) for p in screen.panels[:panels]]
        said = {
            "name": name,
            "view": view.value,
            "identity": [1005, 0, 1280, 180],
            "captions": [[box.left + ASIDE, box.top, box.right + ASIDE, box.bottom]],
            "panels": [{"name": panel, "shape": "circle", "at": at} for panel, at in circles],
        }
        return self.order(OrderKind.LAYOUT, key, said)

    def order(self, kind: OrderKind, subject: UUID | None, said: dict) -> Order:
        with self.ward.sessions.write() as session:
            now = self.ward.clock.now
            made = orders.ask(session, kind, actor="user:lara", now=now, subject=subject, asked=said)
        self.ward.clock.turn(1)
        return made

    def looked_at(self, order: Order):
        """What an edge worker has made of an order before it writes anything."""
        return drawn_layout.saving(order, self.ward.sessions, self.inbox, self.settings)

    def work(self) -> list[tuple[OrderState, str]]:
        """Do all that is due; how each order ended and what was said, the oldest first."""
        ordering = Ordering(self.ward.sessions, self.settings, self.ward.policy, self.inbox)
        runner = Runner(self.ward.sessions, {JobStage.ORDER: StageWork(ordering.work, ordering.give_up, 3)}, LEASE)
        for _ in range(3):
            self.ward.rung.clear()
            self.ward.tick()
            for bell in list(self.ward.rung):
                runner.run(bell.job_id)
            self.ward.clock.turn(60)
        with self.ward.sessions.read() as session:
            found = session.scalars(select(Order).order_by(Order.asked_at))
            return [(one.state, (one.said or {}).get("text", "")) for one in found]

    def in_force(self) -> list[tuple[str, int]]:
        """The layouts of the folder: an edge worker could start with them."""
        known = layouts.load_all(self.settings.layout_files)
        return [(one.name, one.version) for one in known if not one.shipped]

    def known(self) -> Layout:
        return layouts.load(self.settings.layout_files[0])

    def state(self, key: UUID) -> InstanceState:
        with self.ward.sessions.read() as session:
            return session.get_one(Instance, key).state


@pytest.fixture
def desk(ward: Ward, tmp_path: Path) -> Desk:
    return Desk(ward, Settings(home=tmp_path, min_free_disk_mb=1))


def died_before_commit(desk: Desk, order: Order) -> None:
    """An edge worker writes the layout's file and dies before its transaction ends."""
    act = desk.looked_at(order)
    with desk.ward.sessions.write() as session:
        act(session, order, desk.ward.clock.now)
        session.rollback()


def test_a_layout_whose_worker_died_after_writing_its_file_is_saved_by_the_next(desk):
    lost = desk.lost(View.QPS)
    died_before_commit(desk, desk.ask(lost, View.QPS))
    assert desk.state(lost) is InstanceState.QUARANTINED
    ((state, said),) = desk.work()
    assert state is OrderState.DONE, said
    assert "on probation; 1 screen is prepared again" in said
    assert (desk.in_force(), desk.state(lost)) == ([("moved-page", 1)], InstanceState.RECEIVED)


def test_a_further_view_whose_worker_died_is_not_added_twice(desk):
    first, second = desk.lost(View.QPS), desk.lost(View.STRESS_QGS)
    desk.ask(first, View.QPS)
    desk.work()
    died_before_commit(desk, desk.ask(second, View.STRESS_QGS))
    assert desk.work()[1][0] is OrderState.DONE
    assert desk.in_force() == [("moved-page", 2)]
    assert [one.view for one in desk.known().views] == [View.QPS, View.STRESS_QGS]


def test_the_same_drawing_saved_twice_changes_nothing_and_another_one_needs_another_name(desk):
    lost = desk.lost(View.QPS)
    desk.ask(lost, View.QPS)
    desk.work()
    before = desk.folder.content("moved-page")
    desk.ask(lost, View.QPS)
    desk.ask(lost, View.QPS, panels=2)
    (_, (second, _), (third, why)) = desk.work()
    assert (second, third) == (OrderState.DONE, OrderState.REFUSED)
    assert "knows QPS already: give this one another name" in why
    assert desk.folder.content("moved-page") == before


def test_of_two_drawings_under_one_name_at_once_the_second_is_judged_anew(desk):
    lost = desk.lost(View.QPS)
    first, second = (desk.looked_at(desk.ask(lost, View.QPS, panels=n)) for n in (3, 2))
    with desk.ward.sessions.write() as session:
        _, order = session.scalars(select(Order).order_by(Order.asked_at))
        first(session, order, desk.ward.clock.now)
        with pytest.raises(Unavailable, match="layout_changed_meanwhile"):
            second(session, order, desk.ward.clock.now)
    assert len(desk.known().views[0].panels) == 3
    assert [state for state, _ in desk.work()] == [OrderState.DONE, OrderState.REFUSED]


def test_two_layouts_at_once_that_claim_the_same_screens_do_not_both_come_into_force(desk):
    lost = desk.lost(View.QPS)
    acts = [desk.looked_at(desk.ask(lost, View.QPS, name)) for name in ("one-page", "other-page")]
    with desk.ward.sessions.write() as session:
        order = session.scalars(select(Order)).first()
        acts[0](session, order, desk.ward.clock.now)
        with pytest.raises(PerfuscopeError, match="have the same rank"):
            acts[1](session, order, desk.ward.clock.now)
    assert desk.in_force() == [("one-page", 1)]


def test_a_suspended_layout_does_not_come_back_by_drawing_a_further_view(desk):
    first, second = desk.lost(View.QPS), desk.lost(View.STRESS_QGS)
    desk.ask(first, View.QPS)
    desk.work()
    with desk.ward.sessions.write() as session:
        key = layout_decisions.key(desk.known())
        layout_states.suspend(session, key, instance_id=first, now=desk.ward.clock.now)
    desk.ask(second, View.STRESS_QGS)
    state, why = desk.work()[1]
    assert state is OrderState.REFUSED
    assert "moved-page is suspended: look at why and resume it first" in why
    assert desk.in_force() == [("moved-page", 1)]


@pytest.mark.parametrize("name", ["../evil", "/tmp/evil", "A b", "", "x"])
def test_a_forged_order_writes_no_file_elsewhere(desk, tmp_path, name):
    before = sorted(tmp_path.rglob("*.toml"))
    desk.ask(desk.lost(View.QPS), View.QPS, name)
    ((state, why),) = desk.work()
    assert state is OrderState.REFUSED
    assert "2 to 48 of a-z" in why
    assert sorted(tmp_path.rglob("*.toml")) == before


@pytest.mark.parametrize(
    "change",
    [
        {"captions": [[-500, 967, 563, 999]]},
        {"captions": [[372, 967, 372, 967]]},
        {"captions": [[0, 0, 10**9, 10**9]]},
        {"captions": [[372, 967, 563]]},
        {"captions": []},
        {"captions": [[372.5, 967, 563, 999]]},
        {"captions": [["372", 967, 563, 999]]},
        {"identity": [0, 0, 10**9, 10**9]},
        {"identity": ["a", 0, 1, 1]},
        {"panels": [{"name": "stress", "shape": "circle", "at": [10**9, 150, 145]}]},
        {"panels": [{"name": "stress", "shape": "circle", "at": [150, 150, 2048]}]},
        {"panels": [{"name": "stress", "shape": "box", "at": [0, 0, 10**9, 10**9]}]},
        {"panels": [{"name": "stress", "shape": "box", "at": [100, 100, 50, 50]}]},
        {"panels": [{"name": "../x", "shape": "circle", "at": [150, 150, 100]}]},
        {"panels": [{"name": "stress", "shape": "circle", "at": [150, 150]}]},
        {"panels": 7},
        {"view": "x"},
    ],
)
def test_a_forged_drawing_is_refused_in_a_sentence_and_breaks_nothing(desk, change):
    lost = desk.lost(View.QPS)
    said = dict(desk.ask(lost, View.QPS).asked)
    with desk.ward.sessions.write() as session:
        session.scalars(select(Order)).one().asked = said | change
    ((state, why),) = desk.work()
    assert state is OrderState.REFUSED
    assert "bug" not in why
    assert "given up" not in why
    assert desk.in_force() == []


def test_a_layouts_file_that_cannot_be_written_is_told_and_leaves_nothing_behind(desk, tmp_path):
    lost = desk.lost(View.QPS)
    (tmp_path / "layouts").write_text("in the way")
    desk.ask(lost, View.QPS)
    ((state, why),) = desk.work()
    assert (state, desk.state(lost)) == (OrderState.REFUSED, InstanceState.QUARANTINED)
    assert "the folder of layouts cannot be used" in why


# Models


@pytest.fixture
def toys(desk: Desk, tmp_path: Path) -> list[UUID]:
    """Three models that are whole; the last is in force."""
    keys = []
    for version in ("1", "2", "3"):
        folder = toy_artifact.write(tmp_path / f"toy-{version}", network=b"TFL3" * int(version), version=version)
        found = artifact.load(folder)
        new = NewArtifact(found.identity, found.card.model_dump(mode="json"), artifact.pack(folder))
        with desk.ward.sessions.write() as session:
            keys.append(model_versions.activate(session, new, now=desk.ward.clock.now).id)
    return keys


def active(ward: Ward) -> list[UUID]:
    with ward.sessions.read() as session:
        return list(session.scalars(select(ModelVersion.id).where(ModelVersion.active)))


def test_a_model_is_judged_anew_where_another_came_into_force_meanwhile(desk, toys):
    order = desk.order(OrderKind.ACTIVATE, toys[0], {"reason": "to compare them"})
    ordering = Ordering(desk.ward.sessions, desk.settings, desk.ward.policy, desk.inbox)
    act = ordering._activate(order)
    with desk.ward.sessions.write() as session:
        row = session.get_one(ModelVersion, toys[1])
        session.get_one(ModelVersion, toys[2]).active = False
        row.active = True
    with pytest.raises(Unavailable, match="another_model_meanwhile"), desk.ward.sessions.write() as session:
        act(session, order, desk.ward.clock.now)
    assert active(desk.ward) == [toys[1]]
    assert [state for state, _ in desk.work()] == [OrderState.DONE]
    assert active(desk.ward) == [toys[0]]


def test_what_is_being_classified_keeps_its_model_and_opens_no_revision_when_another_comes_into_force(desk, toys):
    ward = desk.ward
    for view in REQUIRED_VIEWS:
        ward.screen(view)
    before = ward.live()
    desk.order(OrderKind.ACTIVATE, toys[0], {"reason": "to compare them"})
    assert [state for state, _ in desk.work()] == [OrderState.DONE]
    assert (ward.live().id, ward.live().model_version_id) == (before.id, toys[2])


# The command


def run(desk: Desk, *words: object, code: int = 0) -> str:
    done = CliRunner().invoke(app, ["layout", *map(str, words), "--home", str(desk.settings.home)])
    assert done.exit_code == code, done.output
    return done.output


def test_a_layout_comes_into_force_and_goes_by_command_as_by_the_pages(desk, tmp_path):
    lost = desk.lost(View.QPS)
    desk.ask(lost, View.QPS)
    desk.work()
    file = (tmp_path / "layouts" / "moved-page.toml").rename(tmp_path / "mine.toml")
    with desk.ward.sessions.write() as session:
        one = session.get_one(Instance, lost)
        one.state, one.reason = InstanceState.QUARANTINED, Reason.UNKNOWN_LAYOUT
    assert "moved-page version 1 is in force; 1 screen is prepared again" in run(desk, "add", file)
    assert (desk.in_force(), desk.state(lost)) == ([("moved-page", 1)], InstanceState.RECEIVED)
    run(desk, "add", file)  # the same again changes nothing
    file.write_text(file.read_text().replace("coloured_share = 0.2", "coloured_share = 0.3"))
    assert "a changed one needs a higher version" in run(desk, "add", file, code=2)
    file.write_text(file.read_text().replace("version = 1", "version = 2"))
    assert "moved-page version 2 is in force" in run(desk, "add", file)
    assert "moved-page is in force no longer" in run(desk, "remove", "moved-page")
    assert desk.in_force() == []
    assert "there are: none" in run(desk, "remove", "moved-page", code=2)
    assert "no layout 'qps-qgs-1280' was drawn or added here" in run(desk, "remove", "qps-qgs-1280", code=2)
    with desk.ward.sessions.read() as session:
        wanted = select(AuditEvent.detail).where(AuditEvent.action == AuditAction.LAYOUT).order_by(AuditEvent.at)
        told = list(session.scalars(wanted))
    assert sorted(told) == sorted(["layout moved-page 1"] * 3 + ["layout moved-page 2", "layout moved-page 2 removed"])


def test_a_layouts_file_and_its_end_survive_a_power_cut(desk, monkeypatch):
    synced = []
    sync = os.fsync

    def traced(descriptor: int) -> None:
        synced.append(str(Path(f"/proc/self/fd/{descriptor}").readlink()))
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", traced)
    desk.ask(desk.lost(View.QPS), View.QPS)
    desk.work()
    folder = desk.folder.folder
    assert synced[-2:] == [str(folder / ".moved-page.toml.part"), str(folder)]
    synced.clear()
    desk.folder.remove("moved-page")
    assert synced == [str(folder)]


def test_a_shipped_layouts_name_or_one_that_leads_elsewhere_is_not_added(desk, tmp_path):
    shipped = layouts.shipped()[0]
    content = (Path(layouts.__file__).parent / "qps_qgs_1280.toml").read_text()
    file = tmp_path / "mine.toml"
    file.write_text(content)
    assert f"two layouts are called {shipped.name}" in run(desk, "add", file, code=2)
    file.write_text(content.replace(f'"{shipped.name}"', '"../elsewhere"', 1))
    run(desk, "add", file, code=2)
    assert desk.in_force() == []
