"""Layouts that ask the header, keep rectangles, and were there before: which wins, and what stays as it was."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pydicom import dcmread

from core.errors import Rejected
from core.pixels import RgbImage
from core.types import Reason, View
from dicom_node import layouts
from dicom_node.layouts import Box, Caption, Circle, Criteria, Layout, LayoutError, Match, Rectangle, ViewLayout
from dicom_node.prepare import Prepared, prepare
from training.phantom.cohort import SimulatedPatient, simulate
from training.phantom.dicom import write_study

SHIPPED = {layout.name: layout for layout in layouts.shipped()}
COLUMNS = SHIPPED["qps-qgs-1280"]
FOLDER = Path(layouts.__file__).parent
HEADER = {"Manufacturer": "Perfuscope Simulator", "ManufacturerModelName": "Phantom", "SoftwareVersions": "9"}

CROPS_BEFORE = {
    ("qps-qgs-1280", View.QPS): "1edd3dc4133282ae2c9e14e83a59c5963b7744749765a1a88df95ddefac86d07",
    ("qps-qgs-1280", View.STRESS_QGS): "e979297b245c514160244fbb1dc0cf2ddabe8ab24a5c451e39b097d40ffd7189",
    ("qps-qgs-1280", View.REST_QGS): "e979297b245c514160244fbb1dc0cf2ddabe8ab24a5c451e39b097d40ffd7189",
    ("strips-1024", View.QPS): "1f71b3760723fe7c9a2c4e7a0e8e45422917314e11ca29e29e0cfc53585000bf",
    ("strips-1024", View.STRESS_QGS): "6633136f40df24f782b0062e0541e16a6113aafe5c7b4f2eb78760df24ca9a0e",
    ("strips-1024", View.REST_QGS): "6633136f40df24f782b0062e0541e16a6113aafe5c7b4f2eb78760df24ca9a0e",
    ("qps-qgs-1280-hot", View.QPS): "1d3eaab8fbef32382e249a5acaa4b5e9d9a985b75522d4749b5023aae2c5e700",
    ("qps-qgs-1280-hot", View.STRESS_QGS): "3e381e8a1af099bba532bfcd31125e259e457d037eec16f0c442669c9731cb0a",
    ("qps-qgs-1280-hot", View.REST_QGS): "3e381e8a1af099bba532bfcd31125e259e457d037eec16f0c442669c9731cb0a",
    ("strips-1024-rainbow", View.QPS): "8536e0a87a08a5bbe558f4b3a6bd727e794643ad4f267d1069c3ed016dc39af4",
    ("strips-1024-rainbow", View.STRESS_QGS): "d8c221cd4c12f42274fd3db06107b2d6b4b520e8d03581ca43d8014481e3001e",
    ("strips-1024-rainbow", View.REST_QGS): "d8c221cd4c12f42274fd3db06107b2d6b4b520e8d03581ca43d8014481e3001e",
}
"""Of ``counted``, so that no change of the simulator touches them. The first six were taken before
panels could be anything but circles of one radius, the others' with the layouts."""


@pytest.fixture(scope="module")
def patients() -> dict[str, SimulatedPatient]:
    return {name: simulate(11, 0, layout=name) for name in SHIPPED}


@pytest.fixture(scope="module")
def screen(patients: dict[str, SimulatedPatient]) -> RgbImage:
    return patients["qps-qgs-1280"].screens[View.QPS]


def asking(layout: Layout = COLUMNS, *, name: str = "ours", rank: int = 0, **patterns: str) -> Layout:
    return replace(layout, name=name, rank=rank, criteria=Criteria(tuple(patterns.items())))


def counted(rows: int, columns: int) -> RgbImage:
    """A picture that has another colour at nearly every pixel and is never another one."""
    row, column, channel = np.ogrid[:rows, :columns, :3]
    return ((row * 131 + column * 57 + channel * 89 + row * column) % 256).astype(np.uint8)


def test_shipped_crops_stay_byte_identical() -> None:
    crops = {
        (name, screen.view): layouts.crop(
            counted(layout.rows, layout.columns), Match(layout, screen, ring_scores=(1.0,), caption_scores=(1.0,))
        ).sha256
        for name, layout in SHIPPED.items()
        for screen in layout.views
    }
    assert crops == CROPS_BEFORE


@pytest.mark.parametrize(
    ("pattern", "fits"),
    [("perfuscope", True), ("^Perfuscope Simulator$", True), ("SIMULATOR", True), ("^Simulator", False), ("x", False)],
)
def test_a_header_that_does_not_fit_hides_a_screen(screen: RgbImage, pattern: str, fits: bool) -> None:
    ours = asking(Manufacturer=pattern)
    if fits:
        assert layouts.recognise(screen, [ours], HEADER).name == "ours"
        return
    with pytest.raises(Rejected, match="header differs in Manufacturer") as caught:
        layouts.recognise(screen, [ours], HEADER)
    assert caught.value.reason is Reason.UNKNOWN_LAYOUT
    assert "Simulator" not in str(caught.value)


def test_an_attribute_that_is_not_there_is_empty(screen: RgbImage) -> None:
    with pytest.raises(Rejected):
        layouts.recognise(screen, [asking(Manufacturer=".")], {})
    assert layouts.recognise(screen, [asking(Manufacturer="^$")], {}).name == "ours"


def test_a_picture_without_a_header_is_not_asked(screen: RgbImage) -> None:
    assert layouts.recognise(screen, [asking(Manufacturer="nobody")]).name == "ours"


def test_a_fitting_header_is_not_enough(screen: RgbImage) -> None:
    with pytest.raises(Rejected, match="closest is"):
        layouts.recognise(np.roll(screen, 2, axis=0), [asking(Manufacturer="Perfuscope")], HEADER)


def test_only_the_first_255_characters_are_looked_at() -> None:
    criteria = Criteria((("SeriesDescription", "end$"),))
    assert criteria.unmet({"SeriesDescription": "x" * 252 + "end"}) == ()
    assert criteria.unmet({"SeriesDescription": "x" * 253 + "end"}) == ("SeriesDescription",)


def test_the_higher_rank_wins_then_the_one_that_asks_more(screen: RgbImage) -> None:
    one = asking(name="one", Manufacturer="Perfuscope")
    two = asking(name="two", Manufacturer="Perfuscope", ManufacturerModelName="Phantom")
    first = asking(name="first", rank=1)
    stranger = asking(name="stranger", rank=2, Manufacturer="nobody")
    known = (COLUMNS, one, two, first, stranger)
    layouts.check_together(known)
    assert layouts.recognise(screen, known, HEADER).name == "first"
    assert layouts.recognise(screen, known[:3], HEADER).name == "two"
    assert layouts.recognise(screen, known[:3], HEADER | {"ManufacturerModelName": "?"}).name == "one"
    assert layouts.recognise(screen, known[:3], {}).name == "qps-qgs-1280"


@pytest.mark.parametrize("other", [{"Manufacturer": "that"}, {"Manufacturer": "this"}, {"SoftwareVersions": "9"}])
def test_two_layouts_that_ask_as_much_need_ranks(other: dict[str, str]) -> None:
    pair = (asking(name="one", Manufacturer="this"), asking(name="other", **other))
    with pytest.raises(LayoutError, match=r"one and other have the same rank and as many header .* give one a"):
        layouts.check_together(pair)
    layouts.check_together((pair[0], replace(pair[1], rank=1)))


def test_pixels_that_exclude_each_other_need_no_ranks() -> None:
    white = replace(COLUMNS, name="white", ring=replace(COLUMNS.ring, colour=(255, 255, 255), channel_tolerance=50))
    layouts.check_together((replace(COLUMNS, ring=replace(COLUMNS.ring, channel_tolerance=50)), white))
    with pytest.raises(LayoutError, match="same rank"):
        layouts.check_together((COLUMNS, replace(white, ring=replace(white.ring, channel_tolerance=60))))


def test_a_layout_with_fewer_of_the_same_panels_claims_the_same_screens() -> None:
    fewer = tuple(replace(view, panels=view.panels[:2]) for view in COLUMNS.views)
    with pytest.raises(LayoutError, match="both may match qps"):
        layouts.check_together((COLUMNS, replace(COLUMNS, name="fewer", views=fewer)))


def framed(pixels: RgbImage) -> tuple[RgbImage, Layout]:
    """The QPS screen with a frame around its slices' upper left, and a layout that keeps that and one circle."""
    drawn = pixels.copy()
    box = Box(8, 46, 156, 230)
    drawn[box.grown(2).slices] = COLUMNS.ring.colour
    drawn[box.slices] = pixels[390 : 390 + 184, 430 : 430 + 148]
    qps = COLUMNS.views[0]
    view = ViewLayout(View.QPS, (qps.panels[0], Rectangle("slice", box)), qps.captions)
    return drawn, replace(COLUMNS, name="mixed", views=(view,))


def test_a_rectangle_is_known_by_its_frame_and_kept_whole(screen: RgbImage) -> None:
    drawn, mixed = framed(screen)
    match = layouts.recognise(drawn, [mixed])
    assert match.ring_scores == (1, 1)
    crop = layouts.crop(drawn, match)
    assert crop.pixels.shape == (580, 580, 3)  # a tile is as large as the largest panel
    assert dict(crop.boxes) == {"stress": Box(0, 0, 290, 290), "slice": Box(361, 53, 509, 237)}
    assert np.array_equal(crop.pixels[53:237, 361:509], drawn[46:230, 8:156])
    rest = crop.pixels.copy()
    rest[53:237, 361:509] = 0
    assert not rest[:, 290:].any()
    assert not rest[290:].any()
    for way in ((0, 2), (2, 0), (-2, 0), (0, -2)):
        with pytest.raises(Rejected):
            layouts.recognise(np.roll(drawn, way, axis=(0, 1)), [mixed])
    drawn[60:64, 5:160] = 0  # the frame's sides are interrupted, and a map is changed
    assert layouts.compare(drawn, [mixed])[0].ring_scores[1] < 1


def test_nothing_outside_a_rectangle_reaches_the_crop(screen: RgbImage) -> None:
    drawn, mixed = framed(screen)
    match = layouts.recognise(drawn, [mixed])
    noise = np.random.default_rng(3).integers(0, 256, drawn.shape, np.uint8)
    y, x = np.ogrid[: COLUMNS.rows, : COLUMNS.columns]
    kept = np.hypot(x - 507, y - 150) <= 145
    kept[46:230, 8:156] = True
    other = np.where(kept[..., None], drawn, noise)
    assert layouts.crop(other, match).sha256 == layouts.crop(drawn, match).sha256


def test_circles_of_several_radii_lie_in_the_middle_of_their_tiles() -> None:
    view = COLUMNS.views[0]
    small = replace(view, panels=(view.panels[0], Circle("rest", (507, 465), 100)))
    match = layouts.Match(replace(COLUMNS, views=(small,)), small, (1.0, 1.0), (1.0,))
    white = np.full((COLUMNS.rows, COLUMNS.columns, 3), 255, np.uint8)
    crop = layouts.crop(white, match)
    assert crop.boxes["rest"] == Box(335, 45, 535, 245)
    assert crop.pixels[145, 335].any()
    assert not crop.pixels[145, 330].any()


def test_two_panels_of_several_sizes_that_show_the_same_are_refused(screen: RgbImage) -> None:
    drawn, mixed = framed(screen)
    twin = Rectangle("twin", Box(170, 46, 318, 240))
    drawn[twin.box.grown(2).slices] = COLUMNS.ring.colour
    source = Image.fromarray(drawn[46:230, 8:156])
    drawn[twin.box.slices] = np.asarray(source.resize((148, 194), Image.Resampling.BILINEAR))
    view = replace(mixed.views[0], panels=(*mixed.views[0].panels, twin))
    with pytest.raises(Rejected, match="panels slice and twin are the same"):
        layouts.recognise(drawn, [replace(mixed, views=(view,))])


@pytest.mark.parametrize(
    ("other", "shared"),
    [(Box(0, 0, 16, 16), False), (Box(60, 60, 200, 200), True), (Box(0, 0, 66, 66), False), (Box(0, 0, 76, 76), True)],
)
def test_panels_may_not_share_a_pixel(other: Box, shared: bool) -> None:
    panels = (Circle("a", (100, 100), 40), Rectangle("b", other))
    caption = COLUMNS.views[0].captions
    for pair in (panels, panels[::-1]):
        if shared:
            with pytest.raises(LayoutError, match="overlap"):
                ViewLayout(View.QPS, pair, caption)
        else:
            assert ViewLayout(View.QPS, pair, caption).panels == pair


def test_a_layout_may_burn_no_identity_in_and_knows_its_bytes(tmp_path: Path) -> None:
    content = (FOLDER / "qps_qgs_1280.toml").read_text(encoding="utf-8")
    content = content.replace('name = "qps-qgs-1280"', 'name = "own"\nrank = 1\nallowed_text = ["AC", "100 %"]')
    content = content.replace("identity_box = [960, 0, 1280, 180]\n", "")
    content = content.replace("[ring]", "[match]\nManufacturer = '^perfu'\nSeriesDescription = 'qps'\n\n[ring]")
    path = tmp_path / "own.toml"
    path.write_text(content, encoding="utf-8")
    own = layouts.load(path)
    assert own.identity_box is None
    assert own.allowed_text == ("AC", "100 %")
    assert own.specificity == (1, 2)
    assert not own.shipped
    assert own.sha256 != COLUMNS.sha256
    path.write_text(content + "\n", encoding="utf-8")
    assert layouts.load(path).sha256 != own.sha256
    assert all(layout.shipped and len(layout.sha256) == 64 for layout in layouts.shipped())


def test_a_prepared_screen_carries_its_layout_and_all_its_pixels(
    patients: dict[str, SimulatedPatient], tmp_path: Path
) -> None:
    path = write_study(patients["qps-qgs-1280"], tmp_path)[0]
    found = prepare(path, layouts=[COLUMNS, asking(Manufacturer="perfuscope sim", ManufacturerModelName="^phantom$")])
    assert isinstance(found, Prepared)
    assert (found.layout.name, found.layout_name, found.layout_version) == ("ours", "ours", 1)
    assert found.layout.sha256 == COLUMNS.sha256
    assert np.array_equal(found.screen_pixels, patients["qps-qgs-1280"].screens[View.QPS])
    assert str(dcmread(path).PatientName) not in repr(found)
    assert len(repr(found)) < 1000
    with pytest.raises(Rejected):
        prepare(path, layouts=[asking(Manufacturer="nobody")])


def test_a_template_does_not_fill_a_repr() -> None:
    caption: Caption = COLUMNS.views[0].captions[0]
    assert caption.bits not in repr(caption)
    assert len(repr(COLUMNS)) < 1500
