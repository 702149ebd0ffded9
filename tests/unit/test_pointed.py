"""Panels drawn by hand are laid on the outlined maps they are near, in the order of the view."""

from dataclasses import replace

import numpy as np
import pytest

from core.types import View
from dicom_node import layouts
from dicom_node.layouts import Box, Circle, LayoutError, Rectangle, pointed, starting
from training.phantom import cohort, pages
from viewer.admin import drawing

OFF = ((3, -2, 4), (-3, 3, -2), (2, 4, 3), (-4, -3, -3))


def screen(name: str, view: View) -> np.ndarray:
    return pages.named(name).draw(view, cohort.simulate(2026, 3, layout=name).examination)


def known(name: str, view: View) -> tuple[Circle, ...]:
    layout = next(one for one in layouts.shipped() if one.name == name)
    return next(one.panels for one in layout.views if one.view is view)


@pytest.mark.parametrize("name", ["qps-qgs-1280", "strips-1024"])
@pytest.mark.parametrize("view", [View.QPS, View.STRESS_QGS])
def test_circles_some_pixels_off_become_the_maps_and_stand_in_the_views_order(name: str, view: View):
    wanted = known(name, view)
    drawn = [
        Circle(panel.name, (panel.centre[0] + x, panel.centre[1] + y), panel.radius + r)
        for panel, (x, y, r) in zip(wanted, OFF, strict=False)
    ]
    assert pointed.panels(screen(name, view), view, tuple(reversed(drawn))) == wanted


def test_some_of_the_maps_may_be_kept_alone():
    stress, rest, _ = known("qps-qgs-1280", View.QPS)
    drawn = replace(rest, radius=rest.radius - 5), replace(stress, radius=stress.radius + 5)
    assert pointed.panels(screen("qps-qgs-1280", View.QPS), View.QPS, drawn) == (stress, rest)


def test_what_is_near_no_map_stays_as_it_was_drawn():
    drawn = (Circle("stress", (200, 200), 60),)
    assert pointed.panels(screen("qps-qgs-1280", View.QPS), View.QPS, drawn) == drawn


def test_frames_are_found_beside_boxes():
    image = np.zeros((300, 600, 3), np.uint8)
    rng = np.random.default_rng(7)
    frames = [Box(20, 20, 180, 180), Box(220, 20, 380, 180), Box(420, 20, 580, 180)]
    for box in frames:
        image[box.grown(3).slices] = 150
        image[box.slices] = rng.integers(0, 2, (*box.shape, 3), np.uint8) * (255, 128, 0)
    names = drawing.NAMES[View.QPS]
    drawn = tuple(
        Rectangle(name, Box(b.left - 4, b.top + 3, b.right + 4, b.bottom - 5))
        for name, b in zip(names, frames, strict=True)
    )
    found = pointed.panels(image, View.QPS, drawn)
    assert [(panel.name, Box(*panel.geometry)) for panel in found] == list(zip(names, frames, strict=True))


def test_where_nothing_is_drawn_or_found_it_is_said_what_to_do():
    with pytest.raises(LayoutError, match=r"^no map with an outline was found: draw each map that is to be kept$"):
        pointed.panels(np.zeros((200, 200, 3), np.uint8), View.QPS, ())
    with pytest.raises(LayoutError, match=r"^3 outlined maps were found where Stress QGS has 4: draw those"):
        pointed.panels(screen("qps-qgs-1280", View.QPS), View.STRESS_QGS, ())


def test_the_form_calls_panels_as_layouts_do():
    assert drawing.NAMES == starting.NAMES
    assert [what for what, _ in drawing.ROWS].index("panel") == drawing.FIRST_PANEL
