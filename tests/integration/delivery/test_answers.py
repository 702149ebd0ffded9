"""What a PACS may answer to a report, and which report goes where."""

import pytest
from office import routes

from core.jobs import JobState
from core.settings import Route


@pytest.mark.parametrize(
    ("status", "attempts", "error"),
    [
        (0xA700, 2, "out_of_resources"),
        (0x0110, 2, "processing_failure"),
        (-1, 2, "association_lost"),
    ],
)
def test_what_may_pass_is_tried_again_and_says_why(office, archive, status, attempts, error):
    routes(office, Route(destinations=("archive",)))
    archive.status = lambda _uid: status
    case = office.revision(office.study())
    office.work()
    (job,) = office.jobs()
    assert (job.state, job.error) == (JobState.WAITING, error)
    archive.status = lambda _uid: 0
    office.work(3)
    (job,) = office.jobs()
    assert (office.states(case), job.attempts) == ({("sc", "archive"): "sent"}, attempts)


@pytest.mark.parametrize(
    ("status", "error"),
    [(0xA900, "data_set_mismatch:A900"), (0xC000, "not_understood:C000"), (0x0124, "not_authorised:0124")],
)
def test_what_a_pacs_will_never_take_is_given_up_at_once_and_says_why(office, archive, status, error):
    routes(office, Route(destinations=("archive",)))
    archive.status = lambda _uid: status
    case = office.revision(office.study())
    office.work(5)
    (job,) = office.jobs()
    assert (office.states(case), job.attempts, job.error) == ({("sc", "archive"): "failed"}, 1, error)


def test_a_warning_means_stored(office, archive):
    routes(office, Route(destinations=("archive",)))
    archive.status = lambda _uid: 0xB000
    case = office.revision(office.study())
    office.work()
    assert office.states(case) == {("sc", "archive"): "sent"}


def test_each_kind_goes_where_its_routes_say(office, pacs, archive):
    routes(
        office,
        Route(calling="NM*", destinations=("pacs",), kinds=("sc",), commitment=False),
        Route(calling="*", destinations=("archive", "pacs"), kinds=("sc", "sr")),
        Route(calling="CT*", destinations=("archive",)),
    )
    case = office.revision(office.study(sender_ae="NM1"), ("sc", "sr"))
    assert set(office.states(case)) == {("sc", "pacs"), ("sc", "archive"), ("sr", "archive"), ("sr", "pacs")}
    office.clear()
    routes(office, Route(calling="CT*", destinations=("archive",), kinds=("sr",)))
    assert set(office.states(office.revision(office.study(sender_ae="NM1"), ("sc", "sr")))) == {
        ("sc", "pacs"),
        ("sr", "pacs"),
    }
    assert set(office.states(office.revision(office.study(sender_ae="CT1"), ("sc", "sr")))) == {("sr", "archive")}


def test_a_route_may_forgo_commitment(office, pacs):
    routes(office, Route(destinations=("pacs",), commitment=False))
    case = office.revision(office.study())
    office.work(3)
    assert (office.states(case), pacs.asked) == ({("sc", "pacs"): "sent"}, [])
