"""What a delivery's job says of a failure is said in words wherever people read it."""

import pytest

from core.delivery_codes import sentence
from dicom_node.scu_outcome import AWAY, CONTEXT_REFUSED, STORED, STORED_WITH_WARNING, code_of

FROM_STATUSES = {code_of(status) for status in range(0x10000)} - {STORED, STORED_WITH_WARNING}
OTHERS = {"waits_for_destination", "commitment_refused", "peer_not_configured", "report_unreadable", "unreadable"}


@pytest.mark.parametrize("code", sorted(FROM_STATUSES | AWAY | OTHERS | {CONTEXT_REFUSED, "not_committed"}))
def test_every_code_has_a_sentence_with_the_peers_status(code: str) -> None:
    assert " " in sentence(code)
    assert code not in sentence(code)
    assert sentence(f"{code}:0122").endswith("0x0122)")


def test_nothing_is_said_of_nothing_and_what_is_not_known_stands_for_itself() -> None:
    assert sentence(None) is None
    assert sentence("bug:KeyError") == "bug:KeyError"
