"""1,000 studies through PostgreSQL and Redis; then everything that left the identified zone is searched for headers.

Every study has a header of its own, and each of its values holds one of a few stems that occur nowhere else. So finding
no stem is finding no value.
"""

import base64
import copy
import json
import os
import re
import struct
import tempfile
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from entry import cookie_of
from harness import PACS_AE, until
from leak_watch import Crawl, Seen, watching
from node_harness import Sender, encoded
from production_site import Site, site
from pydicom import Dataset
from pydicom.uid import ExplicitVRLittleEndian, SecondaryCaptureImageStorage
from pynetdicom import AE

from core.types import LABELS
from dicom_node import reactor_gate
from training.phantom import cohort, dicom

STUDIES = int(os.environ.get("LEAK_STUDIES", "100"))
"""A round's."""
PATIENTS = 6
"""Simulated ones, whose pixels are used again under other headers."""
SPOILT_OF = 20
"""One study of so many goes wrong."""
PICTURES = 5
STEM, UID_STEM, TIME_STEM = "ZQXJKV", "7700770077007700", ".7707"
YEARS = "180[1-9]|18[1-9][0-9]"
FOUND = {
    "text": re.compile(STEM.encode(), re.IGNORECASE),
    "uid": re.compile(UID_STEM.encode()),
    "time": re.compile(rb"(?<![0-9])(?:[0-9]{8})?[0-9]{6}\.7707[0-9]{2}"),
    "date": re.compile(rf"(?<![0-9a-fA-F.])(?:{YEARS})([-./]?)(?:0[1-9]|1[0-2])\1[0-3][0-9](?!-?[0-9a-fA-F])".encode()),
}
"""Times and dates as DICOM writes them: not the end of a clock's ten digits of seconds, in one of 10,000 of which a
fraction begins so; not a part of a hexadecimal or longer number, or of a UUID."""
DEIDENTIFIED_TABLES = {"cases", "view_images", "layout_states", "predictions", "model_versions", "jobs"}
SETTINGS = {"quiet_period_s": 2, "min_free_disk_mb": 1, "log_level": "DEBUG"}


@dataclass(frozen=True)
class Tokens:
    """What one study's headers say."""

    number: int

    @property
    def texts(self) -> dict[str, str]:
        n = f"{self.number:06d}"
        return {
            "PatientName": f"{STEM}N{n}^{STEM}G{n}",
            "PatientID": f"{STEM}I{n}",
            "AccessionNumber": f"{STEM}A{n}"[:16],
            "StudyDescription": f"{STEM}D{n} perfusion",
            "ReferringPhysicianName": f"{STEM}R{n}^DOCTOR",
            "InstitutionName": f"{STEM}H{n} hospital",
            "InstitutionAddress": f"{STEM}W{n} street",
            "PatientAddress": f"{STEM}P{n} road",
            "OperatorsName": f"{STEM}O{n}^OPERATOR",
            "PatientComments": f"{STEM}C{n} comment",
            "StudyID": f"{STEM}S{n}",
            "ProtocolName": f"{STEM}Q{n}",
            "StationName": f"{STEM}T{n}"[:16],
        }

    @property
    def day(self) -> str:
        return f"{date(1801, 1, 1) + timedelta(days=self.number):%Y%m%d}"

    @property
    def study_day(self) -> str:
        return f"{date(1851, 1, 1) + timedelta(days=self.number):%Y%m%d}"

    def uid(self, what: int) -> str:
        return f"2.25.{UID_STEM}{self.number:06d}{what:02d}"

    def kept(self) -> list[str]:
        """Those that the identified tables hold."""
        texts = self.texts
        family = [texts["PatientName"], texts["PatientID"], texts["AccessionNumber"], self.day, self.study_day]
        return [*family, *(self.uid(what) for what in (0, 1, 11))]

    def put_into(self, datasets: list[Dataset]) -> list[Dataset]:
        for place, ds in enumerate(datasets, 1):
            for keyword, value in self.texts.items():
                setattr(ds, keyword, value)
            ds.SeriesDescription = f"{ds.SeriesDescription} {STEM}E{self.number:06d}"
            ds.PatientBirthDate = self.day
            for keyword in ("StudyDate", "SeriesDate", "ContentDate", "AcquisitionDate"):
                setattr(ds, keyword, self.study_day)
            for keyword in ("StudyTime", "SeriesTime", "ContentTime", "AcquisitionTime"):
                setattr(ds, keyword, f"{8 + place:02d}0000{TIME_STEM}{self.number % 100:02d}")
            ds.StudyInstanceUID, ds.SeriesInstanceUID = self.uid(0), self.uid(place)
            ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = self.uid(10 + place)
        return datasets


def hits(content: bytes) -> dict[str, int]:
    """How many stems of each kind are in it."""
    counted = {kind: len(pattern.findall(content)) for kind, pattern in FOUND.items()}
    return {kind: count for kind, count in counted.items() if count}


def _around(content: bytes) -> list[str]:
    """What stands around the first hits, so that a person can judge them: all of it is invented."""
    found = [match for pattern in FOUND.values() for match in pattern.finditer(content)][:5]
    return [repr(content[max(match.start() - 60, 0) : match.end() + 60]) for match in found]


def sources() -> list[list[Dataset]]:
    """Screens of a few simulated patients, their raw projections left out but for the first."""
    patients = (cohort.simulate(20_260, index, label=LABELS[index % 3]) for index in range(PATIENTS))
    found = [dicom.datasets(patient) for patient in patients]
    return [found[0], *(datasets[:3] for datasets in found[1:])]


def studies_of(round_number: int, pixels: list[list[Dataset]]) -> Iterator[tuple[Tokens, list[Dataset]]]:
    for place in range(STUDIES):
        tokens = Tokens(round_number * STUDIES + place)
        datasets = tokens.put_into(copy.deepcopy(pixels[place % PATIENTS]))
        if place % SPOILT_OF == SPOILT_OF - 1:
            _spoil(datasets, place // SPOILT_OF)
        yield tokens, datasets


def _spoil(datasets: list[Dataset], way: int) -> None:
    """Error paths leak more easily than the good one."""
    first = datasets[0]
    if way % 5 == 0:
        first.PixelData = b"\0" * 100
    elif way % 5 == 1:
        first.PatientID += "OTHER"
    elif way % 5 == 2:
        first.SeriesDescription = f"{STEM} AC REST QGS"
    elif way % 5 == 3:
        first.Rows = first.Columns = 1
    else:
        first.PixelData = bytes(len(first.PixelData))


def refused(hospital: Site, number: int) -> None:
    """What is not even taken: a stranger, UIDs that are none, a command that names another object."""
    stranger = AE(ae_title=f"{STEM}X")
    stranger.add_requested_context(SecondaryCaptureImageStorage, ExplicitVRLittleEndian)
    assert not stranger.associate("127.0.0.1", hospital.port, ae_title=hospital.address.ae_title).is_established
    ae = AE(ae_title=PACS_AE)
    ae.add_requested_context(SecondaryCaptureImageStorage, ExplicitVRLittleEndian)
    assoc = ae.associate(
        "127.0.0.1", hospital.port, ae_title=hospital.address.ae_title, evt_handlers=[reactor_gate.HANDLER]
    )
    ds = Dataset()
    ds.SOPClassUID, ds.SOPInstanceUID = SecondaryCaptureImageStorage, f"2.25.{UID_STEM}{number:06d}99"
    ds.StudyInstanceUID = ds.SeriesInstanceUID = f"2.25.{UID_STEM}{number:06d}98"
    ds.PatientName = f"{STEM}N{number:06d}"
    sender = Sender(assoc)
    assert sender.say(encoded(ds), SecondaryCaptureImageStorage, "2.25.1") == 0xA900
    assert sender.say(encoded(ds)[:-30] + b"\xff" * 30, SecondaryCaptureImageStorage, f"../{STEM}") == 0xC000
    assoc.release()


def run_round(number: int) -> dict[str, Any]:
    """One round on servers of its own; counts of what was searched and found, by place."""
    with tempfile.TemporaryDirectory(prefix="leaks-") as name:
        folder = Path(name)
        temporary = folder / "tmp"
        temporary.mkdir()
        os.environ["TMPDIR"] = str(temporary)
        try:
            with site(folder, **SETTINGS) as hospital:
                return _searched(hospital, folder, temporary, number)
        finally:
            del os.environ["TMPDIR"]


def _searched(hospital: Site, folder: Path, temporary: Path, number: int) -> dict[str, Any]:
    with hospital.redis.client() as client:  # else it might be rewritten, and lose what was taken
        client.config_set("auto-aof-rewrite-percentage", 0)
    outside = [hospital.home, hospital.home / "cache", hospital.inference_home, hospital.inference_home / "cache"]
    with watching((path for path in outside if path.exists()), temporary=temporary) as seen:
        sent = []
        for place, (tokens, datasets) in enumerate(studies_of(number, sources())):
            hospital.push(datasets, folder / "sent")
            sent.append(tokens)
            if place % 25 == 0:
                refused(hospital, tokens.number)
        until(lambda: _all_done(hospital, len(sent)), 600, "every study is done and every report delivered")
        crawl = Crawl(f"http://127.0.0.1:{hospital.web_port}", PICTURES, cookie_of(hospital)).run()
        hospital.run("studies", "list")
        hospital.run("jobs", "list")
    hospital.stop_all()
    return _report(hospital, seen, crawl, sent)


def _report(hospital: Site, seen: Seen, crawl: Crawl, sent: list[Tokens]) -> dict[str, Any]:
    messages, rung = _messages(hospital)
    tables, jobs = _rows(hospital, identified=False), _job_ids(hospital)
    names = [str(path.relative_to(hospital.home.parent)).encode() for path in hospital.home.rglob("*")]
    places = {
        "messages": messages,
        "de-identified rows": b"\n".join(tables),
        "log lines": b"\n".join(_logs(hospital).values()),
        "file names": b"\n".join(names),
        "addresses of the viewer and headers of its answers": crawl.text,
        **seen.text,
    }
    identified = b"\n".join(_rows(hospital, identified=True))
    missing = [text for tokens in sent for text in tokens.kept() if text.encode() not in identified]
    return {
        "studies": len(sent),
        "hits": {place: found for place, content in places.items() if (found := hits(content))},
        "where": {place: around for place, content in places.items() if (around := _around(content))},
        "searched": {place: len(content) for place, content in places.items()},
        "jobs": len(jobs),
        "jobs without a message": len(jobs - rung),
        "pictures": {"images": len(_pictures(hospital)), "with more than pixels": _chunks(hospital)},
        "processes for pictures": [len(seen.report_children), crawl.drawn],
        "pages": crawl.studies,
        "log lines": sum(content.count(b"\n") for content in _logs(hospital).values()),
        "not found where they belong": len(missing),
        "planted and not found": _planted(places),
        "ended": _outcomes(hospital),
    }


def _planted(places: dict[str, bytes]) -> list[str]:
    """Places in which a header's value would not have been noticed."""
    tokens = Tokens(9_999)
    values = [*tokens.texts.values(), tokens.day, tokens.study_day, tokens.uid(0), f"090000{TIME_STEM}99"]
    missed = []
    for place, content in places.items():
        middle = len(content) // 2
        for value in values:
            planted = content[:middle][-1000:] + f" {value} ".encode() + content[middle:][:1000]
            if sum(hits(planted).values()) <= sum(hits(content[:middle][-1000:] + content[middle:][:1000]).values()):
                missed.append(f"{place}: {value}")
    return missed


def _messages(hospital: Site) -> tuple[bytes, set[str]]:
    """All that was ever written to Redis, bodies also decoded, and the jobs they name.

    From its append-only file, which holds every write since the server started: it was never rewritten.
    """
    parts = sorted((hospital.redis.folder / "appendonlydir").glob("*.incr.aof"))
    assert len(parts) == 1, "the file was rewritten"
    raw = parts[0].read_bytes()
    bodies = [base64.b64decode(body) for body in re.findall(rb'"body": ?"([A-Za-z0-9+/=]+)"', raw)]
    rung = {found.decode() for body in bodies for found in re.findall(rb"[0-9a-f]{8}-[0-9a-f-]{27}", body)}
    return b"\n".join([raw, *bodies]), rung


def _rows(hospital: Site, *, identified: bool) -> list[bytes]:
    """Every value of every table inside or outside the schema of identified tables; bytes as they are."""
    asked = "SELECT table_schema, table_name FROM information_schema.tables WHERE table_type = 'BASE TABLE' AND "
    asked += "table_schema NOT IN ('pg_catalog', 'information_schema')"
    values: list[bytes] = []
    with hospital.postgresql.connected(hospital.database) as connection:
        tables = connection.execute(asked).fetchall()
        chosen = [(schema, table) for schema, table in tables if (schema == "phi") is identified]
        assert identified or {table for _, table in chosen} >= DEIDENTIFIED_TABLES
        for schema, table in chosen:
            for row in connection.execute(f'SELECT * FROM "{schema}"."{table}"'):
                values += [bytes(v) if isinstance(v, bytes | memoryview) else str(v).encode() for v in row]
    return values


def _asked(hospital: Site, statement: str) -> list[tuple[Any, ...]]:
    with hospital.postgresql.connected(hospital.database) as connection:
        return connection.execute(statement).fetchall()


def _job_ids(hospital: Site) -> set[str]:
    return {str(row[0]) for row in _asked(hospital, "SELECT id FROM jobs")}


def _outcomes(hospital: Site) -> dict[str, int]:
    rows = _asked(hospital, "SELECT outcome FROM cases WHERE superseded_at IS NULL")
    return dict(Counter(str(row[0]).rpartition(".")[2].lower() for row in rows))


def _pictures(hospital: Site) -> list[bytes]:
    return [bytes(row[0]) for row in _asked(hospital, "SELECT png FROM view_images")]


def _chunks(hospital: Site) -> int:
    """PNG files with another chunk than their size, their pixels and their end; or whose pixels do not unpack."""
    odd = 0
    for png in _pictures(hospital):
        kinds, packed, at = set(), b"", 8
        while at < len(png):
            (length,) = struct.unpack_from(">I", png, at)
            kind = png[at + 4 : at + 8]
            kinds.add(kind)
            packed += png[at + 8 : at + 8 + length] if kind == b"IDAT" else b""
            at += length + 12
        odd += kinds != {b"IHDR", b"IDAT", b"IEND"} or bool(hits(zlib.decompress(packed)))
    return odd


def _logs(hospital: Site) -> dict[str, bytes]:
    """Of each process, and of the broker; PostgreSQL's own stands in the identified zone."""
    found = {path.name: path.read_bytes() for path in hospital.home.parent.glob(f"{hospital.home.name}*.log")}
    return found | {"redis": (hospital.redis.folder / "log").read_bytes()}


def _all_done(hospital: Site, studies: int) -> bool:
    open_jobs = _asked(hospital, "SELECT count(*) FROM jobs WHERE state NOT IN ('done', 'dead')")[0][0]
    done = _asked(hospital, "SELECT count(*) FROM cases WHERE superseded_at IS NULL AND done_at IS NOT NULL")[0][0]
    waiting = _asked(hospital, "SELECT count(*) FROM phi.studies WHERE waiting_since IS NOT NULL")[0][0]
    return (open_jobs, waiting) == (0, 0) and done >= studies


def run(kept: Path, *, rounds: int) -> dict[str, Any]:
    """All rounds, each kept when it is done; the sum of what they found."""
    kept.mkdir(parents=True, exist_ok=True)
    found = []
    for number in range(rounds):
        path = kept / f"round_{number:02d}.json"
        if not path.exists():
            path.write_text(json.dumps(run_round(number), indent=1))
        found.append(json.loads(path.read_text()))
    return _sum(found)


def _sum(rounds: list[dict[str, Any]]) -> dict[str, Any]:
    searched, hit, ended = Counter[str](), Counter[str](), Counter[str]()
    for one in rounds:
        searched.update(one["searched"])
        ended.update(one["ended"])
        hit.update({place: sum(kinds.values()) for place, kinds in one["hits"].items()})
    whole = ("studies", "jobs", "jobs without a message", "pages", "log lines", "not found where they belong")
    return {
        **{name: sum(one[name] for one in rounds) for name in whole},
        "rounds": len(rounds),
        "searched": dict(searched),
        "hits": dict(hit),
        "ended": dict(ended),
        "images": sum(one["pictures"]["images"] for one in rounds),
        "images with more than pixels": sum(one["pictures"]["with more than pixels"] for one in rounds),
        "planted and not found": sum(len(one["planted and not found"]) for one in rounds),
    }


def page(step: dict[str, Any]) -> list[str]:
    """Lines for docs/evidence.md."""
    ended = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in sorted(step["ended"].items()))
    lines = [f"## Headers of {step['studies']:,} studies, searched for", ""]
    lines += [f"{step['at']}: {step['studies']} studies in {step['rounds']} rounds on PostgreSQL and Redis, log level "]
    lines += [f"DEBUG, ended as {ended}. Each study had its own invented names, IDs, dates, UIDs, descriptions, "]
    lines += ["physician, operator and institution; one in twenty was broken, and some objects were refused.", ""]
    lines += ["| Searched | Bytes | Hits |", "|---|---|---|"]
    lines += [f"| {place} | {size:,} | {step['hits'].get(place, 0)} |" for place, size in step["searched"].items()]
    lines += [
        "",
        f"Messages: Redis's whole append-only file; of {step['jobs']} jobs {step['jobs without a message']} had no ",
    ]
    lines += [f"message in it. Rows: every value outside the schema `phi`; {step['images']} crops, "]
    lines += [
        f"{step['images with more than pixels']} with anything but pixels in the PNG. Addresses: {step['pages']} study "
    ]
    lines += ["pages and all that they name. There are no metrics yet. The search can find: of the values that the "]
    lines += [
        f"identified tables are to hold {step['not found where they belong']} were missing there; of values planted "
    ]
    return [*lines, f"into each place {step['planted and not found']} were overlooked.", ""]
