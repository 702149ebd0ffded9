"""Peers that hospitals have, as Debian ships them: Orthanc, and DCMTK's storescp and storescu; on free ports."""

import json
import os
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
from bound import bound
from harness import NODE_AE, Installation, free_port, until

ORTHANC_AE = "TESTORTHANC"
ARCHIVE_AE = "TESTARCHIVE"

_FORWARD_STUDIES = """
function OnStableStudy(studyId, tags, metadata)
  local body = {['Resources'] = {studyId}, ['Asynchronous'] = true}
  RestApiPost('/modalities/perfuscope/store', DumpJson(body, true))
end
"""


def program(name: str) -> str:
    """The path of a system program; the test fails with what to install where there is none."""
    found = shutil.which(name, path=os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin"]))
    if found is None:
        pytest.fail(f"{name} is missing: tests/system-packages installs it", pytrace=False)
    return found


def said(name: str, *arguments: Path | str, fails: bool = False) -> str:
    """What a program that ends prints, to stdout and stderr, and in no character set at all: bytes as Latin-1."""
    done = subprocess.run(
        [program(name), *map(str, arguments)], capture_output=True, encoding="latin-1", check=False, timeout=60
    )
    assert fails or done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


_NOT_PRESENT = "not present in standard DICOM IOD"
DEVICE_UID = (
    f"Warning - Attribute is {_NOT_PRESENT} - (0x0018,0x1002) UI Device UID ",
    f"Warning - Dicom dataset contains attributes {_NOT_PRESENT} - this is a Standard Extended SOP Class",
)
"""What dciodvfy of 2022 says of a Device UID inside the Contributing Equipment Sequence, where PS3.3 C.12.1 has it.
The second line follows from the first, and alone it is not let pass."""

PAPER_ONLY = (
    "Attribute present in one instance but not the other",  # a report repeats no optional attribute of its source
    "Different information entities for attribute - Element=<AccessionNumber>",
)
"""What dcentvfy says of any report beside any image. It looks for the Accession Number of a structured document in the
Referenced Request Sequence, which stands in the series; PS3.3 C.7.2.1 has it in the study."""


def complaints(path: Path, *, warnings: bool = True) -> list[str]:
    """What dciodvfy holds against a DICOM file, but for ``DEVICE_UID``."""
    kinds = ("Error", "Warning") if warnings else ("Error",)
    found = [line for line in said("dciodvfy", path, fails=True).splitlines() if line.startswith(kinds)]
    return [line for line in found if line not in DEVICE_UID] if DEVICE_UID[0] in found else found


def disagreements(paths: Iterable[Path]) -> list[str]:
    """What dcentvfy holds against files of one patient and study, but for ``PAPER_ONLY``."""
    found = [
        line for line in said("dcentvfy", *paths, fails=True).splitlines() if line.startswith(("Error", "Warning"))
    ]
    return [line for line in found if not any(known in line for known in PAPER_ONLY)]


def introduce(perfuscope: Installation, *, name: str, ae_title: str, port: int, commitment: bool = False) -> None:
    """Add a peer to the settings of an installation that is not started yet."""
    lines = ["[[peers]]", f"name = {name!r}", f"ae_title = {ae_title!r}", f"port = {port}"]
    lines += ["commitment = true"] if commitment else []
    with (perfuscope.home / "perfuscope.toml").open("a") as file:
        file.write("\n".join(lines) + "\n")


def storescu(perfuscope: Installation, paths: Iterable[Path], *options: str, calling: str) -> None:
    """Send files with DCMTK by one association; AssertionError unless every one is taken."""
    address = ["-aet", calling, "-aec", NODE_AE, "127.0.0.1", str(perfuscope.port)]
    said("storescu", "--required", *options, *address, *paths)


@dataclass
class _Server:
    """A program of its own, from ``start`` to ``stop``."""

    folder: Path

    def _run(self, *command: str) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(bound(*command), stdout=log, stderr=log, cwd=self.folder)

    @property
    def runs(self) -> bool:
        return self._process.poll() is None

    def stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


@dataclass
class Archive(_Server):
    """DCMTK's storescp: keeps every object as a file, byte for byte as it came."""

    def start(self) -> "Archive":
        self.port = free_port()
        self.objects = self.folder / "objects"
        self.objects.mkdir(parents=True)
        options = ["--bit-preserving", "--accept-all", "-aet", ARCHIVE_AE, "-od", str(self.objects)]
        self._run(program("storescp"), *options, str(self.port))
        until(lambda: not said_echo(self.port, ARCHIVE_AE), 20, "storescp answers")
        return self

    def files(self) -> list[Path]:
        """What it has stored; a file that grew within the last half second may not be whole."""
        return sorted(path for path in self.objects.iterdir() if time.time() - path.stat().st_mtime > 0.5)


def said_echo(port: int, ae_title: str) -> str:
    """Empty if a DICOM application answers to C-ECHO, else what went wrong."""
    return said("echoscu", "-aec", ae_title, "127.0.0.1", str(port), fails=True)


@dataclass
class Orthanc(_Server):
    """Orthanc with one modality, ``perfuscope``, to which it forwards every study that comes to rest."""

    def start(self, *, node_port: int) -> "Orthanc":
        """Run it; ``port`` must be known before to whoever is to send here."""
        self.http = free_port()
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "forward.lua").write_text(_FORWARD_STUDIES)
        modality = {"AET": NODE_AE, "Host": "127.0.0.1", "Port": node_port, "AllowStore": True, "AllowEcho": True}
        settings = {
            "StorageDirectory": str(self.folder / "objects"),
            "IndexDirectory": str(self.folder / "objects"),
            "Plugins": [],
            "HttpPort": self.http,
            "RemoteAccessAllowed": False,
            "AuthenticationEnabled": False,
            "DicomAet": ORTHANC_AE,
            "DicomPort": self.port,
            "DicomCheckCalledAet": True,
            "DicomModalities": {"perfuscope": modality},
            "LuaScripts": [str(self.folder / "forward.lua")],
            "ExecuteLuaEnabled": True,
            "StableAge": 1,
        }
        (self.folder / "orthanc.json").write_text(json.dumps(settings))
        self._run(program("Orthanc"), str(self.folder / "orthanc.json"))
        until(self._answers, 30, "Orthanc answers")
        return self

    def __post_init__(self) -> None:
        self.port = free_port()

    def ask(self, method: str, path: str, body: bytes | str | dict[str, Any] | None = None) -> Any:
        """What its REST interface answers: parsed where it is JSON, else bytes."""
        if isinstance(body, dict):
            body = json.dumps(body)
        data = body.encode() if isinstance(body, str) else body
        request = urllib.request.Request(f"http://127.0.0.1:{self.http}{path}", data=data, method=method)
        with urllib.request.urlopen(request, timeout=60) as response:
            content = response.read()
            return json.loads(content) if "json" in response.headers.get_content_type() else content

    def take(self, paths: Iterable[Path]) -> None:
        """Upload files, as a modality's objects would arrive."""
        for path in paths:
            self.ask("POST", "/instances", path.read_bytes())

    def study(self, study_instance_uid: str) -> dict[str, Any] | None:
        """Its resource of a study; AssertionError if it holds it twice."""
        found = self.find("Study", StudyInstanceUID=study_instance_uid)
        assert len(found) < 2, "one study under two patients"
        return found[0] if found else None

    def find(self, level: str, **query: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.ask("POST", "/tools/find", {"Level": level, "Query": query, "Expand": True})
        return found

    def reports(self, study_instance_uid: str, *, modality: str = "OT") -> list[dict[str, Any]]:
        """Instances in series that Perfuscope made in a study: pages, or structured reports (``SR``)."""
        wanted = {"StudyInstanceUID": study_instance_uid, "Manufacturer": "Perfuscope", "Modality": modality}
        series = self.find("Series", **wanted)
        return [self.ask("GET", f"/instances/{instance}") for s in series for instance in s["Instances"]]

    def file(self, instance: str) -> bytes:
        """An instance as Orthanc gives it back."""
        content: bytes = self.ask("GET", f"/instances/{instance}/file")
        return content

    def transcoded(self, study: str, syntax: str, folder: Path) -> list[Path]:
        """Files of a study in another transfer syntax; what that cannot hold stays as it is."""
        packed = self.ask("POST", f"/studies/{study}/archive", {"Transcode": syntax, "Synchronous": True})
        with ZipFile(BytesIO(packed)) as archive:
            return [Path(archive.extract(name, folder)) for name in archive.namelist()]

    def _answers(self) -> bool:
        assert self.runs, (self.folder / "log").read_text()[-2000:]
        try:
            return bool(self.ask("GET", "/system"))
        except (urllib.error.URLError, ConnectionError):
            return False
