"""The demo's own PACS and its own Perfuscope, in a home of their own, on free ports of this machine."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from cli.free_ports import free_port
from core.errors import PerfuscopeError, Unavailable
from core.jobs import Queue

if TYPE_CHECKING:
    from dicom_node.scu import Address

NODE_AE, PACS_AE = "PERFUSCOPE", "DEMOPACS"
_START_TIMEOUT_S = 60


@dataclass
class Pacs:
    """A PACS of our own: it stores what is sent to it and notes when."""

    port: int = 0
    received: dict[str, tuple[float, Any]] = field(default_factory=dict)
    """The first page of each study."""
    structured: dict[str, Any] = field(default_factory=dict)
    """Its first structured report."""
    changed: threading.Condition = field(default_factory=threading.Condition)

    def store(self, event: Any) -> int:
        """Keep what came first of each study."""
        ds = event.dataset
        ds.file_meta = event.file_meta
        with self.changed:
            if ds.Modality == "SR":
                self.structured.setdefault(str(ds.StudyInstanceUID), ds)
            else:
                self.received.setdefault(str(ds.StudyInstanceUID), (time.perf_counter(), ds))
            self.changed.notify_all()
        return 0x0000

    def wait_for(self, count: int, timeout_s: float) -> None:
        """Wait until so many studies have both reports, or the time is over."""
        with self.changed:
            self.changed.wait_for(lambda: min(len(self.received), len(self.structured)) >= count, timeout_s)


@contextmanager
def temporary_home(wanted: Path | None) -> Iterator[Path]:
    """The wanted folder, which stays, or a temporary one, which goes."""
    if wanted is not None:
        wanted.mkdir(parents=True, exist_ok=True, mode=0o700)
        if (wanted / "perfuscope.toml").exists():
            msg = f"{wanted} has settings already; name an empty folder"
            raise PerfuscopeError(msg)
        yield wanted.absolute()
        return
    folder = Path(tempfile.mkdtemp(prefix="perfuscope-demo-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def running_pacs() -> Iterator[Pacs]:
    """A storage SCP for report pages, which can be tried by C-ECHO."""
    from pydicom.uid import Comprehensive3DSRStorage, ExplicitVRLittleEndian, SecondaryCaptureImageStorage
    from pynetdicom import AE, evt

    pacs = Pacs()
    ae = AE(ae_title=PACS_AE)
    for sop_class_uid in (SecondaryCaptureImageStorage, Comprehensive3DSRStorage):
        ae.add_supported_context(sop_class_uid, ExplicitVRLittleEndian)
    ae.add_supported_context("1.2.840.10008.1.1")  # Verification
    server = ae.start_server(("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_C_STORE, pacs.store)])
    if server is None:
        raise PerfuscopeError("the demo's PACS could not listen on 127.0.0.1")
    pacs.port = int(server.server_address[1])
    try:
        yield pacs
    finally:
        server.shutdown()


@contextmanager
def running_perfuscope(home: Path, pacs_port: int, console: Console) -> Iterator["Address"]:
    """``perfuscope up`` as a child, ready to receive."""
    from dicom_node.scu import Address

    port, web_port = free_port(), free_port()
    (home / "perfuscope.toml").write_text(
        f'dicom_port = {port}\nweb_port = {web_port}\nae_title = "{NODE_AE}"\n\n'
        f'[[peers]]\nname = "demo-pacs"\nae_title = "{PACS_AE}"\nhost = "127.0.0.1"\nport = {pacs_port}\n'
    )
    kept = {k: v for k, v in os.environ.items() if not k.startswith("PERFUSCOPE_") or k == "PERFUSCOPE_MODEL"}
    env = kept | {"PERFUSCOPE_HOME": str(home)}
    with (home / "perfuscope.log").open("wb") as log:
        command = [sys.executable, "-m", "cli", "up"]
        child = subprocess.Popen(command, env=env, stdout=log, stderr=log)  # noqa: S603 - our own program
    address = Address(NODE_AE, "127.0.0.1", port)
    try:
        with console.status("Starting node and workers"):
            _wait_until_ready(child, address, home)
        yield address
    finally:
        child.send_signal(signal.SIGTERM)
        try:
            child.wait(30)
        except subprocess.TimeoutExpired:
            child.kill()


def _wait_until_ready(child: "subprocess.Popen[bytes]", address: "Address", home: Path) -> None:
    from dicom_node import scu

    log = home / "perfuscope.log"
    deadline = time.monotonic() + _START_TIMEOUT_S
    while time.monotonic() < deadline:
        if child.poll() is not None:
            break
        try:
            scu.echo(address, calling_ae_title=PACS_AE)
        except Unavailable:
            time.sleep(0.1)
            continue
        said = log.read_text(errors="replace")
        if all(f"serving queue {queue.value}" in said for queue in Queue) and "pages on http" in said:
            return
        time.sleep(0.1)
    last = log.read_text(errors="replace").strip().splitlines()[-5:]
    raise PerfuscopeError("Perfuscope did not start:\n" + "\n".join(last))
