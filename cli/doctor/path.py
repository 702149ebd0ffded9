"""The checks that need the services: C-ECHO to the node and to each peer, and a study through the whole path."""

import secrets
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

from sqlalchemy.exc import SQLAlchemyError

from cli.operator import actor
from core import SELF_TEST_AE
from core.errors import Unavailable
from core.finding import Finding, fail, ok, warn
from core.phi import Phi
from core.settings import Settings
from core.types import AuditAction, Label, Stage
from db import audit, cases, jobs, retention, studies
from db.session import Sessions
from db.tables import Case
from dicom_node import scu
from dicom_node.inbox import Inbox
from dicom_node.scu import Address

_TIMEOUT_S = 60.0
_NAME, _ID = "SELFTEST^PERFUSCOPE", "PERFUSCOPE-SELFTEST"


def node_address(settings: Settings) -> Address:
    """Where the node of these settings listens, as seen from its own machine."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.dicom_host, settings.dicom_host)  # noqa: S104
    return Address(settings.ae_title, host, settings.dicom_port)


def node(settings: Settings) -> Finding:
    """The listener answers a C-ECHO."""
    address = node_address(settings)
    try:
        scu.echo(address, SELF_TEST_AE, timeout_s=5)
    except Unavailable as error:
        where = f"{settings.ae_title} on {address.host} port {address.port}"
        return fail("node", f"{where} does not answer ({error.code})", "Start it: perfuscope up, or perfuscope node.")
    if not settings.accept_any_peer and not any(peer.may_send for peer in settings.peers):
        return warn("node", "answers, but nobody may send to it", "Add [[peers]] to perfuscope.toml.")
    return ok("node", f"{settings.ae_title} answers on port {address.port}")


def whole_path(settings: Settings, sessions: Sessions) -> Finding:
    """An invented study gets a result and a report, which is sent nowhere; then all of it is deleted."""
    with tempfile.TemporaryDirectory(prefix="perfuscope-doctor-") as folder:
        study_uid, paths = _simulated(Path(folder))
        try:
            failed = scu.send_files(paths, to=node_address(settings), calling_ae_title=SELF_TEST_AE).failed
        except Unavailable as error:
            return fail("whole path", f"the test study was not taken ({error.code})", "See the node's log.")
    if failed:
        todo = "See the node's log; run doctor on the node's own machine."
        return fail("whole path", f"the node refused the test study ({failed[0].code})", todo)
    pushed = time.perf_counter()
    case = _wait(lambda: _ended(sessions, study_uid))
    taken_s = time.perf_counter() - pushed
    try:
        stage = case.stage.value if case else _stage(sessions, study_uid)
        left = _clean_up(settings, sessions, study_uid)
    except SQLAlchemyError as error:
        return fail("whole path", f"the database went away ({type(error).__name__})", "Look at the database.")
    if case is None:
        todo = "See whether edge and inference workers run, and their logs."
        return fail("whole path", f"no report after {_TIMEOUT_S:.0f} s, the test study stands at: {stage}", todo)
    if case.label is None:
        why = case.reason.sentence if case.reason else "no reason given"
        return fail("whole path", f"the test study got no result: {why}", "See the workers' logs.")
    said = f"a study pushed by C-STORE had its report after {taken_s:.1f} s"
    return ok("whole path", said + ("; it stays until a purge" if left else "; it is deleted again"))


def _simulated(folder: Path) -> tuple[Phi, list[Path]]:
    from pydicom.filewriter import dcmwrite

    from training.phantom import cohort, dicom

    datasets = dicom.datasets(cohort.simulate(secrets.randbelow(2**31), 0, label=Label.NORMAL))
    paths = []
    for number, ds in enumerate(datasets):
        ds.PatientName, ds.PatientID, ds.AccessionNumber = _NAME, _ID, ""
        paths.append(folder / f"{number}.dcm")
        dcmwrite(paths[-1], ds, enforce_file_format=True)
    return Phi(datasets[0].StudyInstanceUID), paths


def _wait(found: Callable[[], Case | None]) -> Case | None:
    deadline = time.monotonic() + _TIMEOUT_S
    while time.monotonic() < deadline:
        if (case := found()) is not None:
            return case
        time.sleep(0.05)
    return None


def _study_id(sessions: Sessions, study_uid: Phi) -> UUID | None:
    with sessions.read() as session:
        return studies.id_of(session, study_uid)


def _ended(sessions: Sessions, study_uid: Phi) -> Case | None:
    with sessions.read() as session:
        study_id = studies.id_of(session, study_uid)
        case = cases.latest(session, study_id) if study_id else None
        return case if case is not None and case.stage is Stage.DONE else None


def _stage(sessions: Sessions, study_uid: Phi) -> str:
    with sessions.read() as session:
        study_id = studies.id_of(session, study_uid)
        case = cases.latest(session, study_id) if study_id else None
        if case is not None:
            return case.outcome.value if case.outcome else case.stage.value
        return Stage.PREPARING.value if study_id else Stage.RECEIVING.value


def _clean_up(settings: Settings, sessions: Sessions, study_uid: Phi) -> bool:
    """Delete the test study; True where the database's role may not, so that its rows stay."""
    study_id = _study_id(sessions, study_uid)
    if study_id is None:
        return False
    inbox = Inbox(settings.store)
    with sessions.write() as session:
        now = sessions.now(session)
        holding = retention.holding(session, study_id)
        retention.mark_purged(session, study_id, now=now)
        jobs.call_off(session, retention.subjects(study_id), now=now)
        audit.record(session, AuditAction.PURGE, actor=actor(), now=now, study_id=study_id, detail="self-test")
    for path in holding.paths:
        inbox.discard(path)
    try:
        with sessions.write() as session:
            retention.forget(session, study_id)
    except SQLAlchemyError:  # the role of a node may not delete rows
        return True
    return False
