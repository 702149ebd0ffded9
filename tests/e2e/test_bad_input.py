"""Whatever comes in is quarantined or refused with a reason; nobody dies of it, and nobody takes much memory for it."""

import copy
import sqlite3
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
import studies
from harness import PACS_AE, Installation, descendants, running, until, write
from node_harness import CANNOT_UNDERSTAND, SUCCESS, Sender, encoded
from pydicom import Dataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    UID,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGBaseline8Bit,
    MultiFrameTrueColorSecondaryCaptureImageStorage,
    RLELossless,
    generate_uid,
)
from pynetdicom import AE

from core.types import View
from dicom_node import layouts, reactor_gate, scu

MOST_MEMORY_MB = 500
DEEP = 3000
UNKNOWN, WRONG_SIZE, UNDECODABLE, TOO_LARGE = "unknown_layout", "wrong_size", "undecodable_pixels", "too_many_pixels"
EXECUTABLES = {
    "ELF": b"\x7fELF\x02\x01\x01",
    "PE": b"MZ\x90\0\x03",
    "zip": b"PK\x03\x04",
    "script": b"#!/bin/sh\nexit 1\n",
}
WHITE = layouts.Box(8, 980, 48, 1000)
THIRD = layouts.Circle("elsewhere", (1100, 777), 145)
"""Where the other layout has its caption: a part of the screen that is black."""


@dataclass(frozen=True)
class Bad:
    """One object, and what is to become of it."""

    name: str
    ds: Dataset
    reason: str
    data: bytes | None = None
    """The data set as it goes over the wire, where that is not how ``ds`` is written."""
    may_be_refused: bool = False

    @property
    def syntax(self) -> UID:
        return UID(self.ds.file_meta.TransferSyntaxUID)


def qps() -> Dataset:
    """A good screen, in a study of its own."""
    ds = copy.deepcopy(studies.simulated()[list(View).index(View.QPS)])
    assert ds.SeriesDescription == "AC QPS"
    ds.StudyInstanceUID, ds.SeriesInstanceUID = generate_uid(prefix=None), generate_uid(prefix=None)
    studies.renew(ds)
    return ds


def pixels_of(ds: Dataset) -> np.ndarray:
    return np.frombuffer(ds.PixelData, np.uint8).reshape(ds.Rows, ds.Columns, 3).copy()


def _with(pixels: np.ndarray | None = None, *, packed: tuple[UID, bytes] | None = None, **changes: Any) -> Dataset:
    """The good screen with other pixels or another header."""
    ds = qps()
    if pixels is not None:
        ds.Rows, ds.Columns, ds.PixelData = *pixels.shape[:2], pixels.tobytes()
    if packed is not None:
        ds.file_meta.TransferSyntaxUID, ds.PixelData = packed[0], encapsulate([packed[1]])
        ds["PixelData"].is_undefined_length = True
    for keyword, value in changes.items():
        setattr(ds, keyword, value)
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID
    return ds


def _jpeg(pixels: np.ndarray) -> bytes:
    return bytes(imagecodecs.jpeg8_encode(pixels, level=60))


def _other_content() -> Iterator[Bad]:
    """A size that is known, and something else in it."""
    rng = np.random.default_rng(4)
    shape = (1024, 1280, 3)
    yield Bad("noise", _with(rng.integers(0, 256, shape, np.uint8)), UNKNOWN)
    yield Bad("black", _with(np.zeros(shape, np.uint8)), UNKNOWN)
    yield Bad("noise of the other size", _with(rng.integers(0, 256, (1024, 1024, 3), np.uint8)), UNKNOWN)
    yield Bad("upside down", _with(pixels_of(qps())[::-1]), UNKNOWN)
    yield Bad("shifted", _with(np.roll(pixels_of(qps()), 3, axis=1)), UNKNOWN)


def _lies() -> Iterator[Bad]:
    """Rows and Columns that are not those of the pixels."""
    shown = pixels_of(qps())
    yield Bad("fewer rows", _with(Rows=999), UNDECODABLE)
    yield Bad("more columns", _with(Columns=1281), UNDECODABLE)
    yield Bad("rows for columns", _with(Rows=1280, Columns=1024), WRONG_SIZE)
    yield Bad("no rows", _with(Rows=0), UNDECODABLE)
    jpeg = (JPEGBaseline8Bit, _jpeg(shown[:512, :640]))
    yield Bad("a smaller JPEG", _with(packed=jpeg, PhotometricInterpretation="YBR_FULL_422"), UNDECODABLE)
    yield Bad("half the pixels", _with(PixelData=shown[:512].tobytes()), UNDECODABLE)


def _bombs() -> Iterator[Bad]:
    """Little on the wire, much in memory; and what is just allowed, in the kinds that take most."""
    run = b"\x81\x05" * 3_000_000
    yield Bad("RLE of 20000 x 20000", _with(packed=(RLELossless, run), Rows=20_000, Columns=20_000), TOO_LARGE)
    yield Bad("short RLE", _with(packed=(RLELossless, run[:1000]), Rows=4000, Columns=4000), UNDECODABLE)
    large = np.random.default_rng(5).integers(0, 256, (4600, 4600, 3), np.uint8)
    jpeg = (JPEGBaseline8Bit, _jpeg(large))
    yield Bad("the largest JPEG", _with(packed=jpeg, Rows=4600, Columns=4600, PhotometricInterpretation="YBR_FULL_422"),
              WRONG_SIZE)  # fmt: skip
    grey = {"SamplesPerPixel": 1, "PhotometricInterpretation": "MONOCHROME2", "WindowCenter": 100, "WindowWidth": 90}
    yield Bad("the largest grey image", _with(large[..., 0], **grey), WRONG_SIZE)
    yield Bad("the largest YBR image", _with(large, PhotometricInterpretation="YBR_FULL"), WRONG_SIZE)


def _frames() -> Iterator[Bad]:
    multi = {"SOPClassUID": MultiFrameTrueColorSecondaryCaptureImageStorage, "NumberOfFrames": 2000}
    small = np.zeros((64, 64, 3), np.uint8)
    yield Bad("2000 frames", _with(small, **multi | {"PixelData": bytes(2000 * small.size)}), UNKNOWN)
    yield Bad("2000 frames claimed", _with(**multi), TOO_LARGE)


def _nested(*, implicit: bool, undefined: bool) -> bytes:
    """A sequence of sequences, ``DEEP`` levels."""
    tag = b"\x40\x00\x30\xa7" + (b"" if implicit else b"SQ\0\0")
    inner = b""
    for _ in range(DEEP):
        if undefined:
            ends = struct.pack("<HHIHHI", 0xFFFE, 0xE00D, 0, 0xFFFE, 0xE0DD, 0)
            inner = tag + b"\xff\xff\xff\xff" + struct.pack("<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF) + inner + ends
        else:
            item = struct.pack("<HHI", 0xFFFE, 0xE000, len(inner)) + inner
            inner = tag + struct.pack("<I", len(item)) + item
    return inner


def _nests() -> Iterator[Bad]:
    for syntax in (ImplicitVRLittleEndian, ExplicitVRLittleEndian):
        for undefined in (True, False):
            for before in (True, False):
                ds = _with()
                ds.file_meta.TransferSyntaxUID = syntax
                plain = encoded(ds, syntax)
                at = 0 if before else plain.index(b"\xe0\x7f\x10\x00")
                nest = _nested(implicit=syntax.is_implicit_VR, undefined=undefined)
                name = f"nested: {syntax.name}, undefined lengths {undefined}, before the UIDs {before}"
                yield Bad(name, ds, UNDECODABLE, plain[:at] + nest + plain[at:], may_be_refused=True)


def _claimed_twice() -> Iterator[Bad]:
    """A screen that two layouts know."""
    shown = pixels_of(qps())
    shown[WHITE.slices] = 255
    ring = layouts.shipped()[0].ring
    shown[THIRD.outline(ring.width)] = ring.colour
    yield Bad("two layouts", _with(shown), UNKNOWN)


BAD: list[Callable[[], Iterator[Bad]]] = [_other_content, _lies, _bombs, _frames, _nests, _claimed_twice]


def other_layout(folder: Path) -> Path:
    """A layout with two of the QPS screen's circles, a third and a caption of its own, at the shipped one's rank.

    Neither's circles are all among the other's, so they may be loaded together.
    """
    text = Path(layouts.__file__).with_name("qps_qgs_1280.toml").read_text(encoding="utf-8")
    head, view = text.split("[[views]]")[:2]
    panels = view.split("[[views.panels]]")[1:3]
    panels.append(f'\nname = "{THIRD.name}"\ncentre = {list(THIRD.centre)}\nradius = {THIRD.radius}\n')
    rows, columns = WHITE.shape
    caption = [f"box = {list(WHITE)}", "lit_from = 96", "agreement = 0.75", f'bits = "{"ff" * (rows * columns // 8)}"']
    parts = [head.replace('name = "qps-qgs-1280"', 'name = "other"'), '[[views]]\nview = "qps"\n']
    parts += [f"[[views.panels]]{panel}" for panel in panels]
    path = folder / "other.toml"
    path.write_text("".join([*parts, "[[views.captions]]\n", "\n".join(caption), "\n"]), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def attacked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    folder = tmp_path_factory.mktemp("bad")
    with running(folder / "home", quiet_period_s=1, layouts=[str(other_layout(folder))]) as installation:
        yield installation


def say(installation: Installation, bad: Bad) -> int:
    """The status of the C-STORE."""
    ae = AE(ae_title=PACS_AE)
    ae.acse_timeout = ae.dimse_timeout = ae.network_timeout = 60
    ae.add_requested_context(bad.ds.SOPClassUID, bad.syntax)
    assoc = ae.associate(
        "127.0.0.1",
        installation.port,
        ae_title=installation.address.ae_title,
        evt_handlers=[reactor_gate.HANDLER],
    )
    assert assoc.is_established, bad.name
    data = bad.data or encoded(bad.ds, bad.syntax)
    sop_class = str(bad.ds.SOPClassUID)
    status = Sender(assoc).say(data, sop_class, bad.ds.SOPInstanceUID, syntax=bad.syntax, abstract=sop_class)
    assoc.release()
    return status


def judged(installation: Installation) -> dict[str, tuple[str, str | None]]:
    """State and reason of each received object, by its SOP Instance UID."""
    with sqlite3.connect(installation.home / "perfuscope.db") as connection:
        rows = connection.execute("SELECT sop_instance_uid, state, reason FROM instances").fetchall()
    connection.close()
    return {uid: (state, reason) for uid, state, reason in rows}


def processes(installation: Installation) -> dict[int, str]:
    """The supervisor and all below it that stay."""
    supervisor = installation.processes[0].pid
    return {pid: command for pid, command in descendants(supervisor).items() if "report_picture" not in command}


def most_memory_mb(pids: dict[int, str]) -> dict[str, int]:
    """The most that each process ever had in memory."""
    lines = {pid: Path(f"/proc/{pid}/status").read_text().split("VmHWM:")[1].split()[0] for pid in pids}
    return {f"{pids[pid]} ({pid})": int(kb) * 1024 // 10**6 for pid, kb in lines.items()}


def settled(running: dict[int, str], installation: Installation, sent: dict[str, Bad]) -> bool:
    assert running.items() <= processes(installation).items(), installation.log[-3000:]
    return all(state != "received" for uid, (state, _) in judged(installation).items() if uid in sent)


def test_bad_input_is_quarantined_or_refused_and_everybody_lives_on(attacked: Installation, tmp_path: Path) -> None:
    good = studies.study()
    attacked.push(good, tmp_path / "before")
    until(lambda: attacked.pacs.of(studies.uid_of(good)), 60, "the report arrives")
    running = processes(attacked)
    sent: dict[str, Bad] = {}
    for bad in (bad for kind in BAD for bad in kind()):
        status = say(attacked, bad)
        assert status in ({SUCCESS, CANNOT_UNDERSTAND} if bad.may_be_refused else {SUCCESS}), bad.name
        if status == SUCCESS:
            sent[str(bad.ds.SOPInstanceUID)] = bad
    until(lambda: settled(running, attacked, sent), 90, "every bad object is judged")
    found = judged(attacked)
    became = {bad.name: found[uid] for uid, bad in sent.items()}
    assert became == {bad.name: ("quarantined", bad.reason) for bad in sent.values()}
    assert len(sent) >= 19

    again = studies.study()
    attacked.push(again, tmp_path / "after")
    until(lambda: attacked.pacs.of(studies.uid_of(again)), 60, "the next good study has its report")
    assert running == processes(attacked), "somebody died"
    memory = most_memory_mb(running)
    assert {name: mb for name, mb in memory.items() if mb >= MOST_MEMORY_MB} == {}
    assert len(memory) >= 4
    until(attacked.completed, 30, "every study is done")
    results = attacked.results()
    assert {results[str(bad.ds.StudyInstanceUID)]["label"] for bad in sent.values()} == {None}
    assert results[studies.uid_of(again)]["label"] is not None


def test_a_preamble_that_is_an_executable_is_not_kept(attacked: Installation, tmp_path: Path) -> None:
    datasets = studies.study()
    for ds, head in zip(datasets, EXECUTABLES.values(), strict=True):
        ds.preamble = head.ljust(128, b"\x90")
    paths = write(datasets, tmp_path)
    assert {path.read_bytes()[:2] for path in paths} == {head[:2] for head in EXECUTABLES.values()}
    result = scu.send_files(paths, to=attacked.address, calling_ae_title=PACS_AE)
    assert not result.failed
    until(lambda: attacked.pacs.of(studies.uid_of(datasets)), 60, "the report arrives")
    kept = list((attacked.home / "store").rglob("*.dcm"))
    assert len(kept) > len(datasets)
    for path in kept:
        with path.open("rb") as file:
            assert file.read(132) == bytes(128) + b"DICM"


def test_an_executable_in_the_place_of_an_object_is_refused(attacked: Installation) -> None:
    ds = qps()
    for name, head in EXECUTABLES.items():
        data = head + Path("/proc/self/exe").read_bytes()[:100_000]
        assert say(attacked, Bad(name, ds, "", data)) == CANNOT_UNDERSTAND, name
    assert str(ds.SOPInstanceUID) not in judged(attacked)
