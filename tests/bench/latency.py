"""From the last C-STORE response to the report in the PACS, and what a study costs each process."""

import os
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from harness import PACS_AE, Installation, Pacs, descendants, until, write
from row import Row

from core.types import LABELS
from dicom_node import scu
from training.phantom import cohort, dicom

_STUDIES = 30
_WARM = 2
"""Studies before the first that counts: models load, files come into the cache."""


def rows() -> Iterator[Row]:
    """30 studies one after another, embedded, then on PostgreSQL and Redis."""
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder)
        studies = [dicom.datasets(cohort.simulate(6, i, label=LABELS[i % 3])) for i in range(_WARM + _STUDIES)]
        folders = [write(datasets, base / str(number)) for number, datasets in enumerate(studies)]
        sent = [(datasets[0].StudyInstanceUID, paths) for datasets, paths in zip(studies, folders, strict=True)]
        yield from _of(base / "embedded", sent, {}, "embedded")
        with ExitStack() as stack:
            yield from _of(base / "production", sent, _servers(stack), "PostgreSQL and Redis")


def _servers(stack: ExitStack) -> dict[str, Any]:
    from production import PostgreSQL, Redis

    postgresql = PostgreSQL.make(durable=True)
    stack.callback(postgresql.remove)
    redis = Redis.make()
    stack.callback(redis.remove)
    return {"database_url": postgresql.url(postgresql.new_database()), "broker_url": redis.url}


def _of(home: Path, sent: list[tuple[str, list[Path]]], settings: dict[str, Any], shape: str) -> Iterator[Row]:
    pacs = Pacs().start()
    installation = Installation(home, pacs, {"min_free_disk_mb": 1, "log_level": "WARNING", **settings})
    supervisor = installation.start()
    try:
        for study, paths in sent[:_WARM]:
            _one(installation, pacs, study, paths)
        before = _cpu_seconds(supervisor.pid)
        seconds = [_one(installation, pacs, study, paths) for study, paths in sent[_WARM:]]
        after = _cpu_seconds(supervisor.pid)
    finally:
        installation.stop()
        pacs.stop()
    median, p95 = statistics.median(seconds), statistics.quantiles(seconds, n=20)[18]
    what = f"last C-STORE response to report received, {shape}"
    yield Row(what, f"median {median:.2f} s", f"p95 {p95:.2f} s", "p95 < 1 s")
    for name in sorted(after):
        yield Row(f"CPU a study, {shape}: {name}", f"{(after[name] - before.get(name, 0)) / _STUDIES:.2f} s")


def _one(installation: Installation, pacs: Pacs, study: str, paths: list[Path]) -> float:
    answered: list[float] = []
    scu.send_files(
        paths,
        to=installation.address,
        calling_ae_title=PACS_AE,
        on_sent=lambda _sent: answered.append(time.monotonic()),
    )
    report = until(lambda: pacs.of(study), 60, "the report arrives")[0]
    return report.at - answered[-1]


def _cpu_seconds(supervisor: int) -> dict[str, float]:
    """User and system seconds so far, by the kind of process (Linux)."""
    spent: dict[str, float] = defaultdict(float)
    for pid, command in descendants(supervisor).items():
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except FileNotFoundError:
            continue
        spent[_kind(command)] += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return dict(spent)


def _kind(command: str) -> str:
    if "inference" in command:
        return "inference worker (classify)"
    if "edge" in command:
        return "edge worker (prepare, report, deliver)"
    return "viewer" if "viewer" in command else "node"
