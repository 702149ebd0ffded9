"""How long the agreement of readers takes where there are very many studies and every fifth was reviewed.

    python tests/bench/agreeing.py [--postgresql STUDIES] [--sqlite STUDIES]

Three years of studies end now; of those reviewed, half were read by two of six readers. A question is asked of the
last 30 days, of the last year, and by CPU time of one process beside the clock.
"""

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

if __name__ == "__main__":
    sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parents[2])]

from conftest import activate_a_dummy
from querying import _busy_s, _engine
from row import Row
from sqlalchemy import Engine, create_engine, text

from db import agreement, schema
from db.session import Sessions

_TIMES = 15
_YEARS = 3
_NUMBERS = {
    "SQLite": "WITH RECURSIVE g(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM g WHERE n < {n}) ",
    "PostgreSQL": "WITH g AS (SELECT generate_series(1, {n}) AS n) ",
}


def rows(*, postgresql: int = 1_000_000, sqlite: int = 200_000) -> Iterator[Row]:
    """The median of each question, on both databases."""
    for kind, studies in (("PostgreSQL", postgresql), ("SQLite", sqlite)):
        if not studies:
            continue
        with tempfile.TemporaryDirectory() as folder, _engine(kind, Path(folder)) as engine:
            schema.upgrade(engine)
            sessions = Sessions(engine)
            activate_a_dummy(sessions)
            _fill(engine, kind, studies)
            for what, days in (("30 days", 30), ("a year", 365)):
                yield _timed(f"{studies:,} studies in {kind}: agreement of {what}", sessions, days)


def _fill(engine: Engine, kind: str, studies: int) -> None:
    """Cases and reviews alone, without the studies they are of: nothing else is asked for."""
    sqlite = kind == "SQLite"
    with (create_engine(engine.url) if sqlite else engine).begin() as connection:  # one that asks for no foreign keys
        if not sqlite:
            connection.execute(text("SET LOCAL session_replication_role = replica"))
        model = connection.scalar(text("SELECT id FROM model_versions"))
        key = (lambda of: f"printf('%032x', {of})") if sqlite else (lambda of: f"lpad(to_hex({of}), 32, '0')::uuid")
        ago = f"n * {_YEARS * 365 * 86_400 / studies}"
        at = (
            f"strftime('%Y-%m-%d %H:%M:%f', 'now', '-' || ({ago}) || ' seconds') || '000'"
            if sqlite
            else f"now() - ({ago}) * interval '1 second'"
        )
        label = "CASE n % 7 WHEN 0 THEN 'infarction' WHEN 1 THEN 'ischemia' WHEN 2 THEN 'ischemia' ELSE 'normal' END"
        begin = _NUMBERS[kind].format(n=studies)
        connection.execute(
            text(
                "INSERT INTO cases (id, study_id, revision, fingerprint, inputs, model_version_id, stage, outcome,"
                f" detail, label, opened_at, done_at, received_at, sender_ae) {begin}"
                f" SELECT {key('n')}, {key('n')}, 1, '', '[]', '{model}', 'done', 'accepted', '', {label}, {at}, {at},"
                f" {at}, 'CAMERA' || (n % 6) FROM g"
            )
        )
        for turn, every in ((0, 5), (1, 10)):
            connection.execute(
                text(
                    f"INSERT INTO {'' if sqlite else 'phi.'}reviews (id, study_id, case_id, reader, label, model_label,"
                    f" confidence, comment, created_at) {begin}"
                    f" SELECT {key(f'n * 2 + {turn}')}, {key('n')}, {key('n')}, 'reader' || ((n / 5 + {turn}) % 6),"
                    f" CASE WHEN n % 11 = {turn} THEN 'ischemia' ELSE {label} END, {label}, 'high', '', {at}"
                    f" FROM g WHERE n % {every} = 0"
                )
            )
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ANALYZE" if sqlite else "VACUUM ANALYZE"))


def _timed(what: str, sessions: Sessions, days: int) -> Row:
    until = datetime.now(UTC) + timedelta(days=1)
    times, busy = [], []
    for _ in range(_TIMES):
        before, began = _busy_s(), time.perf_counter()
        with sessions.read() as session:
            found = agreement.read(session, since=until - timedelta(days=days + 1), until=until)
        times.append(time.perf_counter() - began)
        busy.append(_busy_s() - before)
    n = found.shares[0].share.n
    told = f"CPU {1000 * statistics.median(busy):.0f} ms, of {n:,} reviews"
    return Row(what, f"{1000 * statistics.median(times):.0f} ms", told, "< 300 ms")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--postgresql", type=int, default=1_000_000, help="so many studies in PostgreSQL")
    parser.add_argument("--sqlite", type=int, default=200_000, help="so many studies in SQLite")
    arguments = parser.parse_args()
    for row in rows(postgresql=arguments.postgresql, sqlite=arguments.sqlite):
        sys.stdout.write(f"{row.what:60s} {row.figure:10s} {row.beside:40s} {row.aim}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
