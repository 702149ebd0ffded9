"""Identifiers of pushed studies occur in no message, log line, file name or de-identified table."""

import copy
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from harness import Installation, Pacs, until
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
INFERENCE = b"perfuscope.run.inference"


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
            time.sleep(0.0005)

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    yield
    stop.set()
    thread.join()


def table_dump(database: Path, tables: tuple[str, ...]) -> bytes:
    with sqlite3.connect(database) as connection:
        rows = [row for table in tables for row in connection.execute(f"SELECT * FROM {table}")]
    return b"\n".join(v if isinstance(v, bytes) else str(v).encode() for row in rows for v in row)


def test_identifiers_stay_in_the_identified_tables_and_in_dicom_objects(tmp_path: Path) -> None:
    good = marked(0)
    studies = [good, *broken(good)]
    marks, messages = canaries(studies), {}
    pacs = Pacs().start()
    installation = Installation(
        tmp_path / "home", pacs, {"log_level": "DEBUG", "quiet_period_s": 1, "min_free_disk_mb": 1}
    )
    home = installation.home
    try:
        with catching_messages(home / "broker", messages):
            installation.run("db", "upgrade")
            installation.start("node")  # no worker yet: each queue's first messages stay where they can be read
            for number, datasets in enumerate(studies):
                installation.push(datasets, tmp_path / str(number))
            until(lambda: len(list((home / "broker").iterdir())) >= 3, 10, "messages wait")
            installation.start("worker", "--queues", "edge", ready=False)
            until(lambda: any(INFERENCE in message for message in messages.values()), 60, "a crop waits")
            installation.start("worker", "--queues", "inference", ready=False)
            until(lambda: pacs.of(good[0].StudyInstanceUID), 60, "the report arrives")
            until(lambda: all(i["completed_at"] for i in installation.results().values()), 60, "all are done")
    finally:
        installation.stop()
        pacs.stop()
    names = b"\n".join(str(path.relative_to(tmp_path)).encode() for path in home.rglob("*"))
    places = {
        "messages": b"\n".join(messages.values()),
        "log": installation.log.encode(),
        "file names": names,
        "de-identified tables": table_dump(home / "perfuscope.db", DEIDENTIFIED),
    }
    assert b"perfuscope.run.edge" in places["messages"]
    assert INFERENCE in places["messages"]
    assert b"quarantined" in places["log"]
    found = {place: [m.decode() for m in marks if m in content] for place, content in places.items()}
    assert not any(found.values()), {place: len(hits) for place, hits in found.items()}


def test_the_canaries_can_be_found_where_they_belong(tmp_path: Path) -> None:
    good = marked(1)
    pacs = Pacs().start()
    installation = Installation(tmp_path / "home", pacs, {"min_free_disk_mb": 1})
    try:
        installation.start()
        installation.push(good, tmp_path / "0")
        until(lambda: pacs.of(good[0].StudyInstanceUID), 60, "the report arrives")
    finally:
        installation.stop()
        pacs.stop()
    identified = table_dump(installation.home / "perfuscope.db", IDENTIFIED)
    assert all(text.encode() in identified for text in (NAME, ID, BIRTH, ACCESSION, str(good[0].StudyInstanceUID)))
    assert oct(installation.home.stat().st_mode & 0o777) == "0o700"
    assert {oct(path.stat().st_mode & 0o077) for path in installation.home.rglob("*.dcm")} == {"0o0"}
