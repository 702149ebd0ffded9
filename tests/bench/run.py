"""Speeds, side by side in one run: figures are ratios or latencies of this machine, never a pass or fail.

python tests/bench/run.py [inference] [receiving] [latency]
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parents[1]))

from harness import PACS_AE, Installation, Pacs, free_port, until, write

from core import log
from core.types import LABELS
from dicom_node import scu
from dicom_node.scu import Address
from models import artifact
from models.classifier import Classifier
from training.phantom import cohort, dicom

ROUNDS = 5
Row = tuple[str, str, str]


def inference() -> Iterator[Row]:
    """LiteRT against ``keras.Model.predict`` on one image, in alternating rounds."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from models import mobilenet

    tensor = np.random.default_rng(1).uniform(-1, 1, (224, 224, 3)).astype(np.float32)
    keras_model = mobilenet.build(None)
    classifier = Classifier(artifact.load(artifact.shipped()))
    ours, theirs = paired(lambda: classifier.run(tensor), lambda: keras_model.predict(tensor[np.newaxis], verbose=0))
    yield "one image: LiteRT, one thread", f"{ours * 1000:.1f} ms", ""
    yield "one image: keras.Model.predict", f"{theirs * 1000:.1f} ms", f"{theirs / ours:.1f} x LiteRT"


def paired(first: Callable[[], object], second: Callable[[], object], *, times: int = 20) -> tuple[float, float]:
    """Median seconds of each, measured in turn so that both see the same machine."""
    for work in (first, second):
        work()
    taken: tuple[list[float], list[float]] = ([], [])
    for _ in range(times):
        for work, durations in zip((first, second), taken, strict=True):
            started = time.perf_counter()
            work()
            durations.append(time.perf_counter() - started)
    return statistics.median(taken[0]), statistics.median(taken[1])


def receiving() -> Iterator[Row]:
    """Objects of 3.9 MB over one association: our node (files fsynced, rows committed) against DCMTK's storescp."""
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder)
        datasets = [ds for index in range(10) for ds in dicom.datasets(cohort.simulate(5, index))[:3]]
        paths = write(datasets, base / "objects")
        size_mb = sum(path.stat().st_size for path in paths) / 1e6
        rates: dict[str, list[float]] = {"node": [], "storescp": []}
        for number in range(ROUNDS):
            with _node(base / f"home_{number}") as ours, _storescp(base / f"scp_{number}") as theirs:
                for name, address in (("node", ours), ("storescp", theirs)):
                    started = time.perf_counter()
                    assert not scu.send_files(paths, to=address, calling_ae_title=PACS_AE).failed
                    rates[name].append(size_mb / (time.perf_counter() - started))
    ours_rate, theirs_rate = (statistics.median(rates[name]) for name in ("node", "storescp"))
    yield "receiving 30 x 3.9 MB: DCMTK storescp", f"{theirs_rate:.0f} MB/s", ""
    yield "receiving 30 x 3.9 MB: our node", f"{ours_rate:.0f} MB/s", f"{ours_rate / theirs_rate:.1f} x storescp"


@contextmanager
def _node(home: Path) -> Iterator[Address]:
    pacs = Pacs().start()
    installation = Installation(home, pacs, {"min_free_disk_mb": 1, "log_level": "WARNING"})
    installation.run("db", "upgrade")
    installation.start("node")
    try:
        yield installation.address
    finally:
        installation.stop()
        pacs.stop()


@contextmanager
def _storescp(folder: Path) -> Iterator[Address]:
    folder.mkdir()
    port = free_port()
    process = subprocess.Popen(["storescp", "--output-directory", str(folder), str(port)], stderr=subprocess.DEVNULL)
    address = Address("STORESCP", "127.0.0.1", port)
    try:
        until(lambda: _listens(port), 10, "storescp listens")
        yield address
    finally:
        process.terminate()
        process.wait(10)


def _listens(port: int) -> bool:
    import socket

    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def latency() -> Iterator[Row]:
    """From the last C-STORE response to the report's arrival, 30 studies one after another, embedded."""
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder)
        studies = [dicom.datasets(cohort.simulate(6, i, label=LABELS[i % 3])) for i in range(30)]
        folders = [write(datasets, base / str(number)) for number, datasets in enumerate(studies)]
        pacs = Pacs().start()
        installation = Installation(base / "home", pacs, {"min_free_disk_mb": 1, "log_level": "WARNING"})
        installation.start()
        time.sleep(5)  # the workers load their model
        seconds = [_one(installation, pacs, datasets, paths) for datasets, paths in zip(studies, folders, strict=True)]
        installation.stop()
        pacs.stop()
    p95 = statistics.quantiles(seconds, n=20)[18]
    yield "last C-STORE response to report received", f"median {statistics.median(seconds):.2f} s", f"p95 {p95:.2f} s"


def _one(installation: Installation, pacs: Pacs, datasets: list, paths: list[Path]) -> float:
    answered: list[float] = []
    scu.send_files(
        paths,
        to=installation.address,
        calling_ae_title=PACS_AE,
        on_sent=lambda _sent: answered.append(time.monotonic()),
    )
    report = until(lambda: pacs.of(datasets[0].StudyInstanceUID), 60, "the report arrives")[0]
    return report.at - answered[-1]


BENCHES = {"inference": inference, "receiving": receiving, "latency": latency}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("benches", nargs="*", choices=[*BENCHES, []], help="default: all")
    chosen = parser.parse_args().benches or list(BENCHES)
    log.configure("ERROR")
    table = Table("What", "Figure", "Beside it", title=f"{os.cpu_count()} cores; medians", box=None)
    for name in chosen:
        for row in BENCHES[name]():
            table.add_row(*row)
    Console().print(table)


if __name__ == "__main__":
    main()
