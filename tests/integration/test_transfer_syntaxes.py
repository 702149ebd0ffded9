"""Every transfer syntax, made by DCMTK's tools, looks as dcm2pnm shows it, and comes through the node unchanged."""

import subprocess
from copy import deepcopy
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
from harness import NODE_AE, PACS_AE
from node_harness import NodeMaker
from PIL import Image
from pydicom import Dataset, dcmread
from pydicom.encaps import encapsulate
from pydicom.pixels.processing import convert_color_space
from pydicom.uid import JPEG2000, JPEG2000Lossless

from core.pixels import RgbImage
from core.types import View
from dicom_node import layouts
from dicom_node.decode import decode
from dicom_node.prepare import Prepared, prepare
from dicom_node.scp import TRANSFER_SYNTAXES
from training.phantom.cohort import simulate
from training.phantom.dicom import datasets

UNCOMPRESSED = {"implicit": "dcmconv +ti", "big endian": "dcmconv +tb", "explicit": "dcmconv +te"}
LOSSLESS = UNCOMPRESSED | {
    "rle": "dcmcrle",
    "lossless jpeg sv1": "dcmcjpeg +e1",
    **{f"lossless jpeg predictor {n}": f"dcmcjpeg +el +sv {n}" for n in range(1, 8)},
    "fragments": "dcmcjpeg +e1 +fs 2",
    "no offset table": "dcmcjpeg +e1 -ot",
    "jpeg-ls by line": "dcmcjpls +el +il",
    "jpeg-ls by sample": "dcmcjpls +el +is",
    "jpeg-ls by plane": "dcmcjpls +el +in",
}
LOSSY = {
    "jpeg 4:2:2": "dcmcjpeg +eb +q 95",
    "jpeg 4:4:4": "dcmcjpeg +eb +q 95 +s4",
    "jpeg 4:1:1": "dcmcjpeg +eb +q 95 +np",
    "jpeg in rgb": "dcmcjpeg +eb +q 95 +cr",
    "jpeg extended": "dcmcjpeg +ee +q 95 +be",
    "jpeg-ls near": "dcmcjpls +en +md 2",
}
TOO_SLOW = 60


@pytest.fixture(scope="module")
def study() -> list[Dataset]:
    return datasets(simulate(11, 0))


@pytest.fixture
def crop(study: list[Dataset]) -> Dataset:
    """A piece of a simulated screen with an odd number of rows and a wide range of colours."""
    piece = study[0].pixel_array[450:581, 800:950]
    assert len(np.unique(piece.reshape(-1, 3), axis=0)) > 100
    return with_pixels(study[0], piece)


def with_pixels(ds: Dataset, pixels: np.ndarray, **changes: str | int | float) -> Dataset:
    """The data set with other pixels, of what kind their type and shape say."""
    plain = deepcopy(ds)
    bits = 8 * pixels.dtype.itemsize
    plain.Rows, plain.Columns = pixels.shape[:2]
    plain.BitsAllocated, plain.BitsStored, plain.HighBit = bits, bits, bits - 1
    plain.PixelRepresentation = int(pixels.dtype.kind == "i")
    if pixels.ndim == 2:
        plain.SamplesPerPixel, plain.PhotometricInterpretation = 1, "MONOCHROME2"
        del plain.PlanarConfiguration
    plain.PixelData = pixels.tobytes() + b"\0" * (pixels.nbytes % 2)
    plain["PixelData"].VR = "OW" if bits == 16 else "OB"
    for keyword, value in changes.items():
        setattr(plain, keyword, value)
    return plain


def made(ds: Dataset, command: str, folder: Path) -> Path:
    """The object as a DCMTK tool writes it."""
    before, after = folder / "before.dcm", folder / "after.dcm"
    ds.save_as(before, enforce_file_format=True)
    tool, *options = command.split()
    if tool in {"dcmcjpeg", "dcmcjpls"}:
        options.append("+un")  # keep the SOP Instance UID
    subprocess.run([tool, *options, before, after], check=True, timeout=TOO_SLOW)
    return after


def shown(path: Path, *options: str) -> RgbImage:
    """The image as DCMTK shows it."""
    syntax = dcmread(path, stop_before_pixels=True).file_meta.TransferSyntaxUID.name
    tool = "dcml2pnm" if "JPEG-LS" in syntax else "dcmj2pnm" if "JPEG" in syntax else "dcm2pnm"
    picture = path.with_suffix(".pnm")
    subprocess.run([tool, *options, "+op", path, picture], check=True, timeout=TOO_SLOW)
    with Image.open(picture) as image:
        return np.asarray(image.convert("RGB"))


def off(one: RgbImage, other: RgbImage) -> int:
    """The largest difference of two images of one size."""
    assert one.shape == other.shape
    return int(np.abs(one.astype(int) - other).max())


@pytest.mark.parametrize("command", LOSSLESS.values(), ids=LOSSLESS)
def test_what_was_compressed_without_loss_comes_out_as_it_went_in(crop: Dataset, command: str, tmp_path: Path) -> None:
    path = made(crop, command, tmp_path)
    pixels = decode(dcmread(path))
    assert np.array_equal(pixels, crop.pixel_array)
    assert np.array_equal(pixels, shown(path))


@pytest.mark.parametrize("command", LOSSY.values(), ids=LOSSY)
def test_what_was_compressed_with_loss_looks_as_dcmtk_shows_it(crop: Dataset, command: str, tmp_path: Path) -> None:
    path = made(crop, command, tmp_path)
    pixels = decode(dcmread(path))
    assert off(pixels, shown(path)) <= 1
    assert np.abs(pixels.astype(int) - crop.pixel_array).mean() < 8


@pytest.mark.parametrize("command", ["dcmconv +te", "dcmconv +tb", "dcmcrle", "dcmcjpeg +el", "dcmcjpls +el"])
def test_luma_and_chroma_become_the_colours_dcmtk_shows(crop: Dataset, command: str, tmp_path: Path) -> None:
    rgb = crop.pixel_array
    ybr = with_pixels(crop, convert_color_space(rgb, "RGB", "YBR_FULL"), PhotometricInterpretation="YBR_FULL")
    path = made(ybr, command, tmp_path)
    pixels = decode(dcmread(path))
    assert off(pixels, shown(path)) <= 2  # DCMTK rounds down
    assert off(pixels, rgb) <= 2


def test_halved_chroma_becomes_the_colours_dcmtk_shows(crop: Dataset, tmp_path: Path) -> None:
    ybr = convert_color_space(crop.pixel_array, "RGB", "YBR_FULL")
    stored = np.stack([ybr[:, 0::2, 0], ybr[:, 1::2, 0], ybr[:, 0::2, 1], ybr[:, 0::2, 2]], axis=-1)
    ds = with_pixels(crop, crop.pixel_array, PhotometricInterpretation="YBR_FULL_422")
    ds.PixelData = stored.tobytes()
    path = made(ds, "dcmconv +te", tmp_path)
    assert off(decode(dcmread(path)), shown(path)) <= 2


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("command", ["dcmconv +te", "dcmconv +tb", "dcmcrle", "dcmcjpeg +e1", "dcmcjpls +el"])
def test_palettes_become_the_colours_dcmtk_shows(crop: Dataset, command: str, bits: int, tmp_path: Path) -> None:
    index = np.ascontiguousarray(crop.pixel_array[..., 0])
    ds = with_pixels(crop, index, PhotometricInterpretation="PALETTE COLOR")
    table = np.random.default_rng(3).integers(0, 256, (200, 3))
    for channel, colour in enumerate(("Red", "Green", "Blue")):
        entries = (table[:, channel] * 257).astype("<u2") if bits == 16 else table[:, channel].astype(np.uint8)
        setattr(ds, f"{colour}PaletteColorLookupTableDescriptor", [200, 20, bits])
        setattr(ds, f"{colour}PaletteColorLookupTableData", entries.tobytes())
    path = made(ds, command, tmp_path)
    pixels = decode(dcmread(path))
    assert np.array_equal(pixels, shown(path))
    assert np.array_equal(pixels, table[np.clip(index.astype(int) - 20, 0, 199)])


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
@pytest.mark.parametrize("kind", ["u1", "u2", "i2"])
@pytest.mark.parametrize("command", ["dcmconv +te", "dcmconv +tb", "dcmcrle", "dcmcjpeg +el +sv 6", "dcmcjpls +el"])
def test_windowed_greys_look_as_dcmtk_shows_them(
    crop: Dataset, command: str, kind: str, photometric: str, tmp_path: Path
) -> None:
    grey = crop.pixel_array.sum(axis=2)
    values = {"u1": grey // 3, "u2": grey * 80, "i2": grey * 80 - 30000}[kind].astype(f"<{kind}")
    centre = {"u1": 90, "u2": 20000, "i2": -10000}[kind]
    window = {"WindowCenter": centre, "WindowWidth": abs(centre)}
    ds = with_pixels(crop, values, PhotometricInterpretation=photometric, **window)
    path = made(ds, command, tmp_path)
    assert off(decode(dcmread(path)), shown(path, "+Wi", "1")) <= 1


def jpeg_2000(ds: Dataset, *, lossless: bool) -> Dataset:
    """The object in JPEG 2000: DCMTK cannot write it."""
    frame = imagecodecs.jpeg2k_encode(
        ds.pixel_array, codecformat="J2K", reversible=lossless, level=0 if lossless else 45, mct=True
    )
    packed = with_pixels(ds, ds.pixel_array, PhotometricInterpretation="YBR_RCT" if lossless else "YBR_ICT")
    packed.file_meta.TransferSyntaxUID = JPEG2000Lossless if lossless else JPEG2000
    packed.PixelData = encapsulate([frame])
    packed["PixelData"].is_undefined_length = True
    return packed


def test_jpeg_2000_comes_out_as_it_went_in_or_nearly(crop: Dataset) -> None:
    assert np.array_equal(decode(jpeg_2000(crop, lossless=True)), crop.pixel_array)
    lossy = decode(jpeg_2000(crop, lossless=False))
    assert np.abs(lossy.astype(int) - crop.pixel_array).mean() < 3


def prepared(path: Path) -> Prepared:
    result = prepare(path, layouts=layouts.shipped())
    assert isinstance(result, Prepared)
    return result


@pytest.mark.parametrize("database", ["sqlite"])
def test_a_screen_sent_in_any_syntax_gives_the_same_crop(
    study: list[Dataset], start_node: NodeMaker, tmp_path: Path
) -> None:
    node = start_node(home=tmp_path / "home")
    screen = study[list(View).index(View.QPS)]
    lossless = ("dcmconv +te", "dcmconv +ti", "dcmconv +tb", "dcmcrle", "dcmcjpeg +e1", "dcmcjpeg +el", "dcmcjpls +el")
    lossy = ("dcmcjpeg +eb +q 97 +s4", "dcmcjpeg +ee +q 97 +s4 +be", "dcmcjpls +en +md 1")
    outbox = tmp_path / "out"
    outbox.mkdir()
    for n, command in enumerate((*lossless, *lossy)):
        screen.SOPInstanceUID = screen.file_meta.MediaStorageSOPInstanceUID = f"2.25.5500.{n}"
        made(screen, command, tmp_path).rename(outbox / f"{n:02}.dcm")
    for n, kept in ((80, True), (81, False)):
        screen.SOPInstanceUID = screen.file_meta.MediaStorageSOPInstanceUID = f"2.25.5500.{n}"
        jpeg_2000(screen, lossless=kept).save_as(outbox / f"{n}.dcm", enforce_file_format=True)

    address = ["-aet", PACS_AE, "-aec", NODE_AE, "127.0.0.1", str(node.port)]
    files = sorted(outbox.iterdir())
    for command in (["storescu", "-xi", *address, files[1]], ["storescu", "-xb", *address, files[2]]):
        subprocess.run(command, check=True, timeout=TOO_SLOW)
    rest = [path for path in files if path not in files[1:3]]  # dcmsend would make these two Explicit VR Little Endian
    subprocess.run(["dcmsend", "-dn", *address, *rest], check=True, timeout=TOO_SLOW)

    rows = {row.sop_instance_uid.reveal().rsplit(".")[-1]: row for row in node.instances()}
    assert {row.transfer_syntax_uid for row in rows.values()} == set(TRANSFER_SYNTAXES)
    crops = {name: prepared(node.settings.store / row.path).crop for name, row in rows.items()}
    exact = [*(str(n) for n in range(len(lossless))), "80"]
    assert len({crops[name].sha256 for name in exact}) == 1
    for name in crops.keys() - set(exact):
        assert crops[name].sha256 != crops["0"].sha256
