"""Receivers to be measured: our node as in production, DCMTK's storescp and Debian's Orthanc. One process each."""

import json
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from harness import NODE_AE, Installation, Pacs, free_port, until

from dicom_node.scu import Address

Receiver = Callable[[Path], AbstractContextManager[Address]]


@contextmanager
def node(home: Path) -> Iterator[Address]:
    """``perfuscope node``: each file fsynced and each row committed before it answers."""
    pacs = Pacs().start()
    installation = Installation(home, pacs, {"min_free_disk_mb": 1, "log_level": "WARNING"})
    installation.run("db", "upgrade")
    installation.start("node")
    try:
        yield Address(NODE_AE, "127.0.0.1", installation.port)
    finally:
        installation.stop()
        pacs.stop()


@contextmanager
def storescp(folder: Path) -> Iterator[Address]:
    """DCMTK's, with its largest PDU; it writes files and nothing else."""
    port = free_port()
    command = ["storescp", "--fork", "--max-pdu", "131072", "--output-directory", str(folder), str(port)]
    with _running(command, folder, port):
        yield Address("STORESCP", "127.0.0.1", port)


@contextmanager
def orthanc(folder: Path) -> Iterator[Address]:
    """Orthanc with its SQLite index, as Debian ships it."""
    port = free_port()
    settings = {
        "DicomPort": port,
        "HttpServerEnabled": False,
        "StorageDirectory": str(folder),
        "IndexDirectory": str(folder),
        "DicomAlwaysAllowStore": True,
        "DicomAlwaysAllowEcho": True,
        "Plugins": [],
    }
    path = folder.with_suffix(".json")
    path.write_text(json.dumps(settings))
    with _running(["/usr/sbin/Orthanc", str(path)], folder, port):
        yield Address("ORTHANC", "127.0.0.1", port)


RECEIVERS: dict[str, Receiver] = {"node": node, "storescp": storescp, "Orthanc": orthanc}


@contextmanager
def _running(command: list[str], folder: Path, port: int) -> Iterator[None]:
    folder.mkdir(parents=True)
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until(lambda: _listens(port), 60, f"{command[0]} listens")
        yield
    finally:
        process.terminate()
        process.wait(30)


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
