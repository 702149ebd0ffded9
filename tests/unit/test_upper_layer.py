"""The state machine of an association, where two things happen at once."""

from types import SimpleNamespace

import pytest
from pynetdicom.fsm import InvalidEventError

from dicom_node.upper_layer import Machine

TOO_LATE, CLOSED_BY_NOBODY = "Evt18", "Evt5"


@pytest.mark.parametrize("state", ["Sta1", "Sta3", "Sta6"])
def test_a_timer_that_expires_while_the_request_is_in_hand_changes_nothing(state):
    machine = Machine(SimpleNamespace())
    machine.current_state = state
    machine.do_action(TOO_LATE)
    assert machine.current_state == state


def test_what_else_does_not_fit_is_still_an_error():
    machine = Machine(SimpleNamespace())
    machine.current_state = "Sta6"
    with pytest.raises(InvalidEventError):
        machine.do_action(CLOSED_BY_NOBODY)
