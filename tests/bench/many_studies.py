"""A database with as many studies as a hospital sees in decades: invented, seeded, written as rows without services."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from itertools import islice
from types import SimpleNamespace
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Engine, Table, Uuid, delete, insert, select, text

from core.jobs import JobStage, JobState, Queue
from core.phi import Phi
from core.types import InstanceState, Label, Outcome, Reason, Stage, Status
from db.column_types import UtcDateTime
from db.day_tables import DayChange
from db.search import words
from db.tables import Base, Case, GivenUp, Instance, Job, ModelVersion, Prediction, Report, SearchKey, Study

SPAN = timedelta(days=1096)
BEGAN = datetime.combine(datetime.now(UTC).date(), time(), UTC) - SPAN
"""Three years that end today."""
SENDERS = ("PACS", "XELERIS", "SYMBIA", "DNM", "MOBILE", "RARE")
_WEIGHTS = (50, 25, 15, 8, 2, 0.01)
_SYLLABLES = [a + b for a in "BDFGKLMNPRSTVZ" for b in "AEIOU"]
TILE = 20_000
"""PostgreSQL makes more than so many by copying them with other keys and times."""
AT_WORK = 200
"""The newest studies are under way."""

_ENDS: list[tuple[float, Outcome, Label | None, Reason | None]] = [
    (0.60, Outcome.ACCEPTED, Label.NORMAL, None),
    (0.15, Outcome.ACCEPTED, Label.ISCHEMIA, None),
    (0.08, Outcome.ACCEPTED, Label.INFARCTION, None),
    (0.06, Outcome.NEEDS_REVIEW, Label.ISCHEMIA, None),
    (0.03, Outcome.NEEDS_REVIEW, Label.NORMAL, None),
    (0.05, Outcome.NO_RESULT, None, Reason.INCOMPLETE),
    (0.02, Outcome.NO_RESULT, None, Reason.NOVEL),
    (0.01, Outcome.QUARANTINED, None, Reason.PATIENTS_DIFFER),
]
TABLES = (Study, SearchKey, Instance, Case, Prediction, Report, Job)


@dataclass
class Made:
    """What is known of the studies, for searches that find something."""

    names: list[str]
    accessions: list[str]


def name(rng: random.Random) -> str:
    """An invented name; short ones are frequent, so that some beginnings are shared by thousands."""
    family = "".join(rng.choices(_SYLLABLES, k=rng.choice((2, 3, 3, 4))))
    return f"{family}^{''.join(rng.choices(_SYLLABLES, k=2))}"


def fill(engine: Engine, studies: int, *, seed: int = 5) -> Made:
    """Write so many studies with their newest revision, prediction, one object, a report and its delivery."""
    copies = 1 if engine.dialect.name == "sqlite" else max(1, studies // TILE)
    made, rng = Made([], []), random.Random(seed)
    with engine.connect() as connection:
        model = connection.scalar(select(ModelVersion.id))
    rows = _studies(rng, studies // copies, model, made, span=SPAN / copies)
    indexes = _without_indexes(engine)
    while batch := list(islice(rows, 20_000)):
        _write(engine, {table: [row for one in batch for row in one.get(table, ())] for table in TABLES})
    with engine.begin() as connection:
        if copies > 1:  # copies of rows that refer to each other do, too: nothing is to be looked up for each
            connection.execute(text("SET LOCAL session_replication_role = replica"))
        _repeat(connection, copies, before=BEGAN + SPAN - SPAN / copies * AT_WORK / (studies // copies))
        for statement in indexes:
            connection.execute(text(statement))
        connection.execute(delete(DayChange))  # nothing is kept of their days yet
        _note_given_up(connection)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ANALYZE" if engine.dialect.name == "sqlite" else "VACUUM ANALYZE"))
    return made


def _note_given_up(connection: Connection) -> None:
    """What triggers write where they are not told to look away."""
    connection.execute(delete(GivenUp))
    listed = (
        select(Job.id, Case.id, Case.study_id, Case.received_at)
        .join(Report, Report.id == Job.subject)
        .join(Case, Case.id == Report.case_id)
        .where(Job.state == JobState.DEAD)
    )
    connection.execute(insert(GivenUp).from_select(["job_id", "case_id", "study_id", "received_at"], listed))


def _without_indexes(engine: Engine) -> list[str]:
    """Drop what makes loading slow; the statements that make it again."""
    if engine.dialect.name == "sqlite":
        return []
    with engine.begin() as connection:
        found = connection.execute(
            text(
                "SELECT schemaname || '.' || indexname, indexdef FROM pg_indexes WHERE schemaname IN ('public', 'phi')"
                " AND indexdef NOT LIKE 'CREATE UNIQUE%'"
            )
        ).all()
        for index, _ in found:
            connection.execute(text(f"DROP INDEX {index}"))
    return [definition for _, definition in found]


def _write(engine: Engine, rows: dict[type[Base], list[dict[str, Any]]]) -> None:
    with engine.begin() as connection:
        for model, listed in rows.items():
            if not listed:
                continue
            if engine.dialect.name == "sqlite":
                connection.execute(insert(model), listed)
            else:
                _copy(connection, model.__table__, listed)


def _copy(connection: Any, table: Table, rows: list[dict[str, Any]]) -> None:
    columns = list(rows[0])
    statement = f"COPY {table} ({', '.join(columns)}) FROM STDIN"
    with connection.connection.cursor() as cursor, cursor.copy(statement) as copy:
        for row in rows:
            copy.write_row([_plain(row[name]) for name in columns])


def _plain(value: Any) -> Any:
    if isinstance(value, Phi):
        return value.reveal()
    if isinstance(value, list):
        return "[]"
    return getattr(value, "value", value)


def _repeat(connection: Any, copies: int, *, before: datetime) -> None:
    """Write what was done before that time again and again, each time further back, as other studies."""
    for table in TABLES:
        columns = [column for column in table.__table__.columns if column.computed is None]
        timed = next(name for name in ("received_at", "created_at") if name in table.__table__.columns)
        told = ", ".join(_otherwise(column) for column in columns)
        names = ", ".join(column.name for column in columns)
        if copies > 1:
            connection.execute(
                text(
                    f"INSERT INTO {table.__table__} ({names}) SELECT {told} FROM {table.__table__} o,"
                    f" generate_series(1, :copies - 1) k WHERE o.{timed} < :before"
                ),
                {"copies": copies, "before": before, "step": SPAN / copies},
            )


_OTHERWISE = {
    "study_instance_uid": "o.study_instance_uid || '.' || k",
    "sop_instance_uid": "o.sop_instance_uid || '.' || k",
    "accession_number": "o.accession_number || '-' || k",
    "word": "CASE o.kind WHEN 'accession' THEN o.word || '-' || k ELSE o.word END",
    "model_version_id": "o.model_version_id",
}


def _otherwise(column: Any) -> str:
    """The value of a column in the copy ``k``: other keys, earlier times."""
    if column.name in _OTHERWISE:
        return _OTHERWISE[column.name]
    if isinstance(column.type, UtcDateTime):
        return f"o.{column.name} - k * :step"
    return f"md5(o.{column.name}::text || k)::uuid" if isinstance(column.type, Uuid) else f"o.{column.name}"


def _studies(
    rng: random.Random, count: int, model: UUID, made: Made, *, span: timedelta
) -> Iterator[dict[Any, list[dict[str, Any]]]]:
    kept = max(1, count // 500)
    for number in range(count):
        at = BEGAN + SPAN - span + span * number / count + timedelta(microseconds=rng.randrange(1000))
        study = _study(rng, number, at, cased=number < count - AT_WORK // 2)
        if number % kept == 0:
            made.names.append(study["patient_name"].reveal())
            made.accessions.append(study["accession_number"].reveal())
        yield _rows(rng, study, at, model, under_way=number >= count - AT_WORK)


def _key(rng: random.Random) -> UUID:
    return UUID(int=rng.getrandbits(128), version=4)


def _study(rng: random.Random, number: int, at: datetime, *, cased: bool) -> dict[str, Any]:
    return {
        "id": _key(rng),
        "study_instance_uid": Phi(f"2.25.{number}"),
        "patient_id": Phi(f"T-{rng.randrange(10**7):07d}"),
        "patient_name": Phi(name(rng)),
        "patient_birth_date": Phi("19500101"),
        "accession_number": Phi(f"A{number:08d}"),
        "study_date": Phi(f"{at:%Y%m%d}"),
        "sender_ae": rng.choices(SENDERS, _WEIGHTS)[0],
        "received_at": at,
        "last_received_at": at + timedelta(seconds=2),
        "open_associations": 0,
        "identity_revision": 1,
        "waiting_since": None if cased else at,
        "cased_at": at + timedelta(seconds=3) if cased else None,
    }


def _rows(
    rng: random.Random, study: dict[str, Any], at: datetime, model: UUID, *, under_way: bool
) -> dict[Any, list[dict[str, Any]]]:
    found = {
        Study: [study],
        SearchKey: [
            {"study_id": study["id"], "kind": kind, "word": word, "received_at": at}
            for kind, word in words(SimpleNamespace(**study))
        ],
        Instance: [_instance(rng, study, at, waits=study["cased_at"] is None)],
    }
    if study["cased_at"] is None:
        return found
    _, outcome, label, reason = rng.choices(_ENDS, [one[0] for one in _ENDS])[0]
    case = _case(rng, study, model, None if under_way else (outcome, label, reason))
    found[Case] = [case]
    if under_way:
        return found
    if label is not None:
        found[Prediction] = [_prediction(rng, case, label, outcome)]
        report = _report(rng, case)
        found[Report], found[Job] = [report], [_job(rng, report)]
    return found


def _instance(rng: random.Random, study: dict[str, Any], at: datetime, *, waits: bool) -> dict[str, Any]:
    key = _key(rng)
    return {
        **{n: study[n] for n in ("patient_id", "patient_name", "patient_birth_date", "sender_ae", "received_at")},
        "id": key,
        "study_id": study["id"],
        "sop_instance_uid": Phi(f"2.25.{key.int}"),
        "sop_class_uid": "1.2.840.10008.5.1.4.1.1.7",
        "series_instance_uid": Phi("2.25.1"),
        "transfer_syntax_uid": "1.2.840.10008.1.2.1",
        "modality": Phi("OT"),
        "series_description": Phi("QPS"),
        "path": f"{key}.dcm",
        "size": 1,
        "sha256": key.hex,
        "current": True,
        "candidate": True,
        "state": InstanceState.RECEIVED if waits and rng.random() < 0.5 else InstanceState.PREPARED,
    }


def _case(rng: random.Random, study: dict[str, Any], model: UUID, end: Any) -> dict[str, Any]:
    outcome, label, reason = end or (None, None, None)
    opened = study["cased_at"]
    lasted = timedelta(seconds=rng.lognormvariate(0, 0.6))
    return {
        "id": _key(rng),
        "study_id": study["id"],
        "revision": 1,
        "fingerprint": "",
        "inputs": [],
        "model_version_id": model,
        "stage": Stage.DONE if end else Stage.CLASSIFYING,
        "outcome": outcome,
        "reason": reason,
        "detail": "",
        "label": label,
        "opened_at": opened,
        "done_at": opened + lasted if end else None,
        "superseded_at": None,
        "received_at": study["received_at"],
        "sender_ae": study["sender_ae"],
        "fed_at": study["last_received_at"],
    }


def _prediction(rng: random.Random, case: dict[str, Any], label: Label, outcome: Outcome) -> dict[str, Any]:
    most = rng.uniform(0.6, 0.99)
    shares = {f"p_{one.value}": most if one is label else (1 - most) / 2 for one in Label}
    return {
        "id": _key(rng),
        "case_id": case["id"],
        "view": "",
        "label": label,
        **shares,
        "status": Status(outcome.value),
        "model_version_id": case["model_version_id"],
        "preprocessing": "1",
        "latency_ms": 30.0,
        "created_at": case["done_at"],
        "novelty": rng.uniform(0.1, 0.9),
    }


def _report(rng: random.Random, case: dict[str, Any]) -> dict[str, Any]:
    key = _key(rng)
    return {
        "id": key,
        "study_id": case["study_id"],
        "case_id": case["id"],
        "kind": "sc",
        "sop_instance_uid": Phi(f"2.25.{key.int}"),
        "series_instance_uid": Phi("2.25.2"),
        "path": f"{key}.dcm",
        "sha256": key.hex,
        "created_at": case["done_at"],
    }


def _job(rng: random.Random, report: dict[str, Any]) -> dict[str, Any]:
    dead = rng.random() < 0.002
    at = report["created_at"]
    return {
        "id": _key(rng),
        "stage": JobStage.DELIVER,
        "queue": Queue.EDGE,
        "subject": report["id"],
        "destination": "pacs",
        "state": JobState.DEAD if dead else JobState.DONE,
        "attempts": 1,
        "rings": 1,
        "due_at": at,
        "ring_at": at,
        "error": "peer_away" if dead else "committed",
        "created_at": at,
        "finished_at": at,
    }
