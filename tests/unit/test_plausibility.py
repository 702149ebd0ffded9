"""Invented maps inside genuine rings are refused; what a simulated patient shows never is."""

import io
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from sizes import crossed

from core.errors import Rejected
from core.pixels import RgbImage
from core.types import Reason, View
from dicom_node import layouts
from dicom_node.layouts import Layout, LayoutError, Palette, ViewLayout
from training.phantom.cohort import SimulatedPatient, simulate

LAYOUTS = {layout.name: layout for layout in layouts.shipped()}
SCALE = LAYOUTS["qps-qgs-1280"].palette
Tile = NDArray[np.uint8]


@pytest.fixture(scope="module")
def patients() -> dict[str, SimulatedPatient]:
    return {name: simulate(12, 1, layout=name) for name in LAYOUTS}


def screen_of(layout: Layout, view: View) -> ViewLayout:
    return next(screen for screen in layout.views if screen.view is view)


def altered(
    pixels: RgbImage, layout: Layout, view: View, attack: Callable[[Tile, int], Tile], *, only: int
) -> RgbImage:
    """The screen with the inside of its rings, or of one ring (``only`` from 0 on), replaced."""
    result = pixels.copy()
    for number, panel in enumerate(screen_of(layout, view).panels):
        if only not in {-1, number}:
            continue
        box = panel.bounds()
        y, x = np.mgrid[box.top : box.bottom, box.left : box.right]
        inside = np.hypot(x - panel.centre[0], y - panel.centre[1]) <= panel.radius
        tile = result[box.slices]
        tile[inside] = attack(tile.copy(), number)[inside]
    return result


def as_jpeg(pixels: RgbImage, quality: int) -> RgbImage:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=quality)
    return np.asarray(Image.open(buffer))


def uniform_noise(tile: Tile, number: int) -> Tile:
    return np.random.default_rng(number).integers(0, 256, tile.shape, np.uint8)


def gaussian_noise(tile: Tile, number: int) -> Tile:
    noise = np.random.default_rng(number).normal(128, 40, tile.shape)
    return np.clip(noise, 0, 255).astype(np.uint8)


def noise_in_the_scales_colours(tile: Tile, number: int) -> Tile:
    return SCALE.table()[np.random.default_rng(number).integers(0, 256, tile.shape[:2])]


def photograph(tile: Tile, number: int) -> Tile:
    """Sky, ground, an edge between them, a red roof: smooth gradients and edges in natural colours."""
    side = tile.shape[0]
    picture = Image.new("RGB", (side, side), (96, 132, 84))
    draw = ImageDraw.Draw(picture)
    for row in range(side // 2):
        draw.line((0, row, side, row), fill=(120 + row // 4, 165 + row // 6, 225))
    draw.polygon(
        ((side * 0.2, side * 0.5), (side * 0.5, side * 0.25), (side * 0.8, side * 0.5)), fill=(170, 60 + number, 50)
    )
    draw.rectangle((side * 0.25, side * 0.5, side * 0.75, side * 0.8), fill=(222, 206, 170))
    return np.asarray(picture)


def text_page(tile: Tile, number: int) -> Tile:
    picture = Image.new("RGB", tile.shape[:2], (255, 255, 255))
    for row in range(0, tile.shape[0], 14):
        ImageDraw.Draw(picture).text(
            (4, row), f"PHANTOM^ALDER {number} {row} lorem ipsum dolor sit amet", fill=(0, 0, 0)
        )
    return np.asarray(picture)


def hue_rotated(tile: Tile, _number: int) -> Tile:
    return tile[..., [2, 0, 1]]  # by 120 degrees


def inverted(tile: Tile, _number: int) -> Tile:
    return 255 - tile


def bgr(tile: Tile, _number: int) -> Tile:
    return tile[..., ::-1]


def grey(tile: Tile, _number: int) -> Tile:
    return np.repeat(tile.max(axis=2, keepdims=True), 3, axis=2)


def black(tile: Tile, _number: int) -> Tile:
    return np.zeros_like(tile)


def one_colour(tile: Tile, _number: int) -> Tile:
    return np.full_like(tile, SCALE.table()[180])


ATTACKS = [
    uniform_noise, gaussian_noise, noise_in_the_scales_colours, photograph, text_page, hue_rotated, inverted, bgr,
    grey, black, one_colour,
]  # fmt: skip


@pytest.mark.parametrize(("name", "attack", "quality"), crossed(LAYOUTS, ATTACKS, [0, 60], every=4))
def test_invented_maps_in_genuine_rings_are_refused(
    patients: dict[str, SimulatedPatient], name: str, attack: Callable[[Tile, int], Tile], quality: int
) -> None:
    for view, pixels in patients[name].screens.items():
        wrong = altered(pixels, LAYOUTS[name], view, attack, only=-1)
        with pytest.raises(Rejected) as caught:
            layouts.recognise(as_jpeg(wrong, quality) if quality else wrong, LAYOUTS.values())
        assert caught.value.reason in {Reason.IMPLAUSIBLE, Reason.UNKNOWN_LAYOUT}
        assert quality or caught.value.reason is Reason.IMPLAUSIBLE


@pytest.mark.parametrize(("name", "attack", "view"), crossed(LAYOUTS, ATTACKS, View, every=4))
def test_one_invented_map_is_enough(
    patients: dict[str, SimulatedPatient], name: str, attack: Callable[[Tile, int], Tile], view: View
) -> None:
    for number, panel in enumerate(screen_of(LAYOUTS[name], view).panels):
        dark = panel.name == "difference" and attack in {hue_rotated, bgr}
        if dark:
            continue  # a difference map is nearly black, whatever is done to its colours
        wrong = altered(patients[name].screens[view], LAYOUTS[name], view, attack, only=number)
        with pytest.raises(Rejected) as caught:
            layouts.recognise(wrong, LAYOUTS.values())
        assert caught.value.reason is Reason.IMPLAUSIBLE


@pytest.mark.parametrize("name", LAYOUTS)
@pytest.mark.parametrize("quality", [0, 75, 60])
def test_a_map_shown_twice_is_refused(patients: dict[str, SimulatedPatient], name: str, quality: int) -> None:
    for view, pixels in patients[name].screens.items():
        first, second, *_ = screen_of(LAYOUTS[name], view).panels
        twice = pixels.copy()
        twice[second.bounds().slices] = pixels[first.bounds().slices]
        with pytest.raises(Rejected, match=f"panels {first.name} and {second.name} are the same"):
            layouts.recognise(as_jpeg(twice, quality) if quality else twice, LAYOUTS.values())


def test_two_maps_changed_for_each_other_cannot_be_known(patients: dict[str, SimulatedPatient]) -> None:
    """What pixels cannot tell stays accepted: stress and rest are both perfusion maps."""
    pixels = patients["qps-qgs-1280"].screens[View.QPS]
    stress, rest, _ = screen_of(LAYOUTS["qps-qgs-1280"], View.QPS).panels
    changed = pixels.copy()
    changed[stress.bounds().slices] = pixels[rest.bounds().slices]
    changed[rest.bounds().slices] = pixels[stress.bounds().slices]
    assert layouts.recognise(changed, LAYOUTS.values()).view is View.QPS


@pytest.mark.parametrize("name", LAYOUTS)
@pytest.mark.parametrize("quality", [0, 90, 75, 60])
def test_simulated_screens_are_plausible(patients: dict[str, SimulatedPatient], name: str, quality: int) -> None:
    for view, pixels in patients[name].screens.items():
        taken = as_jpeg(pixels, quality) if quality else pixels
        assert layouts.recognise(taken, LAYOUTS.values()).view is view


def test_a_refusal_names_the_panel_and_nothing_of_the_patient(patients: dict[str, SimulatedPatient]) -> None:
    layout, patient = LAYOUTS["qps-qgs-1280"], patients["qps-qgs-1280"]
    wrong = altered(patient.screens[View.QPS], layout, View.QPS, bgr, only=1)
    with pytest.raises(Rejected) as caught:
        layouts.recognise(wrong, [layout])
    assert caught.value.detail == "panel rest has other colours than the layout's scale"
    assert caught.value.reason.sentence == "its maps cannot be perfusion maps"


def test_every_colour_of_the_scale_is_on_it() -> None:
    assert SCALE.off(SCALE.table()) == 0
    assert SCALE.off(np.array([[0, 255, 0], [255, 0, 255]], np.uint8)) == 1


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"anchors": ((0, 0, 0, 0),)}, "levels rising from 0 to 255"),
        ({"anchors": ((0, 0, 0, 0), (200, 9, 9, 9))}, "levels rising from 0 to 255"),
        ({"anchors": ((0, 0, 0, 0), (9, 1, 1, 1), (9, 2, 2, 2), (255, 9, 9, 9))}, "levels rising from 0 to 255"),
        ({"anchors": ((0, 0, 0, 0), (255, 256, 0, 0))}, "colours from 0 to 255"),
        ({"tolerance": 2}, "tolerance must be from"),
        ({"off_share": 0.7}, "off_share must be from"),
    ],
)
def test_a_wrong_palette_is_refused_with_a_sentence(changes: dict[str, object], sentence: str) -> None:
    good = Palette(anchors=((0, 0, 0, 0), (255, 255, 255, 255)), tolerance=24, off_share=0.1)
    with pytest.raises(LayoutError, match=sentence):
        replace(good, **changes)  # type: ignore[arg-type]
