"""How long lists, searches, files and figures take where there are very many studies, asked as a program asks.

    python tests/bench/querying.py [--postgresql STUDIES] [--sqlite STUDIES] [--only WORD]

Every time is that of a whole answer of the API inside one process: token, query, audit event, JSON.
"""

import argparse
import asyncio
import gc
import random
import resource
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parents[2])]

import entry
import many_studies
from conftest import activate_a_dummy
from many_studies import BEGAN, SPAN, Made
from production import PostgreSQL
from programs import Program
from reader import Reader
from row import Row
from sqlalchemy import Engine, event

from core.roles import Role
from core.settings import Settings
from core.types import Label, State
from db import schema, worklist
from db.session import Sessions, make_engine
from db.worklist import Filter
from viewer.app import make_app

_TIMES = 60
_LIST, _FIGURES = "p95 < 100 ms", "p95 < 300 ms"
Ask = Callable[[Program], Any]


def rows(*, postgresql: int = 1_000_000, sqlite: int = 200_000, only: str = "") -> Iterator[Row]:
    """The p95 of every kind of question on both databases, or only of those whose name has a word."""
    for kind, studies in (("PostgreSQL", postgresql), ("SQLite", sqlite)):
        if not studies:
            continue
        with tempfile.TemporaryDirectory() as folder, _engine(kind, Path(folder)) as engine:
            schema.upgrade(engine)
            sessions = Sessions(engine)
            activate_a_dummy(sessions)
            began = time.perf_counter()
            made = many_studies.fill(engine, studies)
            head = f"{studies:,} studies in {kind}"
            yield Row(f"{head}: written in", f"{time.perf_counter() - began:.0f} s")
            program = Program.on(sessions, Path(folder))
            gc.freeze()  # as the viewer does once it is loaded
            for what, (ask, aim) in _questions(random.Random(7), made).items():
                if only in what:
                    yield _timed(f"{head}: {what}", ask, aim, program)
            if only:
                continue
            for place, aim in _PAGES.items():
                yield _timed(f"{head}: page {place}", _page(sessions, Path(folder), place), aim, program)
            yield _first_row(head, program)
            yield _whole_file(head, sessions)
            yield _plans(head, engine, sessions, made)


@contextmanager
def _engine(kind: str, folder: Path) -> Iterator[Engine]:
    if kind == "SQLite":
        engine = make_engine(f"sqlite:///{folder / 'many.db'}")
        yield engine
        engine.dispose()
        return
    server = PostgreSQL.make()
    try:
        name = server.new_database()
        # PostgreSQL's own default, not the tests'; one process an answer, as where many ask at once, and none ends
        # before its CPU time is read.
        server.execute("ALTER SYSTEM SET shared_buffers = '128MB'")
        server.stop(signal.SIGINT)
        server.start()
        server.execute(f"ALTER DATABASE {name} SET max_parallel_workers_per_gather = 0")
        engine = make_engine(server.url(name))
        yield engine
        engine.dispose()
    finally:
        server.remove()


def _questions(rng: random.Random, made: Made) -> dict[str, tuple[Ask, str]]:
    def at() -> str:
        return (BEGAN + SPAN * rng.random()).isoformat()

    def listed(**parameters: Any) -> tuple[Ask, str]:
        return lambda api: api.get("/studies", **parameters), _LIST

    def anywhere(**parameters: Any) -> tuple[Ask, str]:
        return lambda api: api.get("/studies", cursor=f"{_stamp(rng):.6f}_{'f' * 32}", **parameters), _LIST

    def search(body: Callable[[], dict[str, Any]]) -> tuple[Ask, str]:
        return lambda api: api.post("/studies/search", body()), _LIST

    def span(days: int) -> tuple[Ask, str]:
        end = BEGAN + SPAN
        return (
            lambda api: api.get("/statistics", since=(end - timedelta(days=days)).isoformat(), until=end.isoformat()),
            _FIGURES,
        )

    names = made.names
    return {
        "worklist, first page": listed(),
        "worklist, any page": anywhere(),
        "worklist, oldest first, any page": anywhere(sort="oldest"),
        "worklist, last completed first, any page": anywhere(sort="completed"),
        **{f"state {state.value}, any page": anywhere(state=state.value) for state in State},
        **{f"state {state.value}, first page": listed(state=state.value) for state in State},
        **{f"label {label.value}, any page": anywhere(label=label.value) for label in Label},
        "three states and two labels, any page": anywhere(
            state=["accepted", "needs_review", "no_result"], label=["normal", "infarction"]
        ),
        "all but those to review, any page": anywhere(needs_review="false"),
        "a frequent sender, any page": anywhere(sender="PACS"),
        "a rare sender": listed(sender="RARE"),
        "a rare sender and a state": listed(sender="RARE", state="needs_review"),
        "a rare sender, last completed first": listed(sender="RARE", sort="completed"),
        "since any day": (lambda api: api.get("/studies", since=at(), sort="oldest"), _LIST),
        "until any day": (lambda api: api.get("/studies", until=at()), _LIST),
        "not delivered": listed(undelivered="true"),
        "search by accession number": search(lambda: {"accession_number": rng.choice(made.accessions)}),
        "search by the beginning of an accession number": search(lambda: {"text": rng.choice(made.accessions)[:6]}),
        "search by a whole name": search(lambda: {"text": rng.choice(names)}),
        "search by 4 letters of a name": search(lambda: {"text": rng.choice(names)[:4]}),
        "search by 2 letters of a name": search(lambda: {"text": rng.choice(names)[:2]}),
        "search by 1 letter of a name": search(lambda: {"text": rng.choice(names)[:1]}),
        "search by 4 letters of a name, to review": search(
            lambda: {"text": rng.choice(names)[:4], "state": ["needs_review"]}
        ),
        "search by 2 letters of a name, to review": search(
            lambda: {"text": rng.choice(names)[:2], "state": ["needs_review"]}
        ),
        "search for nobody": search(lambda: {"text": "qqq"}),
        "statistics of 30 days": span(30),
        "statistics of 90 days": span(90),
        "statistics of a year": span(365),
    }


_PAGES = {
    "/": _LIST,
    "/?show=infarction": _LIST,
    "/admin": _LIST,
    "/admin/quarantine": "",
    "/admin/statistics": _FIGURES,
}


def _page(sessions: Sessions, home: Path, place: str) -> Ask:
    """A page as somebody's browser asks for it, filled in and all, opened anew each time."""
    headers = {"Cookie": entry.cookie(sessions, name="bench", role=Role.ADMIN)}
    browser = Reader(make_app(Settings(home=home), sessions), headers=headers)
    return lambda _: browser.get(place)


def _stamp(rng: random.Random) -> float:
    return (BEGAN + SPAN * rng.random()).timestamp()


def _timed(what: str, ask: Ask, aim: str, program: Program) -> Row:
    times, busy = [], []
    for number in range(_TIMES + 5):
        began, before = time.perf_counter(), _busy_s()
        answer = ask(program)
        after, ended = _busy_s(), time.perf_counter()
        assert answer.status_code == 200, answer.text
        if number >= 5:  # the first ones compile statements
            times.append(ended - began)
            busy.append(after - before)
    return _row(what, times, busy, aim)


def _row(what: str, times: list[float], busy: list[float], aim: str) -> Row:
    """By the clock, and beside it the CPU time, which other work on the machine does not add to."""
    told = f"median {_ms(statistics.median(times))}, CPU median {_ms(statistics.median(busy))}, p95 {_ms(_p95(busy))}"
    return Row(what, f"p95 {_ms(_p95(times))}", told, aim)


def _p95(values: list[float]) -> float:
    return statistics.quantiles(values, n=20, method="inclusive")[-1]


def _ms(seconds: float) -> str:
    return f"{1000 * seconds:.0f} ms"


def _busy_s() -> float:
    """CPU time of this process and of the PostgreSQL processes that it started, so far."""
    total, waiting = time.process_time(), [pid for task in Path("/proc/self/task").iterdir() for pid in _children(task)]
    while waiting:
        folder = Path(f"/proc/{waiting.pop()}")
        with suppress(OSError):
            total += int((folder / "schedstat").read_text().split()[0]) / 1e9
            waiting += _children(folder / "task" / folder.name)
    return total


def _children(task: Path) -> list[int]:
    with suppress(OSError):
        return [int(one) for one in (task / "children").read_text().split()]
    return []


def _first_row(head: str, program: Program) -> Row:
    """Until the first lines of a file with every study are sent."""
    times, busy = [], []
    for _ in range(_TIMES):
        before = _busy_s()
        times.append(asyncio.run(_until_first(program)))
        busy.append(_busy_s() - before)
    return _row(f"{head}: first row of a CSV file of all", times, busy, _LIST)


class _EnoughError(Exception):
    """The first lines have come."""


async def _until_first(program: Program) -> float:
    began, seen = time.perf_counter(), 0
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": "/api/v1/studies.csv",
        "raw_path": b"/api/v1/studies.csv",
        "query_string": b"",
        "root_path": "",
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 8080),
        "headers": [(b"host", b"127.0.0.1:8080"), (b"authorization", f"Bearer {program.token}".encode())],
    }
    taken = 0.0

    async def receive() -> dict[str, Any]:
        await asyncio.sleep(3600)
        return {}

    async def send(message: dict[str, Any]) -> None:
        nonlocal seen, taken
        seen += message.get("body", b"").count(b"\n")
        if seen > 1:
            taken = time.perf_counter() - began
            raise _EnoughError

    try:
        await program.app(scope, receive, send)
    except BaseException:
        if not taken:
            raise
    return taken


def _whole_file(head: str, sessions: Sessions) -> Row:
    """Every study read as for a CSV file, and how much more memory that takes at its most."""
    began, busy = time.perf_counter(), _busy_s()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    count = sum(1 for _ in worklist.every(sessions, Filter()))
    taken, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return Row(
        f"{head}: all {count:,} rows",
        f"{taken:.0f} s",
        f"CPU {_busy_s() - busy:.0f} s, {(after - before) / 1024:.0f} MB more",
        "< 50 MB more",
    )


def _plans(head: str, engine: Engine, sessions: Sessions, made: Made) -> Row:
    """How many statements of the lists read a whole table, as the database plans them now."""
    statements: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, _many: Any) -> None:
        if statement.lstrip().upper().startswith(("SELECT", "WITH")):
            statements.append((statement, parameters))

    program, rng = Program.on(sessions, Path("/nonexistent")), random.Random(9)
    event.listen(engine, "before_cursor_execute", note)
    for what, (ask, _) in _questions(rng, made).items():
        if not what.startswith("statistics"):
            ask(program)
    event.remove(engine, "before_cursor_execute", note)
    asked, whole = "EXPLAIN " if engine.dialect.name != "sqlite" else "EXPLAIN QUERY PLAN ", []
    with engine.connect() as connection:
        for statement, parameters in statements:
            plan = [str(row[-1]) for row in connection.exec_driver_sql(asked + statement, parameters)]
            whole += [(line, statement) for line in plan if _scans(line)]
    for line, statement in whole:
        sys.stderr.write(f"{line}\n    {statement[:1500]}\n")
    return Row(f"{head}: statements of lists that read a whole table", f"{len(whole)} of {len(statements)}", "", "0")


_LARGE = ("studies", "search_keys", "cases", "instances", "predictions", "reports", "jobs")


def _scans(line: str) -> bool:
    if "ix_cases_received" in line:  # the statistics' way; a list that takes it walks past cases of other states
        return True
    if "Seq Scan on" in line:
        return line.split("Seq Scan on ")[1].split(maxsplit=1)[0] in _LARGE
    return line.startswith("SCAN ") and line.split()[1] in _LARGE and "INDEX" not in line


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--postgresql", type=int, default=1_000_000, help="so many studies in PostgreSQL")
    parser.add_argument("--sqlite", type=int, default=200_000, help="so many studies in SQLite")
    parser.add_argument("--only", default="", help="only questions whose name has this word, and no files and pages")
    for row in rows(**vars(parser.parse_args())):
        sys.stdout.write(f"{row.what:75s} {row.figure:14s} {row.beside:18s} {row.aim}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
