"""Deliveries at length: 1,000 queued reports drain without growing memory, and a PACS that forwards everything back.

python tests/evidence/delivery.py [drain] [loop] [--reports 1000] [--studies 50]
"""

import argparse
import gc
import json
import re
import resource
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))  # what tests share

from harness import Installation, Pacs, until, write
from node_harness import quiet_log
from office import Office
from peers import ORTHANC_AE, Orthanc, introduce
from scripted_pacs import ScriptedPacs
from studies import study, uid_of
from ward import Clock

from core.settings import Peer, ReportSettings, Settings
from core.types import ModelIdentity
from db import model_versions, schema
from db.model_versions import NewArtifact
from db.session import Sessions, make_engine

KB_PER_MB = 1024
_QUIET_S = 15


def drain(folder: Path, *, count: int) -> dict[str, Any]:
    """Queued reports go to a PACS that commits, in this process: reports a second, and memory after each tenth."""
    quiet_log()
    pacs = ScriptedPacs("PACS").start()
    engine = make_engine(f"sqlite:///{folder / 'perfuscope.db'}")
    schema.upgrade(engine)
    sessions = Sessions(engine, clock=Clock())
    with sessions.write() as session:
        dummy = NewArtifact(ModelIdentity("dummy", "1", "0" * 64), card={}, packed=b"")
        model_versions.activate(session, dummy, now=sessions.now(session))
    (folder / "store").mkdir()
    settings = Settings(
        home=folder,
        peers=(Peer(name="pacs", ae_title="PACS", port=pacs.port, commitment=True),),
        report=ReportSettings(destination="pacs"),
    )
    office = Office(sessions, sessions.now, folder / "store", settings)
    try:
        return _drained(office, pacs, count=count)
    finally:
        pacs.stop()
        engine.dispose()


def _drained(office: Office, pacs: ScriptedPacs, *, count: int) -> dict[str, Any]:
    made = [office.revision(office.study()) for _ in range(count)]
    memory, began = [], time.monotonic()
    for number, job_id in enumerate(office.due(), start=1):
        office.runner.run(job_id)
        if number % (count // 10) == 0:
            gc.collect()
            memory.append(_resident_mb())
    taken_s = time.monotonic() - began
    office.work(5)
    states = [state for case in made for state in office.states(case).values()]
    return {
        "reports": count,
        "stored": len(pacs.stored),
        "stored_once": len(set(pacs.stored)),
        "committed": states.count("committed"),
        "per_s": round(count / taken_s, 1),
        "resident_mb": memory,
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / KB_PER_MB, 1),
    }


def _resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return round(pages * resource.getpagesize() / 2**20, 1)


def loop(folder: Path, *, count: int) -> dict[str, Any]:
    """Orthanc sends every study on as it comes to rest, our reports too: how many reports there are at the end."""
    pacs = Pacs().start()
    perfuscope = Installation(folder / "home", pacs, {"quiet_period_s": 5, "min_free_disk_mb": 1})
    orthanc = Orthanc(folder / "orthanc")
    introduce(perfuscope, name="orthanc", ae_title=ORTHANC_AE, port=orthanc.port, commitment=True)
    try:
        perfuscope.start()
        orthanc.start(node_port=perfuscope.port)
        sent = [study(index=n % 4, PatientID=f"SIM-LOOP-{n}") for n in range(count)]
        for number, datasets in enumerate(sent):
            orthanc.take(write(datasets, folder / str(number)))
        uids = [uid_of(datasets) for datasets in sent]
        until(lambda: all(orthanc.reports(uid) for uid in uids), 60 + 10 * count, "every report is there")
        until(lambda: _came_back(perfuscope) >= 2 * count, 60 + 10 * count, "and came back")
        until(lambda: _at_rest(orthanc), 60, "nothing more is on its way")
        time.sleep(_QUIET_S)  # what would wrongly come of it has time to come
        results = perfuscope.results()
        return {
            "studies": count,
            "pages": sum(len(orthanc.reports(uid)) for uid in uids),
            "structured": sum(len(orthanc.reports(uid, modality="SR")) for uid in uids),
            "revisions": max(results[uid]["revision"] for uid in uids),
            "states": sorted({r["state"] for uid in uids for r in results[uid]["reports"]}),
            "said": perfuscope.run("studies", "list", "--limit", "1").strip().splitlines()[-1],
        }
    finally:
        for part in (perfuscope, orthanc, pacs):
            part.stop()


def _came_back(perfuscope: Installation) -> int:
    said = re.search(
        r"^(\d+) of our own objects came back", perfuscope.run("studies", "list", "--limit", "1"), re.MULTILINE
    )
    return int(said.group(1)) if said else 0


def _at_rest(orthanc: Orthanc) -> bool:
    return all(job["State"] in {"Success", "Failure"} for job in orthanc.ask("GET", "/jobs?expand"))


def run(*, reports: int, studies: int) -> dict[str, Any]:
    """Both, each in a folder of its own that goes afterwards."""
    found = {}
    for name in ("drain", "loop"):
        folder = Path(tempfile.mkdtemp(prefix="perfuscope-delivery-"))
        found[name] = drain(folder, count=reports) if name == "drain" else loop(folder, count=studies)
        shutil.rmtree(folder)
    return found


def page(step: dict[str, Any]) -> list[str]:
    """Lines for docs/evidence.md."""
    drained, looped = step["drain"], step["loop"]
    memory = " ".join(f"{size:.0f}" for size in drained["resident_mb"])
    lines = ["## Many reports, and a PACS that sends everything back", ""]
    lines += [
        f"{step['at']}: {drained['reports']:,} queued pages to one PACS that commits, one process, one association "
    ]
    lines += [f"each: {drained['stored']:,} arrived, {drained['stored_once']:,} of them different, "]
    lines += [
        f"{drained['committed']:,} ended as committed; {drained['per_s']:.0f} a second. Memory after each tenth, in "
    ]
    lines += [f"MB: {memory}.", ""]
    lines += [f"Orthanc forwards every study as it comes to rest, our reports too: {looped['studies']} studies, "]
    lines += [f"{looped['pages']} pages and {looped['structured']} structured reports in Orthanc, highest revision "]
    return [*lines, f"{looped['revisions']}, deliveries {', '.join(looped['states'])}. It says: {looped['said']}", ""]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", nargs="*", choices=["drain", "loop"], default=["drain", "loop"])
    parser.add_argument("--reports", type=int, default=1000)
    parser.add_argument("--studies", type=int, default=50)
    said = parser.parse_args()
    for name in said.what:
        folder = Path(tempfile.mkdtemp(prefix="perfuscope-delivery-"))
        found = drain(folder, count=said.reports) if name == "drain" else loop(folder, count=said.studies)
        sys.stdout.write(json.dumps({name: found}, indent=2) + "\n")
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
