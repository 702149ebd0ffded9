"""Real parts for tests: a PACS that notes what it gets, a Perfuscope in processes of its own, simulated studies."""

import hashlib
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import commands
from bound import bound
from pydicom import Dataset
from pydicom.filewriter import dcmwrite
from pydicom.uid import (
    Comprehensive3DSRStorage,
    ExplicitVRLittleEndian,
    KeyObjectSelectionDocumentStorage,
    SecondaryCaptureImageStorage,
)
from pynetdicom import AE, evt
from pynetdicom.sop_class import Verification

from core.errors import Unavailable
from dicom_node import scu
from dicom_node.scu import Address

PACS_AE = "TESTPACS"
NODE_AE = "PERFUSCOPE"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until(condition: Callable[[], Any], timeout_s: float, what: str) -> Any:
    """The first true value of ``condition``; AssertionError after ``timeout_s``.

    A look that takes long is followed by as long a pause, or looking would hold up what is waited for.
    """
    deadline = time.monotonic() + timeout_s
    while (began := time.monotonic()) < deadline:
        if value := condition():
            return value
        time.sleep(max(0.05, time.monotonic() - began))
    raise AssertionError(f"not within {timeout_s} s: {what}")


@dataclass(frozen=True)
class Received:
    """One C-STORE that the PACS answered with success."""

    study: str
    uid: str
    digest: str
    at: float
    ds: Dataset


@dataclass
class Pacs:
    """A storage SCP on a free port: pages in ``received``, anything else in ``documents``."""

    received: list[Received] = field(default_factory=list)
    documents: list[Received] = field(default_factory=list)
    port: int = 0
    status: int = 0x0000

    def start(self) -> "Pacs":
        ae = AE(ae_title=PACS_AE)
        for kind in (SecondaryCaptureImageStorage, Comprehensive3DSRStorage, KeyObjectSelectionDocumentStorage):
            ae.add_supported_context(kind, ExplicitVRLittleEndian)
        ae.add_supported_context(Verification)
        handlers = [(evt.EVT_C_STORE, self._store)]
        self._server = ae.start_server(("127.0.0.1", self.port), block=False, evt_handlers=handlers)
        self.port = self._server.server_address[1]
        return self

    def _store(self, event: evt.Event) -> int:
        if self.status:
            return self.status
        ds = event.dataset
        ds.file_meta = event.file_meta
        digest = hashlib.sha256(event.encoded_dataset(include_meta=False)).hexdigest() if not _chunked() else ""
        kept = self.received if ds.SOPClassUID == SecondaryCaptureImageStorage else self.documents
        kept.append(Received(ds.StudyInstanceUID, ds.SOPInstanceUID, digest, time.monotonic(), ds))
        return 0x0000

    def of(self, study: str) -> list[Received]:
        return [r for r in self.received if r.study == study]

    def documents_of(self, study: str) -> list[Received]:
        return [r for r in self.documents if r.study == study]

    def stop(self) -> None:
        self._server.shutdown()


def _chunked() -> bool:
    from pynetdicom import _config

    return _config.STORE_RECV_CHUNKED_DATASET


@dataclass
class Installation:
    """Perfuscope in a home of its own, run as real processes."""

    home: Path
    pacs: Pacs
    settings: dict[str, Any] = field(default_factory=dict)
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.port = free_port()
        self.address = Address(NODE_AE, "127.0.0.1", self.port)
        self.web_port = free_port()
        ports = {"dicom_port": self.port, "web_port": self.web_port}
        lines = [f"{key} = {json.dumps(value)}" for key, value in {**ports, **self.settings}.items()]
        peer = ["[[peers]]", 'name = "pacs"', f'ae_title = "{PACS_AE}"', f"port = {self.pacs.port}"]
        self.home.mkdir(parents=True, exist_ok=True, mode=0o700)
        (self.home / "perfuscope.toml").write_text("\n".join([*lines, *peer]) + "\n")

    @property
    def env(self) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith("PERFUSCOPE_") or k == "PERFUSCOPE_MODEL"}
        return kept | {"PERFUSCOPE_HOME": str(self.home)}

    @property
    def owners_database(self) -> str:
        """The database's URL, for who may do everything."""
        return f"sqlite:///{self.home / 'perfuscope.db'}"

    @property
    def log(self) -> str:
        return (self.home.parent / f"{self.home.name}.log").read_text(errors="replace")

    def start(self, *arguments: str, ready: bool = True) -> subprocess.Popen[bytes]:
        """Start ``perfuscope ARGUMENTS`` (``up`` if none), and wait until the node answers."""
        command = bound(sys.executable, "-m", "cli", *(arguments or ("up",)))
        with (self.home.parent / f"{self.home.name}.log").open("ab") as log:
            process = subprocess.Popen(command, env=self.env, stdout=log, stderr=log)
        self.processes.append(process)
        if ready:
            until(lambda: self.answers() or process.poll() is not None, 60, "the node answers")
            assert process.poll() is None, self.log[-2000:]
        return process

    def answers(self) -> bool:
        """Whether the listener takes connections; by a bare socket, since pynetdicom never closes a refused one."""
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=5).close()
        except OSError:
            return False
        return True

    def stop(self) -> None:
        """As an operator does: what runs finishes its work, and writes down that it ends."""
        for process in self.processes:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for process in self.processes:
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def end_at_once(self) -> None:
        """Where nobody looks at how it ends: an orderly end costs seconds of computing."""
        below = [pid for process in self.processes for pid in descendants(process.pid)]
        for process in self.processes:
            process.kill()
            process.wait()
        until(lambda: not any(map(alive, below)), 30, "the children end with their parents")

    def run(self, *arguments: str, code: int = 0) -> str:
        """The output of a command that ends."""
        done = commands.run(*arguments, env=self.env)
        assert done.returncode == code, f"{done.stdout}\n{done.stderr}"
        return done.stdout

    def results(self) -> dict[str, dict[str, Any]]:
        """``results --format json`` by Study Instance UID."""
        return {item["study_instance_uid"]: item for item in json.loads(self.run("results", "--format", "json"))}

    def completed(self, study: str = "") -> bool:
        """Whether the live revision of a study has ended, or that of each study; asked of SQLite itself.

        A poll by a command would start Python for each look.
        """
        asked = """SELECT count(*), count(c.done_at) FROM studies s
            LEFT JOIN cases c ON c.study_id = s.id AND c.superseded_at IS NULL WHERE ? IN ('', s.study_instance_uid)"""
        with closing(sqlite3.connect(self.home / "perfuscope.db", timeout=30)) as connection:
            there, ended = connection.execute(asked, [study]).fetchone()
        return bool(there) and there == ended

    def push(self, datasets: Iterable[Dataset], folder: Path, *, calling: str = PACS_AE) -> None:
        """Send by one association; AssertionError if an object is not taken."""
        paths = write(datasets, folder)
        result = scu.send_files(paths, to=self.address, calling_ae_title=calling, timeout_s=30)
        assert not result.failed, [sent.code for sent in result.failed]


@contextmanager
def running(home: Path, **settings: Any) -> Iterator[Installation]:
    """A whole Perfuscope whose pages answer, with a PACS; both end with it, or where it does not start."""
    pacs = Pacs().start()
    installation = Installation(home, pacs, {"min_free_disk_mb": 1} | settings)
    try:
        installation.start()
        until(lambda: "pages on http" in installation.log, 60, "the viewer is up")
        yield installation
    finally:
        installation.end_at_once()
        pacs.stop()


def write(datasets: Iterable[Dataset], folder: Path) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for number, ds in enumerate(datasets):
        path = folder / f"{number}.dcm"
        dcmwrite(path, ds, enforce_file_format=True)
        paths.append(path)
    return paths


def push_like_a_pacs(installation: Installation, folders: list[list[Path]]) -> None:
    """Send every study, and all of it again until each object was answered with success."""
    for paths in folders:
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            try:
                if not scu.send_files(paths, to=installation.address, calling_ae_title=PACS_AE, timeout_s=10).failed:
                    break
            except Unavailable:
                time.sleep(0.3)
        else:
            raise AssertionError("a study was never taken")


def descendants(pid: int) -> dict[int, str]:
    """Command lines by process id of all processes below ``pid``."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(FileNotFoundError, ProcessLookupError):
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
    below, found = {pid}, {}
    while new := {child for child, parent in parents.items() if parent in below} - below:
        below |= new
        for child in new:
            with suppress(FileNotFoundError, ProcessLookupError):  # it may end in between
                found[child] = Path(f"/proc/{child}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    return found


def alive(pid: int) -> bool:
    """Whether the process still runs; one that only waits to be reaped does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


class Background(threading.Thread):
    """Runs a function in a thread and hands its exception on."""

    def __init__(self, work: Callable[[], None]) -> None:
        super().__init__(daemon=True)
        self._work, self.error = work, None
        self.start()

    def run(self) -> None:
        try:
            self._work()
        except BaseException as error:  # noqa: BLE001 - handed on by finish()
            self.error = error

    def finish(self, timeout_s: float) -> None:
        self.join(timeout_s)
        assert not self.is_alive(), "still at work"
        if self.error:
            raise self.error
