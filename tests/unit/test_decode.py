"""Decoding: every claim of a header is checked first, and nothing but Rejected comes out of a damaged object."""

import io
import time
import tracemalloc
import warnings
from typing import Any

import imagecodecs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from pydicom import Dataset, dcmread
from pydicom.dataset import FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.pixels.processing import convert_color_space
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

from core.errors import Rejected
from core.types import Reason
from dicom_node.decode import PYDICOM_ERRORS, decode

ROWS, COLUMNS = 24, 30
NAME = "PHANTOM^ALDER"


def picture(*, channels: int = 3, dtype: type = np.uint8, seed: int = 0) -> np.ndarray:
    shape = (ROWS, COLUMNS, channels) if channels > 1 else (ROWS, COLUMNS)
    return np.random.default_rng(seed).integers(0, np.iinfo(dtype).max, shape, dtype, endpoint=True)


def dataset(data: bytes, *, syntax: UID = ExplicitVRLittleEndian, **changes: Any) -> Dataset:
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = syntax
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID = UID("1.2.840.10008.5.1.4.1.1.7")
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID = UID("2.25.7")
    ds.PatientName = NAME
    attributes = {
        "SamplesPerPixel": 3,
        "PhotometricInterpretation": "RGB",
        "PlanarConfiguration": 0,
        "Rows": ROWS,
        "Columns": COLUMNS,
        "BitsAllocated": 8,
        "BitsStored": 8,
        "HighBit": 7,
        "PixelRepresentation": 0,
    }
    for keyword, value in (attributes | changes).items():
        setattr(ds, keyword, value)
    ds.PixelData = data
    ds["PixelData"].VR = "OW" if ds.BitsAllocated == 16 else "OB"
    if syntax.is_compressed:
        ds["PixelData"].is_undefined_length = True
    return ds


def grey(array: np.ndarray, photometric: str = "MONOCHROME2", **changes: Any) -> Dataset:
    bits = 8 * array.dtype.itemsize
    kind = {"BitsAllocated": bits, "BitsStored": bits, "HighBit": bits - 1, "SamplesPerPixel": 1}
    ds = dataset(array.tobytes(), **(kind | {"PhotometricInterpretation": photometric} | changes))
    del ds.PlanarConfiguration
    return ds


def saved(ds: Dataset) -> bytes:
    buffer = io.BytesIO()
    ds.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def rle(array: np.ndarray, **changes: Any) -> Dataset:
    ds = dataset(b"", **changes)
    ds.compress(RLELossless, array, generate_instance_uid=False)
    return ds


def jpeg(array: np.ndarray, kind: str = "JPEG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, kind, **options)
    return encapsulate([buffer.getvalue()])


def refused(ds: Dataset, **options: Any) -> Rejected:
    with pytest.raises(Rejected) as caught:
        decode(ds, **options)
    assert NAME not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    return caught.value


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRLittleEndian])
def test_raw_rgb_comes_out_as_it_went_in(syntax: UID) -> None:
    expected = picture()
    assert np.array_equal(decode(dataset(expected.tobytes(), syntax=syntax)), expected)


def test_raw_rgb_is_not_copied() -> None:
    ds = dataset(picture().tobytes())
    assert np.shares_memory(decode(ds), np.frombuffer(ds.PixelData, np.uint8))


def test_big_endian_rgb_is_read() -> None:
    expected = picture()
    ds = dataset(expected.tobytes(), syntax=ExplicitVRBigEndian)
    buffer = io.BytesIO()
    ds.save_as(buffer, enforce_file_format=True)
    buffer.seek(0)
    assert np.array_equal(decode(dcmread(buffer)), expected)


def test_planes_one_after_the_other_are_interleaved() -> None:
    expected = picture()
    data = expected.transpose(2, 0, 1).tobytes()
    assert np.array_equal(decode(dataset(data, PlanarConfiguration=1)), expected)


@pytest.mark.parametrize("planar", [0, 1])
def test_rle_comes_out_as_it_went_in(planar: int) -> None:
    expected = picture()
    ds = rle(expected)
    ds.PlanarConfiguration = planar
    assert np.array_equal(decode(ds), expected)


def test_decoding_leaves_the_data_set_as_it_was() -> None:
    ds = rle(picture())
    before = saved(ds)
    decode(ds)
    assert saved(ds) == before


def test_ybr_full_becomes_rgb() -> None:
    expected = picture()
    ybr = convert_color_space(expected, "RGB", "YBR_FULL")
    for data, planar in ((ybr, 0), (ybr.transpose(2, 0, 1), 1)):
        ds = dataset(data.tobytes(), PhotometricInterpretation="YBR_FULL", PlanarConfiguration=planar)
        assert np.abs(decode(ds).astype(int) - expected).max() <= 2


def test_raw_ybr_422_becomes_rgb() -> None:
    luma = picture(channels=1)
    stored = np.full((ROWS, COLUMNS // 2, 4), 128, np.uint8)  # two lumas, one blue, one red difference
    stored[..., :2] = luma.reshape(ROWS, COLUMNS // 2, 2)
    shown = decode(dataset(stored.tobytes(), PhotometricInterpretation="YBR_FULL_422"))
    assert np.array_equal(shown, np.repeat(luma[..., None], 3, axis=2))


def test_jpeg_baseline_is_read_in_its_colours() -> None:
    expected = np.zeros((ROWS, COLUMNS, 3), np.uint8)
    expected[:, :16] = (200, 40, 90)
    data = jpeg(expected, quality=95)
    for photometric in ("YBR_FULL_422", "RGB"):  # the second is a frequent lie; the stream's JFIF marker tells
        shown = decode(dataset(data, syntax=JPEGBaseline8Bit, PhotometricInterpretation=photometric))
        assert np.abs(shown[:, :12].astype(int) - (200, 40, 90)).max() <= 6


def test_jpeg_2000_comes_out_as_it_went_in() -> None:
    expected = picture()
    data = jpeg(expected, "JPEG2000", irreversible=False, no_jp2=True, mct=1)
    ds = dataset(data, syntax=JPEG2000Lossless, PhotometricInterpretation="YBR_RCT")
    assert np.array_equal(decode(ds), expected)


@pytest.mark.parametrize("deep", [False, True])
def test_palette_colours_are_looked_up(deep: bool) -> None:
    index = picture(channels=1)
    table = np.random.default_rng(3).integers(0, 256, (256, 3), np.uint8)
    ds = grey(index, "PALETTE COLOR")
    for channel, colour in enumerate(("Red", "Green", "Blue")):
        values = table[:, channel].astype("<u2") * 257 if deep else table[:, channel]
        setattr(ds, f"{colour}PaletteColorLookupTableDescriptor", [256, 0, 16 if deep else 8])
        setattr(ds, f"{colour}PaletteColorLookupTableData", values.tobytes())
    assert np.array_equal(decode(ds), table[index])


def test_eight_bit_grey_stays_and_monochrome1_is_inverted() -> None:
    values = picture(channels=1)
    expected = np.repeat(values[..., None], 3, axis=2)
    assert np.array_equal(decode(grey(values)), expected)
    assert np.array_equal(decode(grey(values, "MONOCHROME1")), 255 - expected)


def test_rle_grey_is_read() -> None:
    values = picture(channels=1, dtype=np.uint16)
    ds = grey(values)
    plain = decode(ds)
    ds.compress(RLELossless, values, generate_instance_uid=False)
    assert np.array_equal(decode(ds), plain)


def test_sixteen_bit_grey_is_stretched_or_windowed() -> None:
    values = np.linspace(100, 4100, ROWS * COLUMNS).astype(np.uint16).reshape(ROWS, COLUMNS)
    stretched = decode(grey(values))
    assert (stretched.min(), stretched.max()) == (0, 255)
    windowed = decode(grey(values, WindowCenter=2000, WindowWidth=1000))
    assert not windowed[values < 1500].any()
    assert (windowed[values > 2500] == 255).all()
    several = decode(grey(values, WindowCenter=[2000, 50], WindowWidth=[1000, 9]))
    assert np.array_equal(several, windowed)


def test_signed_grey_with_a_rescale_is_windowed_in_its_units() -> None:
    values = np.arange(-360, 360, dtype=np.int16).reshape(ROWS, COLUMNS)
    ds = grey(values, PixelRepresentation=1, RescaleSlope=2, RescaleIntercept=10, WindowCenter=10, WindowWidth=400)
    shown = decode(ds)
    assert not shown[values < -100].any()
    assert (shown[values > 100] == 255).all()


def test_a_constant_sixteen_bit_image_is_black_not_an_error() -> None:
    assert not decode(grey(np.full((ROWS, COLUMNS), 700, np.uint16))).any()


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, RLELossless, JPEGBaseline8Bit])
def test_a_bomb_is_refused_before_it_is_decoded(syntax: UID) -> None:
    data = encapsulate([b"\x81\x05" * 3_000_000]) if syntax.is_compressed else b"\0" * 6_000_000
    ds = dataset(data, syntax=syntax, Rows=20_000, Columns=20_000)
    tracemalloc.start()
    started = time.thread_time()
    error = refused(ds)
    busy_s, (_, peak) = time.thread_time() - started, tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert error.reason is Reason.TOO_LARGE
    assert busy_s < 0.1
    assert peak < 1_000_000


def test_the_limit_counts_frames_samples_and_bytes() -> None:
    size = ROWS * COLUMNS * 3
    ds = dataset(picture().tobytes())
    assert decode(ds, max_pixels=size).shape == (ROWS, COLUMNS, 3)
    assert refused(ds, max_pixels=size - 1).reason is Reason.TOO_LARGE
    ds.NumberOfFrames = 100_000
    assert refused(ds).reason is Reason.TOO_LARGE


def test_an_rle_stream_too_short_for_its_claim_is_refused_unread() -> None:
    ds = dataset(encapsulate([b"\x81\x05" * 1000]), syntax=RLELossless, Rows=4000, Columns=4000)
    assert refused(ds).reason is Reason.UNDECODABLE


def test_a_jpeg_stream_of_another_size_is_refused() -> None:
    data = jpeg(np.zeros((600, 800, 3), np.uint8))
    ds = dataset(data, syntax=JPEGBaseline8Bit, PhotometricInterpretation="YBR_FULL_422")
    assert "another size" in refused(ds).detail


def test_several_frames_are_no_screen() -> None:
    ds = dataset(picture().tobytes() * 2, NumberOfFrames=2)
    error = refused(ds)
    assert (error.reason, error.detail) == (Reason.UNKNOWN_LAYOUT, "several frames")
    ds.NumberOfFrames = 1
    ds.PixelData = picture().tobytes()
    assert decode(ds).shape == (ROWS, COLUMNS, 3)


@pytest.mark.parametrize(
    "change",
    [
        {"Rows": ROWS - 1},
        {"Columns": COLUMNS + 1},
        {"Rows": 0},
        {"Rows": None},
        {"BitsAllocated": 16, "BitsStored": 16, "HighBit": 15},
        {"BitsStored": 7},
        {"SamplesPerPixel": 4},
        {"PhotometricInterpretation": "HSV"},
        {"PhotometricInterpretation": "MONOCHROME2"},
        {"PhotometricInterpretation": "YBR_FULL_422"},
        {"NumberOfFrames": -1},
    ],
)
def test_a_header_that_disagrees_with_the_pixels_is_undecodable(change: dict[str, Any]) -> None:
    assert refused(dataset(picture().tobytes(), **change)).reason is Reason.UNDECODABLE


@pytest.mark.parametrize("keyword", ["Rows", "Columns", "SamplesPerPixel", "BitsAllocated", "BitsStored", "PixelData"])
def test_a_missing_attribute_is_undecodable(keyword: str) -> None:
    ds = dataset(picture().tobytes())
    del ds[keyword]
    assert refused(ds).reason is Reason.UNDECODABLE


@pytest.mark.parametrize("change", [-1, 2, 1000])
def test_pixels_of_the_wrong_length_are_undecodable(change: int) -> None:
    data = picture().tobytes()
    data = data[:change] if change < 0 else data + b"\0" * change
    assert refused(dataset(data)).reason is Reason.UNDECODABLE


def test_one_byte_of_padding_is_allowed() -> None:
    ds = dataset(b"\7" * 75 + b"\0", Rows=5, Columns=5)
    assert (decode(ds) == 7).all()


def test_truncated_compressed_pixels_are_undecodable() -> None:
    packed = rle(picture())
    packed.PixelData = packed.PixelData[:-200]
    assert refused(packed).reason is Reason.UNDECODABLE
    data = jpeg(picture())
    half = dataset(data[:600], syntax=JPEGBaseline8Bit, PhotometricInterpretation="YBR_FULL_422")
    assert refused(half).reason is Reason.UNDECODABLE


@pytest.mark.parametrize("syntax", [DeflatedExplicitVRLittleEndian, UID("1.2.840.10008.1.2.4.102"), UID("9.9")])
def test_other_transfer_syntaxes_are_undecodable(syntax: UID) -> None:
    ds = dataset(picture().tobytes())
    ds.file_meta.TransferSyntaxUID = syntax
    assert refused(ds).detail == "transfer syntax not supported"


def test_a_segmented_palette_is_refused_unread() -> None:
    ds = grey(picture(channels=1), "PALETTE COLOR")
    ds.RedPaletteColorLookupTableDescriptor = [0, 0, 16]
    ds.SegmentedRedPaletteColorLookupTableData = b"\1\0\xff\xff\7\0" * 1000
    assert refused(ds).detail == "segmented palette"


def stream(kind: str, pixels: np.ndarray) -> bytes:
    """A codestream; those for ``JPEG`` carry a JFIF marker."""
    if kind == "LOSSLESS":
        return bytes(imagecodecs.jpeg8_encode(pixels, lossless=True, predictor=1))
    if kind == "JPEG-LS":
        return bytes(imagecodecs.jpegls_encode(pixels))
    if kind == "JPEG2000":
        return bytes(imagecodecs.jpeg2k_encode(pixels, codecformat="J2K", reversible=True, mct=True))
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=95)
    return buffer.getvalue()


STREAMS = {
    "JPEG": (JPEGBaseline8Bit, "YBR_FULL_422"),
    "LOSSLESS": (JPEGLosslessSV1, "RGB"),
    "JPEG-LS": (JPEGLSLossless, "RGB"),
    "JPEG2000": (JPEG2000Lossless, "YBR_RCT"),
}


def packed(kind: str, frame: bytes, **changes: Any) -> Dataset:
    syntax, photometric = STREAMS[kind]
    return dataset(encapsulate([frame]), syntax=syntax, **({"PhotometricInterpretation": photometric} | changes))


@pytest.mark.parametrize("kind", STREAMS)
def test_a_codestream_is_decoded_and_one_of_another_size_refused(kind: str) -> None:
    frame = stream(kind, picture())
    assert decode(packed(kind, frame)).shape == (ROWS, COLUMNS, 3)
    assert refused(packed(kind, frame, Rows=ROWS + 1)).detail == "compressed image of another size"


@pytest.mark.parametrize("kind", STREAMS)
@pytest.mark.parametrize("share", [0.5, 0.9])
@pytest.mark.parametrize("end", [b"", b"\xff\xd9"])
def test_a_codestream_cut_short_is_refused_even_with_its_end_marker(kind: str, share: float, end: bytes) -> None:
    frame = stream(kind, picture())
    assert refused(packed(kind, frame[: int(len(frame) * share)] + end)).reason is Reason.UNDECODABLE


def test_fill_bytes_before_the_end_marker_are_no_damage() -> None:
    frame = stream("JPEG", picture())
    assert np.array_equal(decode(packed("JPEG", frame[:-2] + b"\xff\xff\xd9")), decode(packed("JPEG", frame)))


@pytest.mark.parametrize("kind", STREAMS)
def test_a_codestream_under_another_syntax_is_refused(kind: str) -> None:
    other = "JPEG" if kind != "JPEG" else "LOSSLESS"
    ds = packed(kind, stream(other, picture()), PhotometricInterpretation="RGB")
    assert refused(ds).detail == "compressed image of another kind than its transfer syntax"


def test_more_scans_than_components_are_refused_unread() -> None:
    frame = stream("JPEG", picture())
    assert refused(packed("JPEG", frame[:-2] + b"\xff\xda\0\x08\1\1\0\0?\0" * 3 + b"\xff\xd9")).detail


def adobe(frame: bytes, transform: int) -> bytes:
    """A JPEG stream with an Adobe marker in the place of its JFIF marker."""
    assert frame[2:4] == b"\xff\xe0"
    rest = frame[4 + int.from_bytes(frame[4:6], "big") :]
    return frame[:2] + b"\xff\xee\0\x0eAdobe\0\x64\0\0\0\0" + bytes([transform]) + rest


def test_colours_that_header_and_stream_dispute_are_refused() -> None:
    frame = stream("JPEG", picture())
    for photometric in ("RGB", "YBR_FULL_422", "YBR_FULL"):
        ds = packed("JPEG", adobe(frame, 1), PhotometricInterpretation=photometric)
        assert np.array_equal(decode(ds), decode(packed("JPEG", frame)))
    disputed = "colours of header and compressed image disagree"
    assert refused(packed("JPEG", adobe(frame, 0), PhotometricInterpretation="YBR_FULL")).detail == disputed
    transformed = stream("JPEG2000", picture())
    assert refused(packed("JPEG2000", transformed, PhotometricInterpretation="YBR_FULL")).detail == disputed


def test_an_rle_decoder_in_panic_is_a_refusal() -> None:
    values = np.zeros((ROWS, COLUMNS), np.uint16)
    ds = grey(values)
    ds.compress(RLELossless, values, generate_instance_uid=False)
    offsets = np.array([2, 64, 64 + 80, *[0] * 13], "<u4")
    ds.PixelData = encapsulate([offsets.tobytes() + b"\x81\7" * 80])  # both planes longer than the image
    assert refused(ds).reason is Reason.UNDECODABLE


def test_greys_by_a_table_or_a_curve_are_refused() -> None:
    values = picture(channels=1)
    assert "table" in refused(grey(values, ModalityLUTSequence=[Dataset()])).detail
    assert "curve" in refused(grey(values, WindowCenter=9, WindowWidth=9, VOILUTFunction="SIGMOID")).detail


def _file(kind: str) -> bytes:
    if kind == "rle":
        return saved(rle(picture()))
    if kind == "jpeg":
        data = jpeg(picture())
        return saved(dataset(data, syntax=JPEGBaseline8Bit, PhotometricInterpretation="YBR_FULL_422"))
    if kind == "grey":
        return saved(grey(picture(channels=1, dtype=np.uint16), WindowCenter=3000, WindowWidth=900))
    return saved(dataset(picture().tobytes()))


FILES = {kind: _file(kind) for kind in ("raw", "rle", "jpeg", "grey")}


@settings(max_examples=400, deadline=None)
@given(
    kind=st.sampled_from(sorted(FILES)),
    changes=st.lists(st.tuples(st.integers(132, 900), st.integers(0, 255)), min_size=1, max_size=6),
    length=st.integers(0, 40),
)
def test_a_mutated_object_is_decoded_or_rejected(kind: str, changes: list[tuple[int, int]], length: int) -> None:
    content = bytearray(FILES[kind])
    for place, value in changes:
        content[place % len(content)] = value
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            ds = dcmread(io.BytesIO(bytes(content[: len(content) - length])), force=True)
        except PYDICOM_ERRORS:  # reading is not what is tested here
            return
        try:
            shown = decode(ds, max_pixels=4_000_000)
        except Rejected:
            return
    assert shown.dtype == np.uint8
    assert shown.shape[2] == 3
