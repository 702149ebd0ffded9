"""Objects and commands that cannot be understood or contradict themselves: a status each, and a node that lives on."""

import random
import struct
import tracemalloc
from contextlib import suppress
from io import BytesIO
from pathlib import Path

import pytest
from node_harness import CANNOT_UNDERSTAND, MISMATCH, SUCCESS, Node, Sender, encoded, screen
from pydicom import Dataset, dcmwrite
from pydicom.dataset import FileMetaDataset
from pydicom.uid import (
    UID,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    MRImageStorage,
    SecondaryCaptureImageStorage,
)

from db.tables import Instance, Study
from dicom_node import header
from dicom_node.scp import TRANSFER_SYNTAXES

pytestmark = [pytest.mark.timeout(60), pytest.mark.filterwarnings("ignore::UserWarning")]

SC = str(SecondaryCaptureImageStorage)
NO_UIDS = {
    "path": "../../../evil",
    "empty": "",
    "65 characters": "1." + "2" * 63,
    "letters": "1.2.abc",
    "leading zero": "1.02.3",
    "dots": "1..2",
    "two values": "1.2\\1.3",
    "not ASCII": "1.2.é",
    "missing": None,
}
UID_KEYWORDS = ("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID")


def _with(ds: Dataset, keyword: str, value: str | None) -> Dataset:
    del ds[keyword]
    if value is not None:
        ds.add_new(keyword, "UI" if value.isascii() else "LO", value)
    return ds


def _nothing_kept(node: Node) -> bool:
    return (node.count(Instance), node.count(Study), node.stored(), node.incoming()) == (0, 0, [], [])


@pytest.mark.parametrize("keyword", UID_KEYWORDS)
def test_a_data_set_without_proper_uids_cannot_be_understood(node: Node, keyword: str) -> None:
    with node.sender((SC, ImplicitVRLittleEndian)) as sender:
        for kind, value in NO_UIDS.items():
            data = encoded(_with(screen(), keyword, value), ImplicitVRLittleEndian)
            status = sender.say(data, SC, screen().SOPInstanceUID, syntax=ImplicitVRLittleEndian)
            assert status == CANNOT_UNDERSTAND, kind
            assert _nothing_kept(node)
        assert sender.store(screen(), ImplicitVRLittleEndian) == SUCCESS, "the association goes on"


@pytest.mark.parametrize("place", ["class", "instance"])
def test_a_command_without_proper_uids_cannot_be_understood(node: Node, place: str) -> None:
    data = encoded(screen())
    with node.sender() as sender:
        for kind, value in NO_UIDS.items():
            uids = (value, screen().SOPInstanceUID) if place == "class" else (SC, value)
            assert sender.say(data, *uids) == CANNOT_UNDERSTAND, kind
            assert _nothing_kept(node)
        assert sender.store(screen()) == SUCCESS, "the association goes on"


def test_a_c_store_without_a_data_set_cannot_be_understood(node: Node) -> None:
    with node.sender() as sender:
        assert sender.say(None, SC, "1.2.3") == CANNOT_UNDERSTAND
        assert _nothing_kept(node)
        assert sender.store(screen()) == SUCCESS


@pytest.mark.parametrize(
    "uids",
    [
        (SC, "1.2.3"),
        (str(MRImageStorage), screen().SOPInstanceUID),
        ("1.2.826.0.1.3680043.9.7777.1", screen().SOPInstanceUID),
        ("1.2.840.10008.1.1", screen().SOPInstanceUID),
    ],
    ids=["instance", "class", "private class", "no storage class"],
)
def test_a_command_that_names_another_object_is_a_mismatch(node: Node, uids: tuple[str, str]) -> None:
    with node.sender() as sender:
        assert sender.say(encoded(screen()), *uids) == MISMATCH
        assert _nothing_kept(node)
        assert sender.store(screen()) == SUCCESS


def test_an_object_of_another_class_than_agreed_on_is_a_mismatch(node: Node) -> None:
    ds = screen()
    ds.SOPClassUID = MRImageStorage
    with node.sender() as sender:
        assert sender.say(encoded(ds), MRImageStorage, ds.SOPInstanceUID) == MISMATCH
        assert _nothing_kept(node)


def test_an_object_by_the_verification_context_is_not_taken(node: Node) -> None:
    ds = screen()
    verification = "1.2.840.10008.1.1"
    with node.sender((verification, ExplicitVRLittleEndian), (SC, ExplicitVRLittleEndian)) as sender:
        assert sender.say(encoded(ds), SC, ds.SOPInstanceUID, abstract=verification) == CANNOT_UNDERSTAND
        assert sender.say(encoded(ds), verification, ds.SOPInstanceUID, abstract=verification) == CANNOT_UNDERSTAND
        assert node.count(Instance) == 0
        assert sender.store(ds) == SUCCESS


def _nested(depth: int, *, undefined: bool) -> bytes:
    """A private sequence of ``depth`` levels in Implicit VR, before everything else."""
    inner = b""
    for _ in range(depth):
        if undefined:
            ends = struct.pack("<HHIHHI", 0xFFFE, 0xE00D, 0, 0xFFFE, 0xE0DD, 0)
            inner = struct.pack("<HHIHHI", 0x0040, 0xA730, 0xFFFFFFFF, 0xFFFE, 0xE000, 0xFFFFFFFF) + inner + ends
        else:
            item = struct.pack("<HHI", 0xFFFE, 0xE000, len(inner)) + inner
            inner = struct.pack("<HHI", 0x0040, 0xA730, len(item)) + item
    return inner


@pytest.mark.parametrize("undefined", [True, False], ids=["undefined lengths", "defined lengths"])
@pytest.mark.parametrize("place", ["before the UIDs", "after them"])
def test_sequences_3000_deep_do_no_harm(node: Node, place: str, *, undefined: bool) -> None:
    plain, nest = encoded(screen(), ImplicitVRLittleEndian), _nested(3000, undefined=undefined)
    data = nest + plain if place.startswith("before") else plain + nest
    with node.sender((SC, ImplicitVRLittleEndian)) as sender:
        status = sender.say(data, SC, screen().SOPInstanceUID, syntax=ImplicitVRLittleEndian)
        assert status in {SUCCESS, CANNOT_UNDERSTAND}
        assert len(node.instances()) == len(node.stored()) == (status == SUCCESS)
        assert sender.store(screen(2), ImplicitVRLittleEndian) == SUCCESS


def test_a_truncated_header_cannot_be_understood(node: Node) -> None:
    data = encoded(screen())
    uids = data.index(b"\x20\x00\x0e\x00")  # the last UID, Series Instance UID
    with node.sender() as sender:
        statuses = {sender.say(data[:length], SC, screen().SOPInstanceUID) for length in range(7, uids + 8, 17)}
        assert statuses == {CANNOT_UNDERSTAND}
        assert sender.store(screen()) == SUCCESS


@pytest.mark.parametrize("vr", [b"US", b"FD", b"SQ", b"AT", b"IS", b"DS", b"UN", b"ZZ"])
def test_an_element_of_a_strange_type_does_no_harm(node: Node, vr: bytes) -> None:
    data = encoded(screen())
    at = data.index(b"\x10\x00\x20\x00LO") + 4
    data = data[:at] + vr + data[at + 2 :]
    with node.sender() as sender:
        assert sender.say(data, SC, screen().SOPInstanceUID) in {SUCCESS, CANNOT_UNDERSTAND}
        assert sender.store(screen(2)) == SUCCESS


def test_text_that_some_databases_refuse_is_cleaned(node: Node) -> None:
    ds = screen()
    ds.PatientID = "INVENTED\0ID"
    ds.SeriesDescription = "x" * 10_000
    assert node.store(ds) == [SUCCESS]

    [instance] = node.instances()
    assert instance.patient_id.reveal() == "INVENTEDID"
    assert len(instance.series_description.reveal()) == 255


def _damaged(rng: random.Random, syntax: str) -> bytes:
    """A screen with up to six bytes changed before its pixels."""
    data = bytearray(encoded(screen(), syntax))
    for _ in range(rng.randint(1, 6)):
        data[rng.randrange(len(data) - 4096)] = rng.choice([0, 1, 0x7F, 0xFF, rng.randrange(256)])
    return bytes(data)


def _head(syntax: str) -> bytes:
    """Preamble and file meta of a screen's file."""
    ds, file = screen(), BytesIO()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = UID(syntax)
    dcmwrite(file, ds, enforce_file_format=True)
    return file.getvalue().removesuffix(encoded(ds, syntax))


def test_damaged_objects_get_a_status_whatever_is_damaged(node: Node) -> None:
    rng = random.Random(20261123)
    syntaxes = TRANSFER_SYNTAXES[:3]
    with node.sender(*((SC, syntax) for syntax in syntaxes)) as sender:
        for syntax in syntaxes * 10:
            status = sender.say(_damaged(rng, syntax), SC, screen().SOPInstanceUID, syntax=syntax)
            assert status in {SUCCESS, CANNOT_UNDERSTAND, MISMATCH}, hex(status)
        assert sender.store(screen(2), syntaxes[0]) == SUCCESS
    assert len(node.stored()) == node.count(Instance)
    assert not node.incoming()


def test_a_damaged_header_is_read_or_refused_and_raises_nothing_else(tmp_path: Path) -> None:
    rng = random.Random(20261124)
    path = tmp_path / "object"
    heads = {syntax: _head(syntax) for syntax in TRANSFER_SYNTAXES[:3]}
    read = 0
    for syntax in TRANSFER_SYNTAXES[:3] * 200:
        path.write_bytes(heads[syntax] + _damaged(rng, syntax))
        try:
            header.read(path)
            read += 1
        except header.UnparsableObject:
            continue
    assert 0 < read < 600


@pytest.mark.parametrize(
    "command",
    [
        b"",
        bytes(20),
        b"\xff" * 64,
        struct.pack("<HHIHHHIH", 0, 0x100, 2, 0x0001, 0, 0x800, 2, 0x0101),
        struct.pack("<HHIHHHIH", 0, 0x100, 2, 0x7777, 0, 0x800, 2, 0x0101),
        bytes(200_000),
    ],
    ids=["empty", "zeros", "ones", "bare C-STORE", "unknown command", "endless"],
)
def test_a_command_that_is_none_ends_its_association_alone(node: Node, command: bytes) -> None:
    other, assoc = node.request(), node.request()
    context = assoc.accepted_contexts[0].context_id
    parts = [command[i : i + 16000] for i in range(0, len(command), 16000)] or [b""]
    wire = Sender(assoc).wire
    with suppress(OSError):  # the node may end it before everything is sent
        for number, part in enumerate(parts, 1):
            control = b"\x03" if number == len(parts) and len(command) < 100_000 else b"\x01"
            pdv = struct.pack(">LB", len(part) + 2, context) + control + part
            wire.sendall(struct.pack(">BBL", 4, 0, len(pdv)) + pdv)
    assoc.join(10)

    assert not assoc.is_established
    assert other.is_established
    other.release()
    assert node.echoes()


@pytest.mark.parametrize("tag", [(0x0008, 0x0005), (0x0010, 0x0010)], ids=["character set", "name"])
def test_a_length_of_four_gigabytes_asks_for_no_memory(tmp_path: Path, tag: tuple[int, int]) -> None:
    path = tmp_path / "object"
    path.write_bytes(_head(ImplicitVRLittleEndian) + struct.pack("<HHI", *tag, 0xFFFFFF00) + bytes(1000))
    tracemalloc.start()
    try:
        with pytest.raises(header.UnparsableObject):
            header.read(path)
        assert tracemalloc.get_traced_memory()[1] < 2**24
    finally:
        tracemalloc.stop()
