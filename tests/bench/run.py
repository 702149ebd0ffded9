"""Speeds, side by side in one run: figures are ratios or latencies of this machine, never a pass or fail.

python tests/bench/run.py [receiving] [preparing] [reporting] [inference] [latency] [querying] [agreeing] [starting]
                          [training] [--write]
"""

import argparse
import os
import platform
import sys
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parents[1]))

import agreeing
import inference
import latency
import preparing
import querying
import receiving
import reporting
import starting
import training_epochs
from row import Row

from core import log

BENCHES = {
    "receiving": receiving.rows,
    "preparing": preparing.rows,
    "reporting": reporting.rows,
    "inference": inference.rows,
    "latency": latency.rows,
    "querying": querying.rows,
    "agreeing": agreeing.rows,
    "starting": starting.rows,
    "training": training_epochs.rows,
}
REPORT = Path(__file__).parents[2] / "docs" / "bench.md"
COLUMNS = ("What", "Figure", "Beside it", "Aim")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("benches", nargs="*", choices=[*BENCHES, []], help="default: all, written to docs/bench.md")
    parser.add_argument("--write", action="store_true", help="write docs/bench.md also for some of them")
    arguments = parser.parse_args()
    log.configure("ERROR")
    rows: list[Row] = []
    said = Console(stderr=True)
    for name in arguments.benches or BENCHES:
        for row in BENCHES[name]():
            rows.append(row)
            said.print(row)
    _show(rows)
    if arguments.write or not arguments.benches:
        REPORT.write_text(_markdown(rows))


def _machine() -> str:
    """The machine in general words."""
    return f"{os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}; medians"


def _show(rows: list[Row]) -> None:
    table = Table(*COLUMNS, title=_machine(), box=None)
    for row in rows:
        table.add_row(row.what, row.figure, row.beside, row.aim)
    Console().print(table)


def _markdown(rows: list[Row]) -> str:
    lines = [
        "# Speeds",
        "",
        f"Written by `make bench` on {datetime.now(UTC):%Y-%m-%d}: {_machine()}. The sides of a comparison take turns",
        "in one run; a ratio says more than its figures, which are this machine's. Senders are separate processes of",
        "DCMTK's programs. Our node fsyncs each file and its folder and commits its row before it answers; storescp",
        "and Orthanc do not wait for the disk.",
        "",
        "| " + " | ".join(COLUMNS) + " |",
        "|---|---|---|---|",
        *(f"| {row.what} | {row.figure} | {row.beside} | {row.aim} |" for row in rows),
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
