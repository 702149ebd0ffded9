"""Which report goes where: the routes of the settings, and what follows a result to where it stands already."""

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from core import SELF_TEST_AE
from core.jobs import Bell, JobStage
from core.settings import SENDER, Settings
from db import jobs, reports, studies
from db.reports import Standing
from db.tables import Case, Instance, Report

log = logging.getLogger("perfuscope.routing")


def deliveries(
    session: Session,
    case: Case,
    made: Sequence[Report],
    *,
    sources: Sequence[Instance],
    settings: Settings,
    now: datetime,
    ring_again: timedelta,
) -> list[Bell]:
    """Add a delivery of each report of a case to each of its destinations; the bells to ring after the commit.

    ``sources``: the objects that the reports speak of. A page that takes a result back follows it to wherever that
    may stand; a result without a destination of its own follows an earlier one. No PACS ever gets an invented study.
    """
    if any(instance.sender_ae == SELF_TEST_AE for instance in sources):
        return []
    sender_ae = studies.sender(session, case.study_id)
    before = reports.standing(session, case)
    bells: list[Bell | None] = []
    for report in made:
        to = _places(session, case, report.kind, named=destinations(settings, sender_ae, report.kind), before=before)
        bells += [_job(session, report, name, now=now, ring_again=ring_again) for name in to]
    if not bells:
        log.warning("the reports of case %s have no destination; the result is shown all the same", case.id)
    return [bell for bell in bells if bell]


def goes_out(session: Session, case: Case, kind: str, *, before: Standing | None, settings: Settings) -> bool:
    """Whether a report of that kind on the case has any destination; ``before`` is the result that stands."""
    named = destinations(settings, studies.sender(session, case.study_id), kind)
    return bool(_places(session, case, kind, named=named, before=before))


def _places(session: Session, case: Case, kind: str, *, named: list[str], before: Standing | None) -> list[str]:
    standing = reports.destinations_of(session, before.case.id, kinds=_alike(kind)) if before else []
    if before is not None and case.label is None:
        return standing
    return named if case.label is not None and named else list(dict.fromkeys([*standing, *named]))


def _alike(kind: str) -> tuple[str, ...]:
    """The kinds that a report of ``kind`` takes the place of: pages follow pages, structured reports their like."""
    return (reports.STRUCTURED,) if kind == reports.STRUCTURED else (reports.PAGE, reports.NOTICE)


def destinations(settings: Settings, sender_ae: str, kind: str) -> list[str]:
    """The names of the peers that reports of a kind on a sender's studies go to, in the settings' order."""
    fitting = [route for route in settings.routes if route.fits(sender_ae)]
    wanted = [name for route in fitting if kind in route.kinds for name in route.destinations]
    if not fitting:
        wanted = [settings.report.destination]
    return list(dict.fromkeys(name for one in wanted if (name := _resolved(settings, one, sender_ae))))


def asks_commitment(settings: Settings, sender_ae: str, destination: str) -> bool:
    """Whether that destination is to be asked whether it has stored reports on that sender's studies for good."""
    peer = settings.peer_named(destination)
    if peer is None or not peer.commitment:
        return False
    fitting = [route for route in settings.routes if route.fits(sender_ae)]
    named = [r for r in fitting if destination in {_resolved(settings, name, sender_ae) for name in r.destinations}]
    return not named or any(route.commitment for route in named)


def _resolved(settings: Settings, name: str, sender_ae: str) -> str | None:
    if name != SENDER:
        return name
    peer = settings.peer_of(sender_ae)
    return peer.name if peer else None


def _job(session: Session, report: Report, destination: str, *, now: datetime, ring_again: timedelta) -> Bell | None:
    return jobs.add(
        session, JobStage.DELIVER, subject=report.id, now=now, destination=destination, ring_again=ring_again
    )
