"""Layouts: screens are known by their pixels, and only the kept circles leave them."""

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from core.errors import Rejected
from core.pixels import RgbImage
from core.types import Reason, View
from dicom_node import layouts
from dicom_node.layouts import Box, Layout, LayoutError
from training.phantom.cohort import SimulatedPatient, simulate

LAYOUT = layouts.shipped()[0]
SOURCE = Path(layouts.__file__).with_name("qps_qgs_1280.toml").read_text(encoding="utf-8")


def standin(view: View, *, seed: int = 0) -> RgbImage:
    """A screen drawn from the layout itself: coloured maps, rings, the caption; noise where nothing is promised."""
    rng = np.random.default_rng(seed)
    picture = Image.new("RGB", (LAYOUT.columns, LAYOUT.rows))
    draw = ImageDraw.Draw(picture)
    draw.text((970, 20), f"PHANTOM^ALDER {seed}", fill=(230, 230, 230))
    pixels = np.array(picture)
    screen = next(screen for screen in LAYOUT.views if screen.view is view)
    y, x = np.mgrid[: LAYOUT.rows, : LAYOUT.columns]
    for panel in screen.panels:
        r = np.hypot(x - panel.centre[0], y - panel.centre[1])
        coarse = Image.fromarray(rng.integers(0, 256, (5, 5), np.uint8))
        colours = LAYOUT.palette.table()[np.asarray(coarse.resize((300, 300), Image.Resampling.BILINEAR))]
        left, top, _, _ = panel.bounds()
        cell = np.zeros_like(pixels)
        cell[top : top + 300, left : left + 300] = colours
        pixels[r <= panel.radius] = cell[r <= panel.radius]
        pixels[(r > panel.radius) & (r <= panel.radius + LAYOUT.ring.width)] = LAYOUT.ring.colour
    for caption in screen.captions:
        pixels[caption.box.slices][caption.template] = 210
    return pixels


def as_jpeg(pixels: RgbImage, *, quality: int) -> RgbImage:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=quality)
    return np.asarray(Image.open(buffer))


def kept(view: View) -> np.ndarray:
    screen = next(screen for screen in LAYOUT.views if screen.view is view)
    y, x = np.mgrid[: LAYOUT.rows, : LAYOUT.columns]
    discs = [np.hypot(x - p.centre[0], y - p.centre[1]) <= p.radius for p in screen.panels]
    return np.any(discs, axis=0)


def reason(pixels: RgbImage, chosen: tuple[Layout, ...] = (LAYOUT,)) -> Reason:
    with pytest.raises(Rejected) as caught:
        layouts.recognise(pixels, chosen)
    return caught.value.reason


@pytest.mark.parametrize("view", View)
def test_each_view_is_recognised(view: View) -> None:
    match = layouts.recognise(standin(view), layouts.shipped())
    assert (match.view, match.name, match.version) == (view, "qps-qgs-1280", 1)
    assert match.ring_score == 1
    assert match.caption_score == 1


@pytest.mark.parametrize("view", View)
@pytest.mark.parametrize("quality", [90, 75])
def test_jpeg_artefacts_do_not_hide_a_view(view: View, quality: int) -> None:
    assert layouts.recognise(as_jpeg(standin(view), quality=quality), layouts.shipped()).view is view


@pytest.mark.parametrize("view", View)
@pytest.mark.parametrize("shift", [(3, 0), (0, 3), (-3, 0), (2, 2), (0, 1)])
def test_a_shifted_screen_is_unknown(view: View, shift: tuple[int, int]) -> None:
    assert reason(np.roll(standin(view), shift, axis=(0, 1))) is Reason.UNKNOWN_LAYOUT


def test_the_title_decides_between_stress_and_rest() -> None:
    pixels = standin(View.STRESS_QGS)
    title = LAYOUT.views[2].captions[0].box.slices
    pixels[title] = standin(View.REST_QGS)[title]
    assert layouts.recognise(pixels, [LAYOUT]).view is View.REST_QGS


def test_the_title_of_another_geometry_is_unknown() -> None:
    pixels = standin(View.QPS)
    title = LAYOUT.views[0].captions[0].box.slices
    pixels[title] = standin(View.REST_QGS)[title]
    assert reason(pixels) is Reason.UNKNOWN_LAYOUT


@pytest.mark.parametrize("fill", [0, 112, 210, 255])
def test_a_flat_image_is_unknown(fill: int) -> None:
    assert reason(np.full((LAYOUT.rows, LAYOUT.columns, 3), fill, np.uint8)) is Reason.UNKNOWN_LAYOUT


def test_one_missing_ring_is_enough_to_refuse() -> None:
    pixels = standin(View.QPS)
    pixels[600:940, 340:680] = 0
    assert reason(pixels) is Reason.UNKNOWN_LAYOUT


def test_a_screen_with_a_map_of_one_colour_is_refused() -> None:
    screen = standin(View.QPS).copy()
    cx, cy = next(v for v in LAYOUT.views if v.view is View.QPS).panels[0].centre
    screen[cy - 102 : cy + 102, cx - 102 : cx + 102] = (255, 128, 0)
    with pytest.raises(Rejected, match="one colour"):
        layouts.recognise(screen, [LAYOUT])


def test_a_screen_in_grey_is_refused() -> None:
    grey = standin(View.QPS).max(axis=2)
    with pytest.raises(Rejected, match="not in colour") as caught:
        layouts.recognise(np.repeat(grey[..., None], 3, axis=2), [LAYOUT])
    assert caught.value.reason is Reason.IMPLAUSIBLE


@pytest.fixture(scope="module")
def simulated() -> SimulatedPatient:
    return simulate(11, 0)


@pytest.mark.parametrize("view", View)
def test_simulated_screens_are_recognised_and_give_up_no_identity(view: View, simulated: SimulatedPatient) -> None:
    pixels = simulated.screens[view]
    match = layouts.recognise(pixels, layouts.shipped())
    assert match.view is view
    assert (match.ring_score, match.caption_score) == (1, 1)
    assert layouts.recognise(as_jpeg(pixels, quality=75), layouts.shipped()).view is view
    assert reason(np.roll(pixels, 3, axis=1)) is Reason.UNKNOWN_LAYOUT
    nothing_else = np.where(kept(view)[..., None], pixels, 0).astype(np.uint8)
    assert layouts.crop(nothing_else, match).sha256 == layouts.crop(pixels, match).sha256


def test_another_size_is_named() -> None:
    with pytest.raises(Rejected, match="640 x 512") as caught:
        layouts.recognise(np.zeros((512, 640, 3), np.uint8), [LAYOUT])
    assert caught.value.reason is Reason.WRONG_SIZE


def test_no_layouts_recognise_nothing() -> None:
    assert reason(standin(View.QPS), ()) is Reason.WRONG_SIZE


def test_the_higher_rank_wins_and_equal_claims_are_refused() -> None:
    ours = replace(LAYOUT, name="ours", rank=1)
    assert layouts.recognise(standin(View.QPS), [LAYOUT, ours]).name == "ours"
    assert reason(standin(View.QPS), (LAYOUT, replace(ours, rank=0))) is Reason.UNKNOWN_LAYOUT


@pytest.mark.parametrize("view", View)
def test_nothing_outside_the_circles_reaches_the_crop(view: View) -> None:
    pixels = standin(view)
    match = layouts.recognise(pixels, [LAYOUT])
    noise = np.random.default_rng(1).integers(0, 256, pixels.shape, np.uint8)
    other = np.where(kept(view)[..., None], pixels, noise)
    assert np.array_equal(layouts.crop(other, match).pixels, layouts.crop(pixels, match).pixels)


@pytest.mark.parametrize("view", View)
def test_every_kept_pixel_but_the_outermost_reaches_the_crop(view: View) -> None:
    white = np.where(kept(view)[..., None], np.full((LAYOUT.rows, LAYOUT.columns, 3), 255, np.uint8), 0).astype(
        np.uint8
    )
    match = layouts.recognise(standin(view), [LAYOUT])
    crop = layouts.crop(white, match)
    outermost = 2 * len(match.screen.panels)
    assert np.count_nonzero(crop.pixels[..., 0]) == np.count_nonzero(kept(view)) - outermost


def test_a_crop_places_the_panels_in_order() -> None:
    pixels = standin(View.QPS)
    crop = layouts.crop(pixels, layouts.recognise(pixels, [LAYOUT]))
    assert crop.pixels.shape == (580, 580, 3)
    assert dict(crop.boxes) == {
        "stress": Box(0, 0, 290, 290),
        "rest": Box(290, 0, 580, 290),
        "difference": Box(0, 290, 290, 580),
    }
    assert np.array_equal(crop.pixels[145, 145], pixels[150, 507])
    assert np.array_equal(crop.pixels[145, 435], pixels[465, 507])
    assert not crop.pixels[290:, 290:].any()
    assert not crop.pixels[0, 0].any()


def test_a_crop_png_has_the_pixels_and_no_metadata() -> None:
    pixels = standin(View.REST_QGS)
    crop = layouts.crop(pixels, layouts.recognise(pixels, [LAYOUT]))
    with Image.open(io.BytesIO(crop.png())) as image:
        assert image.info == {}
        assert np.array_equal(np.asarray(image), crop.pixels)
    again = layouts.crop(pixels.copy(), layouts.recognise(pixels, [LAYOUT]))
    assert again.png() == crop.png()


def test_a_crop_hash_is_that_of_its_pixels() -> None:
    pixels = standin(View.REST_QGS)
    match = layouts.recognise(pixels, [LAYOUT])
    crop = layouts.crop(pixels, match)
    changed = pixels.copy()
    changed[465, 485] ^= 1
    assert layouts.crop(pixels.copy(), match).sha256 == crop.sha256
    assert layouts.crop(changed, match).sha256 != crop.sha256
    assert len(crop.sha256) == 64


def test_a_crop_cannot_be_changed() -> None:
    pixels = standin(View.QPS)
    crop = layouts.crop(pixels, layouts.recognise(pixels, [LAYOUT]))
    with pytest.raises(ValueError, match="read-only"):
        crop.pixels[0, 0] = 1


def test_caption_bits_round_trip_into_the_template() -> None:
    caption = LAYOUT.views[1].captions[0]
    assert layouts.caption_bits(standin(View.STRESS_QGS), caption.box, lit_from=caption.lit_from) == caption.bits


@settings(max_examples=25, deadline=None)
@given(left=st.integers(0, 60), top=st.integers(0, 60), width=st.integers(1, 40), height=st.integers(1, 40))
def test_caption_bits_have_the_length_a_caption_asks_for(left: int, top: int, width: int, height: int) -> None:
    pixels = np.full((128, 128, 3), 255, np.uint8)
    box = Box(left, top, left + width, top + height)
    bits = layouts.caption_bits(pixels, box)
    if width * height >= 20:
        assert layouts.Caption(box=box, lit_from=96, agreement=0.75, bits=bits).template.all()


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("rows = 1024", 'rows = "1024"', "rows in the file must be a whole number"),
        ("rows = 1024", "", "rows is missing in the file"),
        ("version = 1", "version = 1\ncolour = 3", "unknown key 'colour' in the file"),
        ("version = 1", "version = true", "version in the file must be a whole number"),
        ("radius = 145", "radius = 145\nmask = 1", "unknown key 'mask' in panels[0]"),
        ("centre = [507, 150]", "centre = [507, 140]", "panel stress lies outside the image"),
        ("centre = [507, 150]", "centre = [507]", "centre in panels[0] must be 2 whole numbers"),
        ("centre = [507, 465]", "centre = [507, 300]", "panels stress and rest overlap"),
        ("centre = [507, 150]", "centre = [900, 150]", "would keep part of identity_box"),
        ("centre = [507, 777]", "centre = [507, 860]", "overlaps a caption"),
        ('name = "rest"', 'name = "stress"', "two panels have the same name"),
        ('name = "rest"', 'name = "../rest"', "a panel's name must be"),
        ("radius = 145", "radius = 7", "panel stress: radius must be from 8 to 2048"),
        ("radius = 145", "radius = 145\nbox = [0, 0, 99, 99]", "unknown key 'centre' in panels[0]"),
        ("centre = [507, 150]\nradius = 145", "box = [9, 9, 19, 99]", "sides from 16 to 4096"),
        ("centre = [507, 150]\nradius = 145", "box = [1, 1, 99, 99]", "panel stress lies outside the image"),
        ("centre = [507, 150]\nradius = 145", "box = [400, 300, 500, 400]", "panels stress and rest overlap"),
        ("centre = [507, 150]\nradius = 145", "box = [900, 9, 961, 99]", "would keep part of identity_box"),
        (
            "identity_box = [960, 0, 1280, 180]",
            "identity_box = [500, 990, 700, 1010]",
            "a caption lies in identity_box",
        ),
        ("[ring]", "[match]\nPatientName = 'x'\n[ring]", "match.PatientName is none of Manufacturer"),
        ("[ring]", "[match]\nManufacturer = '(x'\n[ring]", "match.Manufacturer is not a regular expression"),
        ("[ring]", "[match]\nManufacturer = 3\n[ring]", "Manufacturer in match must be a text"),
        ("version = 1", "version = 1\nallowed_text = 'AC'", "allowed_text in the file must be a list of texts"),
        ("version = 1", "version = 1\nallowed_text = ['AC', '']", "allowed_text in the file must be a list of texts"),
        ("version = 1", "version = 1\nshipped = true", "unknown key 'shipped' in the file"),
        ('view = "qps"', 'view = "mps"', "must be one of qps, stress_qgs, rest_qgs"),
        ('view = "qps"', 'view = "rest_qgs"', "view rest_qgs is there twice"),
        ("agreement = 0.75", "agreement = 0.1", "caption.agreement must be from 0.5 to 1"),
        ("lit_from = 96", "lit_from = 0", "caption.lit_from must be from 1 to 255"),
        ("share = 0.85", "share = 0", "ring.share must be from 0.5 to 1"),
        ("colour = [112, 112, 112]", "colour = [112, 112, 300]", "ring.colour must be"),
        ("identity_box = [960, 0, 1280, 180]", "identity_box = [960, 0, 1281, 180]", "identity_box lies outside"),
        ("\ntolerance = 24", "\ntolerance = 65", "ring.tolerance must be from 0 to 64"),
        ("channel_tolerance = 90", "channel_tolerance = 20", "ring.channel_tolerance must be from ring.tolerance"),
        ("coloured_share = 0.2", "coloured_share = 2", "coloured_share must be from 0 to 1"),
        ("[ring]", "[ring", "qps_qgs.toml: "),
    ],
)
def test_a_wrong_layout_file_is_refused_with_a_sentence(tmp_path: Path, old: str, new: str, sentence: str) -> None:
    assert old in SOURCE
    path = tmp_path / "qps_qgs.toml"
    path.write_text(SOURCE.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(LayoutError) as caught:
        layouts.load(path)
    assert sentence in str(caught.value)
    assert "qps_qgs.toml" in str(caught.value)


def test_a_layout_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "binary.toml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(LayoutError, match=r"binary\.toml: the file cannot be read"):
        layouts.load(path)
    with pytest.raises(LayoutError, match=r"missing\.toml"):
        layouts.load(tmp_path / "missing.toml")


def test_captions_that_do_not_tell_two_views_apart_are_refused() -> None:
    stress = next(view for view in LAYOUT.views if view.view is View.STRESS_QGS)
    with pytest.raises(LayoutError, match="do not tell"):
        replace(LAYOUT, views=(*LAYOUT.views[:2], replace(stress, view=View.REST_QGS)))


def test_an_empty_caption_is_refused() -> None:
    caption = LAYOUT.views[0].captions[0]
    with pytest.raises(LayoutError, match="at least 20 lit pixels"):
        replace(caption, bits="0" * len(caption.bits))
    with pytest.raises(LayoutError, match="hex digits"):
        replace(caption, bits=caption.bits[:-2])


def test_two_layouts_that_claim_the_same_screen_need_ranks(tmp_path: Path) -> None:
    path = tmp_path / "local.toml"
    path.write_text(SOURCE.replace('name = "qps-qgs-1280"', 'name = "local"'), encoding="utf-8")
    with pytest.raises(LayoutError, match="give one a higher rank"):
        layouts.load_all([path])
    path.write_text(SOURCE.replace('name = "qps-qgs-1280"', 'name = "local"\nrank = 1'), encoding="utf-8")
    shipped = [layout.name for layout in layouts.shipped()]
    assert [layout.name for layout in layouts.load_all([path])] == [*shipped, "local"]
    path.write_text(SOURCE, encoding="utf-8")
    with pytest.raises(LayoutError, match="two layouts are called"):
        layouts.load_all([path])
