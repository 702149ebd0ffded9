"""Colours of a crop become the numbers that they stand for."""

import numpy as np
import pytest

from core.maps import Maps
from core.types import View
from dicom_node import layouts
from models import polar
from training.phantom.pages import PAGES
from training.phantom.patient import simulate


@pytest.mark.parametrize("page", PAGES)
def test_the_maps_of_a_screen_are_read_back(page: str) -> None:
    patient = simulate(41, 3, layout=page)
    screen = patient.screens[View.QPS]
    match = layouts.recognise(screen, layouts.shipped())
    crop = layouts.crop(screen, match)
    found = polar.polar_maps(crop.pixels, layouts.maps_of(crop, match.layout))
    assert set(found) == {"stress", "rest", "difference"}
    for name, truth in (("stress", patient.stress), ("rest", patient.rest)):
        assert np.abs(found[name] - truth.perfusion).mean() < 0.006


def test_every_level_of_a_scale_is_found_again() -> None:
    anchors = layouts.shipped()[0].palette.anchors
    found = polar.levels(polar.scale(anchors), anchors)
    assert np.abs(found * 255 - np.arange(256)).max() <= 2


def test_maps_survive_the_database() -> None:
    maps = Maps(((0, 0, 0, 0), (255, 255, 255, 255)), {"stress": (20, 20, 20)})
    assert Maps.of_json(maps.as_json()) == maps


def test_a_circle_beside_the_crop_is_refused() -> None:
    pixels = np.zeros((30, 30, 3), np.uint8)
    with pytest.raises(ValueError, match="does not lie"):
        polar.polar_map(pixels, (20, 20, 15), ((0, 0, 0, 0), (255, 255, 255, 255)))
