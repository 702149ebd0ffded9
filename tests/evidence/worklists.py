"""Fifty worklists are open in processes of their own while 200 studies arrive by C-STORE: who is shown what, and when.

python tests/evidence/worklists.py [--lists 50] [--studies 200]
"""

import argparse
import asyncio
import json
import re
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parents[2])]

import entry
from harness import PACS_AE, Installation, Pacs, until, write
from node_harness import screen
from open_worklists import OpenWorklist, opened
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian
from sqlalchemy import select

from core.roles import Role
from db.session import Sessions, make_engine
from db.tables import Study
from dicom_node import scu

_PAUSE_S = 0.1
_LONGEST_S = 60
"""So long after the last study is waited for a list that lacks one."""


def run(*, lists: int = 50, studies: int = 200) -> dict[str, Any]:
    """A node and a viewer on SQLite; each study is one object, sent by an association of its own."""
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder)
        pacs = Pacs().start()
        place = Installation(base / "home", pacs, {"min_free_disk_mb": 1, "log_level": "WARNING"})
        try:
            place.run("db", "upgrade")
            place.start("node")
            viewer = place.start("viewer", ready=False)
            engine = make_engine(place.owners_database)
            sessions = Sessions(engine)
            until(lambda: _answers(place), 60, "the viewer answers")
            return asyncio.run(_story(place, sessions, base, lists, studies)) | _memory(viewer.pid)
        finally:
            place.stop()
            pacs.stop()


def _answers(place: Installation) -> bool:
    import httpx

    try:
        return httpx.get(f"http://127.0.0.1:{place.web_port}/login", timeout=5).status_code == 200
    except httpx.TransportError:
        return False


async def _story(place: Installation, sessions: Sessions, base: Path, count: int, studies: int) -> dict[str, Any]:
    users = [f"reader-{number}" for number in range(count)]
    cookies = [entry.cookie(sessions, name=name, role=Role.READER, port=place.web_port) for name in users]
    answered: dict[str, float] = {}
    async with opened(f"http://127.0.0.1:{place.web_port}", cookies) as lists:
        began = time.monotonic()
        for number in range(studies):
            uid, at = await asyncio.to_thread(_send, place, base, number)
            answered[uid] = at
            await asyncio.sleep(_PAUSE_S)
        took_s = time.monotonic() - began
        deadline = time.monotonic() + _LONGEST_S
        while time.monotonic() < deadline and any(len(one.shown) < studies for one in lists):
            await asyncio.sleep(0.2)
    with sessions.read() as session:
        known = {str(row.id): answered[row.study_instance_uid.reveal()] for row in session.scalars(select(Study))}
    return _figures(lists, known) | {"lists": count, "studies": studies, "arrived_in_s": round(took_s)}


def _send(place: Installation, base: Path, number: int) -> tuple[str, float]:
    """A study of one object; when its C-STORE was answered with success."""
    ds = screen(study=number + 1)
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    paths = write([ds], base / "sent" / str(number))
    if scu.send_files(paths, to=place.address, calling_ae_title=PACS_AE, timeout_s=30).failed:
        raise RuntimeError("the node did not take a study")
    return str(ds.StudyInstanceUID), time.monotonic()


def _figures(lists: list[OpenWorklist], known: dict[str, float]) -> dict[str, Any]:
    waits = sorted(one.shown[key] - at for one in lists for key, at in known.items() if key in one.shown)
    return {
        "lost": sum(key not in one.shown for one in lists for key in known),
        "ends_alike": len({one.first for one in lists}) == 1,
        "refused": sum(len(one.refused) for one in lists),
        "interrupted": sum(one.interrupted for one in lists),
        "asked": sum(one.asked for one in lists),
        "median_s": round(statistics.median(waits), 2),
        "p99_s": round(waits[int(0.99 * (len(waits) - 1))], 2),
        "longest_s": round(waits[-1], 2),
    }


def _memory(pid: int) -> dict[str, Any]:
    """The viewer's largest resident memory so far, and its CPU time (Linux)."""
    status = Path(f"/proc/{pid}/status").read_text()
    ticks = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    peak = int(found[1]) / 1024 if found else 0.0
    return {"peak_mb": round(peak), "cpu_s": round((int(ticks[11]) + int(ticks[12])) / 100, 1)}


def page(step: dict[str, Any]) -> list[str]:
    """The part of docs/evidence.md."""
    lines = ["## Open worklists while studies arrive", ""]
    lines += [f"{step['at']}: {step['studies']} studies arrived by C-STORE within {step['arrived_in_s']} s while "]
    lines += [f"{step['lists']} worklists were open, each by a login of its own. Updates lost: {step['lost']} of "]
    alike = "yes" if step["ends_alike"] else "**no**"
    lines += [f"{step['lists'] * step['studies']}; at the end all lists read alike: {alike}; "]
    lines += [f"requests refused: {step['refused']} of {step['asked']}. From the answer to the C-STORE to the row in "]
    lines += [f"the list: median {step['median_s']} s, 99 % within {step['p99_s']} s, longest {step['longest_s']} s. "]
    return [*lines, f"The viewer's process held {step['peak_mb']} MB at most and took {step['cpu_s']} s of CPU.", ""]


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lists", type=int, default=50)
    parser.add_argument("--studies", type=int, default=200)
    asked = parser.parse_args()
    sys.stdout.write(json.dumps(run(lists=asked.lists, studies=asked.studies), indent=2) + "\n")


if __name__ == "__main__":
    main()
