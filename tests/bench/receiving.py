"""How fast objects are taken: our node beside DCMTK and Orthanc, the same senders, in turns."""

import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
from harness import PACS_AE, write
from node_harness import screen
from pydicom import Dataset
from pydicom.uid import ExplicitVRLittleEndian
from receivers import RECEIVERS, Receiver
from row import Row, alternating

from dicom_node.scu import Address

_ROUNDS = 3
_SIZES = {"3.9 MB": (1975, 30), "0.5 MB": (707, 120)}
"""Side of a square grey image, and how many of them."""
_AIMS = {("3.9 MB", 1, "storescp"): "2.5 x", ("3.9 MB", 1, "Orthanc"): "4 x"}
_SENDERS: dict[str, tuple[str, ...]] = {"storescu": ("storescu", "--max-pdu", "131072"), "dcmsend": ("dcmsend",)}


def rows() -> Iterator[Row]:
    """MB/s by size, number of sending processes and sending program; medians."""
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder)
        for size, (side, count) in _SIZES.items():
            paths = write(_objects(side, count), base / size)
            for senders, program in ((1, "storescu"), (8, "storescu"), (1, "dcmsend")):
                send = partial(_seconds, paths, senders=senders, command=_SENDERS[program])
                sides = {name: _measured(receiver, base / "scp", send) for name, receiver in RECEIVERS.items()}
                seconds = alternating(sides, rounds=_ROUNDS)
                megabytes = sum(path.stat().st_size for path in paths) / 1e6
                yield from _table(f"{count} x {size}, {senders} {program}", seconds, megabytes, (size, senders))


def _objects(side: int, count: int) -> Iterator[Dataset]:
    rng = np.random.default_rng(7)
    for number in range(count):
        ds = screen(number, study=number // 10, pixels=1)
        ds.Rows = ds.Columns = side
        ds.PixelData = rng.integers(0, 256, side * side + side % 2, dtype=np.uint8).tobytes()
        ds.ensure_file_meta()
        ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        yield ds


def _measured(receiver: Receiver, folder: Path, send: Callable[[Address], float]) -> Callable[[], float]:
    """Seconds for all objects by a receiver that was started for them alone."""

    def seconds() -> float:
        shutil.rmtree(folder, ignore_errors=True)
        with receiver(folder) as address:
            subprocess.run(
                ["echoscu", "-aet", PACS_AE, "-aec", address.ae_title, address.host, str(address.port)], check=True
            )
            return send(address)

    return seconds


def _seconds(paths: list[Path], to: Address, *, senders: int, command: tuple[str, ...]) -> float:
    peer = ["-aet", PACS_AE, "-aec", to.ae_title, to.host, str(to.port)]
    started = time.perf_counter()
    processes = [
        subprocess.Popen([*command, *peer, *map(str, paths[place::senders])], stdout=subprocess.DEVNULL)
        for place in range(senders)
    ]
    codes = [process.wait(300) for process in processes]
    assert not any(codes), codes
    return time.perf_counter() - started


def _table(what: str, seconds: dict[str, float], megabytes: float, measure: tuple[str, int]) -> Iterator[Row]:
    for name, took in seconds.items():
        ratio = "" if name == "node" else f"node {took / seconds['node']:.1f} x"
        aim = _AIMS.get((*measure, name), "") if what.endswith("storescu") else ""
        yield Row(f"receiving {what}: {name}", f"{megabytes / took:.0f} MB/s", ratio, aim)
