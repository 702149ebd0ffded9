"""A layout is on probation until fifty of its screens were read, suspended by a text, and resumed by a person."""

from datetime import UTC, datetime
from uuid import uuid4

import pytest

from db import layout_states
from db.layout_states import PROBATION_IMAGES, LayoutKey, Standing
from db.session import Sessions

OWN = LayoutKey("own", 1, "a" * 64, shipped=False)
CHANGED = LayoutKey("own", 1, "b" * 64, shipped=False)
SHIPPED = LayoutKey("qps-qgs-1280", 1, "c" * 64, shipped=True)
NOW = datetime(2026, 1, 2, 8, tzinfo=UTC)


@pytest.fixture
def sessions(new_sessions) -> Sessions:
    return new_sessions()


def standing(sessions: Sessions, layout: LayoutKey) -> Standing:
    with sessions.read() as session:
        return layout_states.standing(session, layout)


def pass_images(sessions: Sessions, layout: LayoutKey, number: int) -> None:
    with sessions.write() as session:
        for _ in range(number):
            layout_states.passed(session, layout, now=NOW)


def test_a_shipped_layout_is_trusted_and_another_on_probation(sessions):
    assert standing(sessions, SHIPPED) is Standing.TRUSTED
    assert standing(sessions, OWN) is Standing.PROBATION


def test_fifty_images_that_passed_end_the_probation(sessions):
    pass_images(sessions, OWN, PROBATION_IMAGES - 1)
    assert standing(sessions, OWN) is Standing.PROBATION
    pass_images(sessions, OWN, 1)
    assert standing(sessions, OWN) is Standing.TRUSTED


def test_a_changed_file_is_on_probation_anew(sessions):
    pass_images(sessions, OWN, PROBATION_IMAGES)
    assert standing(sessions, CHANGED) is Standing.PROBATION


@pytest.mark.parametrize("layout", [OWN, SHIPPED])
def test_a_suspended_layout_stays_suspended_until_it_is_resumed(sessions, layout):
    first, second = uuid4(), uuid4()
    with sessions.write() as session:
        assert layout_states.suspend(session, layout, instance_id=first, now=NOW)
        assert not layout_states.suspend(session, layout, instance_id=second, now=NOW)
    pass_images(sessions, layout, PROBATION_IMAGES)
    assert standing(sessions, layout) is Standing.SUSPENDED
    with sessions.read() as session:
        assert layout_states.states(session)[layout.sha256].suspended_by == first
    with sessions.write() as session:
        assert layout_states.resume(session, layout)
        assert not layout_states.resume(session, layout)
    assert standing(sessions, layout) is Standing.PROBATION
    pass_images(sessions, layout, PROBATION_IMAGES)
    assert standing(sessions, layout) is Standing.TRUSTED


def test_a_resumed_layout_begins_its_probation_anew(sessions):
    pass_images(sessions, OWN, PROBATION_IMAGES)
    with sessions.write() as session:
        layout_states.suspend(session, OWN, instance_id=uuid4(), now=NOW)
        layout_states.resume(session, OWN)
    pass_images(sessions, OWN, PROBATION_IMAGES - 1)
    assert standing(sessions, OWN) is Standing.PROBATION


def test_what_was_never_suspended_is_not_resumed_and_stays_as_it_was(sessions):
    with sessions.write() as session:
        assert not layout_states.resume(session, SHIPPED)
        assert not layout_states.resume(session, OWN)
        assert layout_states.states(session) == {}
    assert standing(sessions, SHIPPED) is Standing.TRUSTED


def test_somebodys_word_ends_a_probation_but_no_suspension(sessions):
    with sessions.write() as session:
        assert not layout_states.trust(session, SHIPPED, now=NOW)
        assert layout_states.trust(session, OWN, now=NOW)
        assert not layout_states.trust(session, OWN, now=NOW)
    assert standing(sessions, OWN) is Standing.TRUSTED
    with sessions.write() as session:
        layout_states.suspend(session, OWN, instance_id=uuid4(), now=NOW)
    assert standing(sessions, OWN) is Standing.SUSPENDED
