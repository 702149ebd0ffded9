"""Whatever order, split or packing a study comes in, and whatever is planted beside: the same crops, the same case."""

import hashlib
import io
from functools import lru_cache
from typing import Any

import imagecodecs
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kept_engines import Anew
from pydicom import Dataset, dcmread
from pydicom.dataset import FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.pixels.processing import convert_color_space
from pydicom.uid import (
    UID,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)
from rle.utils import encode_pixel_data
from sizes import size
from sqlalchemy import select
from ward import Clock, Ward

from core.errors import Rejected
from core.pixels import RgbImage
from core.types import Reason, View
from db.tables import Instance
from dicom_node import layouts
from dicom_node.decode import decode
from dicom_node.layouts import Crop
from dicom_node.prepare import screen
from training.phantom.cohort import simulate

LAYOUTS = layouts.shipped()
SECRET = b"ZZPLANTEDZZ"
OBJECTS = 5
"""Three views, a second content of the first, and raw data."""


@lru_cache(maxsize=1)
def screens() -> dict[View, RgbImage]:
    return dict(simulate(31, 0).screens)


@lru_cache(maxsize=8)
def kept(view: View) -> np.ndarray:
    """Where the circles are: what the crop is made of."""
    match, _ = screen(screens()[view], layouts=LAYOUTS)
    y, x = np.mgrid[: match.layout.rows, : match.layout.columns]
    discs = [np.hypot(x - p.centre[0], y - p.centre[1]) <= p.radius for p in match.screen.panels]
    return np.any(discs, axis=0)


@lru_cache(maxsize=8)
def needed(view: View) -> np.ndarray:
    """The circles, their rings and the captions: what a screen is known by."""
    match, _ = screen(screens()[view], layouts=LAYOUTS)
    y, x = np.mgrid[: match.layout.rows, : match.layout.columns]
    reach = match.layout.ring.width + 1
    discs = [np.hypot(x - p.centre[0], y - p.centre[1]) <= p.radius + reach for p in match.screen.panels]
    found = np.any(discs, axis=0)
    for caption in match.screen.captions:
        found[caption.box.slices] = True
    return found


def planted(view: View, seed: int) -> RgbImage:
    """The screen with other pixels wherever it is not known by them."""
    noise = np.random.default_rng(seed).integers(0, 256, screens()[view].shape, np.uint8)
    return np.where(needed(view)[..., None], screens()[view], noise).astype(np.uint8)


def dataset(pixels: np.ndarray, syntax: UID = ExplicitVRLittleEndian, **changes: Any) -> Dataset:
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = syntax
    ds.SOPClassUID, ds.SOPInstanceUID = UID("1.2.840.10008.5.1.4.1.1.7"), UID("2.25.7")
    ds.Rows, ds.Columns = pixels.shape[:2]
    ds.SamplesPerPixel, ds.PhotometricInterpretation, ds.PlanarConfiguration = 3, "RGB", 0
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 8, 8, 7, 0
    ds.PixelData = pixels.tobytes()
    for keyword, value in changes.items():
        setattr(ds, keyword, value)
    ds["PixelData"].VR = "OW" if ds.BitsAllocated == 16 else "OB"
    ds["PixelData"].is_undefined_length = syntax.is_compressed
    return ds


def _palette(pixels: RgbImage) -> Dataset:
    """The screen in as many colours as it has, up to 2**16, by tables of 16 bits."""
    numbers, index = np.unique(pixels.astype(np.uint32) @ np.array([65536, 256, 1], np.uint32), return_inverse=True)
    assert len(numbers) < 2**16
    colours = np.stack([numbers >> 16, numbers >> 8 & 255, numbers & 255], axis=1)
    index = index.reshape(pixels.shape[:2]).astype("<u2")
    tables = {
        f"{name}PaletteColorLookupTable{part}": value
        for place, name in enumerate(("Red", "Green", "Blue"))
        for part, value in (
            ("Descriptor", [len(colours), 0, 16]),
            ("Data", (colours[:, place].astype("<u2") * 257).tobytes()),
        )
    }
    bits = {"BitsAllocated": 16, "BitsStored": 16, "HighBit": 15}
    kind = {"SamplesPerPixel": 1, "PhotometricInterpretation": "PALETTE COLOR"}
    return dataset(pixels, **kind, **bits, **tables, PixelData=index.tobytes())


def packed(pixels: RgbImage, way: str) -> Dataset:
    """The same pixels in another way that loses nothing."""
    if way == "planes":
        return dataset(pixels, PlanarConfiguration=1, PixelData=pixels.transpose(2, 0, 1).tobytes())
    if way == "palette":
        return _palette(pixels)
    if way == "rle":
        data = encapsulate([encode_pixel_data(pixels.tobytes(), dataset(pixels))])
        return dataset(pixels, RLELossless, PixelData=data)
    streams = {
        "lossless": (JPEGLosslessSV1, lambda: imagecodecs.jpeg8_encode(pixels, lossless=True, predictor=1), "RGB"),
        "jpeg-ls": (JPEGLSLossless, lambda: imagecodecs.jpegls_encode(pixels), "RGB"),
        "jpeg 2000": (
            JPEG2000Lossless,
            lambda: imagecodecs.jpeg2k_encode(pixels, codecformat="J2K", reversible=True, mct=True),
            "YBR_RCT",
        ),
    }
    if way in streams:
        syntax, encode, photometric = streams[way]
        data = encapsulate([bytes(encode())])
        return dataset(pixels, syntax, PhotometricInterpretation=photometric, PixelData=data)
    return dataset(
        pixels, {"implicit": ImplicitVRLittleEndian, "big endian": ExplicitVRBigEndian}.get(way, ExplicitVRLittleEndian)
    )


WAYS = ("explicit", "implicit", "big endian", "planes", "rle", "lossless", "jpeg-ls", "jpeg 2000")


def with_graphics(ds: Dataset, seed: int) -> Dataset:
    """Overlays (60xx) and curves (50xx) full of ones and of a name, over the whole image."""
    rng = np.random.default_rng(seed)
    for group in (0x6000, 0x6002, 0x601E):
        ds.add_new((group, 0x0010), "US", ds.Rows)
        ds.add_new((group, 0x0011), "US", ds.Columns)
        ds.add_new((group, 0x0040), "CS", "G")
        ds.add_new((group, 0x0050), "SS", [1, 1])
        ds.add_new((group, 0x0100), "US", 1)
        ds.add_new((group, 0x0102), "US", 0)
        ds.add_new((group, 0x0022), "LO", SECRET.decode())
        bits = SECRET * 4 + rng.bytes(ds.Rows * ds.Columns // 8 - 4 * len(SECRET))
        ds.add_new((group, 0x3000), "OW", bits)
    for group in (0x5000, 0x5002):
        ds.add_new((group, 0x0022), "LO", SECRET.decode())
        ds.add_new((group, 0x3000), "OW", SECRET * 4)
    return ds


def reread(ds: Dataset) -> Dataset:
    """As it comes from a file."""
    buffer = io.BytesIO()
    ds.save_as(buffer, enforce_file_format=True)
    return dcmread(io.BytesIO(buffer.getvalue()))


def cut(ds: Dataset) -> Crop:
    _, crop = screen(decode(reread(ds)), layouts=LAYOUTS)
    assert SECRET not in crop.png()
    assert SECRET not in crop.pixels.tobytes()
    return crop


@pytest.mark.parametrize("way", WAYS)
def test_nothing_outside_the_circles_changes_a_crop_in_any_syntax(way: str) -> None:
    view = list(View)[WAYS.index(way) % 3]
    _, plain = screen(screens()[view], layouts=LAYOUTS)
    for pixels in (screens()[view], planted(view, WAYS.index(way))):
        assert cut(with_graphics(packed(pixels, way), 1)).sha256 == plain.sha256


def test_a_palette_screen_gives_the_same_crop() -> None:
    _, plain = screen(screens()[View.QPS], layouts=LAYOUTS)
    assert cut(with_graphics(packed(screens()[View.QPS], "palette"), 2)).sha256 == plain.sha256


def test_luma_and_chroma_give_one_crop_whatever_stands_beside() -> None:
    stored = convert_color_space(screens()[View.REST_QGS], "RGB", "YBR_FULL")
    noise = np.random.default_rng(3).integers(0, 256, stored.shape, np.uint8)
    other = np.where(needed(View.REST_QGS)[..., None], stored, noise).astype(np.uint8)
    crops = [cut(dataset(pixels, PhotometricInterpretation="YBR_FULL")).sha256 for pixels in (stored, other)]
    assert crops[0] == crops[1]


@settings(max_examples=size(12, 5), deadline=None, derandomize=True)
@given(
    view=st.sampled_from(list(View)),
    boxes=st.lists(
        st.tuples(st.integers(0, 1200), st.integers(0, 950), st.integers(1, 600), st.integers(1, 600)), max_size=6
    ),
    colour=st.tuples(*[st.integers(0, 255)] * 3),
)
def test_rectangles_drawn_anywhere_beside_change_no_crop(
    view: View, boxes: list[tuple[int, int, int, int]], colour: tuple[int, int, int]
) -> None:
    pixels, keep = screens()[view].copy(), needed(view)
    for left, top, width, height in boxes:
        area = np.zeros(keep.shape, bool)
        area[top : top + height, left : left + width] = True
        pixels[area & ~keep] = colour
    _, plain = screen(screens()[view], layouts=LAYOUTS)
    assert screen(pixels, layouts=LAYOUTS)[1].sha256 == plain.sha256


def _grey(stored: np.ndarray, **changes: Any) -> Dataset:
    kind = {"SamplesPerPixel": 1, "PhotometricInterpretation": "MONOCHROME2"}
    bits = {"BitsAllocated": 16, "BitsStored": 12, "HighBit": 11}
    return dataset(stored, **kind | bits | changes, PixelData=stored.astype("<u2").tobytes())


@pytest.mark.parametrize("syntax", ["plain", "rle"])
@pytest.mark.parametrize("signed", [0, 1])
def test_overlays_in_the_unused_high_bits_of_16_bit_pixels_are_not_seen(syntax: str, signed: int) -> None:
    rng = np.random.default_rng(5)
    values = rng.integers(0, 2**12, (64, 80)).astype("<u2")
    overlay = rng.integers(0, 2**4, values.shape).astype("<u2") << 12
    shown = []
    for stored in (values, values | overlay):
        ds = with_graphics(_grey(stored, PixelRepresentation=signed), 6)
        ds.add_new((0x6000, 0x0102), "US", 12)
        if syntax == "rle":
            ds.PixelData = encapsulate([encode_pixel_data(stored.tobytes(), ds, byteorder="<")])
            ds["PixelData"].is_undefined_length = True
            ds.file_meta.TransferSyntaxUID = RLELossless
        shown.append(hashlib.sha256(decode(reread(ds)).tobytes()).hexdigest())
    assert shown[0] == shown[1]


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
@pytest.mark.parametrize("bits", [8, 16])
def test_a_screen_in_greys_gives_no_crop(photometric: str, bits: int) -> None:
    grey = screens()[View.QPS].max(axis=2).astype("<u2" if bits == 16 else np.uint8)
    kind = {"SamplesPerPixel": 1, "PhotometricInterpretation": photometric}
    size = {"BitsAllocated": bits, "BitsStored": bits, "HighBit": bits - 1}
    with pytest.raises(Rejected) as caught:
        cut(dataset(grey, **kind, **size, PixelData=grey.tobytes()))
    assert caught.value.reason in {Reason.IMPLAUSIBLE, Reason.UNKNOWN_LAYOUT}


def test_a_second_frame_gives_no_crop() -> None:
    pixels = screens()[View.QPS]
    with pytest.raises(Rejected, match="several frames"):
        cut(dataset(pixels, NumberOfFrames=2, PixelData=pixels.tobytes() + planted(View.QPS, 9).tobytes()))


# The same case


@st.composite
def deliveries(draw: st.DrawFn) -> tuple[list[int], list[int], list[int]]:
    """An order of the objects with duplicates among them, the association of each, and an order of preparation."""
    order = draw(st.permutations([*range(OBJECTS), *draw(st.lists(st.integers(0, OBJECTS - 1), max_size=4))]))
    associations = draw(st.lists(st.integers(0, 3), min_size=len(order), max_size=len(order)))
    return order, associations, draw(st.permutations(range(OBJECTS)))


def delivered(ward: Ward, order: list[int], associations: list[int], prepared: list[int]) -> None:
    """All objects of a study arrive in this way, and are prepared."""
    opened: dict[int, set] = {}
    arrived: dict[int, Any] = {}
    for number, place in zip(order, associations, strict=True):
        association = opened.setdefault(place, set())
        key = ward.arrive(f"1.1.{number}", screen=number != OBJECTS - 1, association=association)
        assert (key is None) == (number in arrived)
        arrived.setdefault(number, key)
    views = [View.QPS, View.QPS, View.STRESS_QGS, View.REST_QGS]
    for number in prepared:
        if number < len(views):
            ward.prepared(arrived[number], views[number], f"crop {number}", acquired=f"2026010208000{number}")
    for association in opened.values():
        ward.end(association)
    ward.clock.turn(60)
    ward.tick()


def case_of(stories: Anew, order: list[int], associations: list[int], prepared: list[int]) -> tuple[list[str], str]:
    """The chosen crops, in order, and the fingerprint of the one live case."""
    clock = Clock()
    ward = Ward(stories.sessions(clock=clock), clock)
    ward.activate()
    delivered(ward, order, associations, prepared)
    with ward.sessions.read() as session:
        assert len(session.scalars(select(Instance)).all()) == OBJECTS
    case = ward.live()
    return [item["sha256"] for item in case.inputs], case.fingerprint


@pytest.fixture(scope="module")
def in_order(stories: Anew) -> tuple[list[str], str]:
    found = case_of(stories, [*range(OBJECTS)], [0] * OBJECTS, [*range(OBJECTS)])
    assert sorted(found[0]) == ["crop 1", "crop 2", "crop 3"]
    return found


@settings(max_examples=size(30, 10), deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(delivery=deliveries())
def test_any_order_split_and_duplicates_give_the_same_crops_and_fingerprint(
    stories: Anew, in_order: tuple[list[str], str], delivery: tuple[list[int], list[int], list[int]]
) -> None:
    assert case_of(stories, *delivery) == in_order
