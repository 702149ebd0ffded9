"""Claims of a file's header cost no more memory and time than an honest header does."""

import io
import struct
from pathlib import Path

import pytest
from node_harness import encoded, screen
from pydicom import Dataset, dcmread, dcmwrite
from pydicom.dataset import FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from dicom_node import header, measured
from dicom_node.measured import InMemory, Measured, too_deep

ITEMS = 3000


def _file(*, items: int) -> bytes:
    """A screen whose header holds a sequence of undefined length with so many empty items."""
    ds, file = screen(), io.BytesIO()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dcmwrite(file, ds, enforce_file_format=True)
    content, study = file.getvalue(), encoded(ds).index(b"\x20\x00\x0d\x00UI") - len(encoded(ds))
    item, end = struct.pack("<HHI", 0xFFFE, 0xE000, 0), struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)
    sequence = b"\x18\x00\x1a\x00SQ\0\0\xff\xff\xff\xff" + item * items + end
    return content[:study] + sequence + content[study:]


def test_an_honest_header_is_read(tmp_path: Path) -> None:
    path = tmp_path / "object"
    path.write_bytes(_file(items=ITEMS))
    assert header.read(path).study_instance_uid.reveal() == screen().StudyInstanceUID
    assert dcmread(InMemory(path.read_bytes())).Rows == screen().Rows


@pytest.mark.filterwarnings("ignore::UserWarning")  # pydicom's, of the file's early end
def test_a_header_in_too_many_pieces_cannot_be_understood(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measured, "MOST_READS", ITEMS)
    path = tmp_path / "object"
    path.write_bytes(_file(items=ITEMS))
    with pytest.raises(header.UnparsableObject):
        header.read(path)
    assert "PixelData" not in dcmread(InMemory(path.read_bytes()))


@pytest.mark.parametrize(("levels", "deep"), [(0, False), (31, False), (33, True)])
@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
def test_sequences_nested_too_deep_are_noticed(levels: int, deep: bool, syntax: UID) -> None:
    ds = screen()
    for _ in range(levels):
        outer = Dataset()
        outer.ContentSequence = [ds]
        ds = outer
    assert too_deep(ds) is deep
    assert too_deep(dcmread(io.BytesIO(encoded(ds, syntax)), force=True)) is deep


def test_no_more_is_read_than_there_is(tmp_path: Path) -> None:
    path = tmp_path / "object"
    path.write_bytes(b"abcdef")
    with Measured(path) as file:
        assert (file.read(4), file.read(2**32 - 2), file.read()) == (b"abcd", b"ef", b"")
