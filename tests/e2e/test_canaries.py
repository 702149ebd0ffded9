"""Identifiers of pushed studies stay in identified tables: no message, log line, file, command or address has them."""

import copy
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from entry import cookie_of
from harness import Installation, Pacs, until
from leak_watch import Crawl, Seen, watching
from pydicom import Dataset
from pydicom.uid import generate_uid

from core.types import Label
from training.phantom import cohort, dicom

NAME = "ZZCANARYNAME"
ID = "ZZCANARYID77"
BIRTH = "19310131"
ACCESSION = "ZZCANARYACC9"
DESCRIPTION = "ZZCANARYDESC"
DEIDENTIFIED = ("cases", "view_images", "layout_states", "model_versions", "predictions", "jobs")
IDENTIFIED = ("studies", "instances", "reports")
EDGE, INFERENCE = b"perfuscope.run.edge", b"perfuscope.run.inference"


def marked(index: int) -> list[Dataset]:
    """A simulated study whose identifiers are easy to find."""
    datasets = dicom.datasets(cohort.simulate(1234, index, label=Label.INFARCTION))
    for ds in datasets:
        ds.PatientName, ds.PatientID, ds.PatientBirthDate = f"{NAME}^SIMULATED", ID, BIRTH
        ds.AccessionNumber, ds.StudyDescription = ACCESSION, DESCRIPTION
        ds.ReferringPhysicianName = f"{NAME}^DOCTOR"
    return datasets


def broken(datasets: list[Dataset]) -> Iterator[list[Dataset]]:
    """Studies that go wrong in several ways: error paths leak more easily than the good one."""

    def spoilt(**changes: object) -> list[Dataset]:
        copies, study = copy.deepcopy(datasets), generate_uid(prefix=None)
        for ds in copies:
            ds.StudyInstanceUID = study
            ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = generate_uid(prefix=None)
        for keyword, value in changes.items():
            setattr(copies[0], keyword, value)
        return copies

    yield spoilt(PixelData=b"\0" * 100)
    yield spoilt(PatientID=f"{ID}OTHER")
    yield spoilt(SeriesDescription=f"{DESCRIPTION} AC REST QGS")
    yield spoilt(Rows=1, Columns=1)


def canaries(studies: list[list[Dataset]]) -> set[bytes]:
    uids = {
        ds[k].value for s in studies for ds in s for k in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID")
    }
    return {text.encode() for text in (NAME, ID, BIRTH, ACCESSION, DESCRIPTION, *uids)}


@contextmanager
def catching_messages(broker: Path, caught: dict[str, bytes]) -> Iterator[None]:
    """Keep the content of every message that appears in the broker's folder."""
    stop = threading.Event()

    def look() -> None:
        while not stop.is_set():
            for message in broker.iterdir() if broker.exists() else ():
                try:
                    caught[message.name] = message.read_bytes()
                except FileNotFoundError:
                    continue
            time.sleep(0.01)

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    yield
    stop.set()
    thread.join()


def table_dump(database: Path, tables: tuple[str, ...]) -> bytes:
    with sqlite3.connect(database) as connection:
        rows = [row for table in tables for row in connection.execute(f"SELECT * FROM {table}")]
    return b"\n".join(v if isinstance(v, bytes) else str(v).encode() for row in rows for v in row)


@dataclass
class Search:
    """A run that has ended: what was seen of it, and what must not be in it."""

    installation: Installation
    good: list[Dataset]
    places: dict[str, bytes]
    marks: set[bytes]
    seen: Seen
    crawl: Crawl


def _run(installation: Installation, studies: list[list[Dataset]], messages: dict[str, bytes], folder: Path) -> Crawl:
    """Push all studies and look at every page; no worker runs until its queue's first messages were read."""
    good, broker = studies[0], installation.home / "broker"
    installation.run("db", "upgrade")
    installation.start("node")
    for number, datasets in enumerate(studies):
        installation.push(datasets, folder / str(number))
    until(lambda: sum(EDGE in message for message in messages.values()) >= 3, 10, "messages wait")
    assert len(list(broker.iterdir())) >= 3
    installation.start("worker", "--queues", "edge", ready=False)
    installation.start("viewer", ready=False)
    until(lambda: any(INFERENCE in message for message in messages.values()), 60, "a crop waits")
    installation.start("worker", "--queues", "inference", ready=False)
    until(lambda: installation.pacs.of(good[0].StudyInstanceUID), 60, "the report arrives")
    until(installation.completed, 60, "all are done")
    assert len(installation.results()) == len(studies)
    base = f"http://127.0.0.1:{installation.web_port}"
    return Crawl(base, pictures=1, cookie=cookie_of(installation)).run()


@pytest.fixture(scope="module")
def search(tmp_path_factory: pytest.TempPathFactory) -> Search:
    folder = tmp_path_factory.mktemp("canaries")
    good = marked(0)
    studies = [good, *broken(good)]
    marks, messages, temporary = canaries(studies), dict[str, bytes](), folder / "tmp"
    temporary.mkdir()
    pacs = Pacs().start()
    settings = {"log_level": "DEBUG", "quiet_period_s": 1, "min_free_disk_mb": 1}
    installation = Installation(folder / "home", pacs, settings)
    try:
        with (
            pytest.MonkeyPatch.context() as changed,
            watching([installation.home], temporary=temporary) as seen,
            catching_messages(installation.home / "broker", messages),
        ):
            changed.setenv("TMPDIR", str(temporary))
            crawl = _run(installation, studies, messages, folder)
    finally:
        installation.stop()
        pacs.stop()
    names = b"\n".join(str(path.relative_to(folder)).encode() for path in installation.home.rglob("*"))
    places = {
        "messages": b"\n".join(messages.values()),
        "log": installation.log.encode(),
        "file names": names,
        "de-identified tables": table_dump(installation.home / "perfuscope.db", DEIDENTIFIED),
        "addresses and headers of pages": crawl.text,
        **seen.text,
    }
    return Search(installation, good, places, marks, seen, crawl)


def test_identifiers_stay_in_the_identified_tables_and_in_dicom_objects(search: Search) -> None:
    found = {place: [m for m in search.marks if m in content] for place, content in search.places.items()}
    assert not any(found.values()), {place: len(hits) for place, hits in found.items()}


def test_what_was_searched_is_all_there_is(search: Search) -> None:
    assert EDGE in search.places["messages"]
    assert INFERENCE in search.places["messages"]
    assert b"quarantined" in search.places["log"]
    assert search.crawl.studies == 5
    assert len(search.seen.report_children) == search.crawl.drawn > 0
    assert any(b"viewer" in line for line in search.seen.command_lines)
    assert any(b"pymp-" in name for name in search.seen.names), "Celery's processes share a temporary file"


def test_the_canaries_can_be_found_where_they_belong(search: Search) -> None:
    home = search.installation.home
    identified = table_dump(home / "perfuscope.db", IDENTIFIED)
    study = str(search.good[0].StudyInstanceUID)
    assert all(text.encode() in identified for text in (NAME, ID, BIRTH, ACCESSION, study))
    assert oct(home.stat().st_mode & 0o777) == "0o700"
    assert {oct(path.stat().st_mode & 0o077) for path in home.rglob("*.dcm")} == {"0o0"}
