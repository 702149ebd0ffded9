"""Which polar map is which on a crop, as its circles tell without the layout that cut it."""

import numpy as np
import pytest

from core.maps import Maps
from core.types import View
from dicom_node import layouts
from dicom_node.layouts import maps_of
from dicom_node.layouts.cropping import crop_again

GATED = ("Perfusion ED", "Perfusion ES", "Motion", "Thickening")


@pytest.mark.parametrize(
    ("view", "captions"),
    [(View.QPS, ("Stress", "Rest", "Difference", "")), (View.STRESS_QGS, GATED), (View.REST_QGS, GATED)],
)
def test_the_tiles_of_every_shipped_layout_are_called_as_its_panels(view, captions):
    for layout in layouts.shipped():
        (screen,) = (one for one in layout.views if one.view is view)
        side = 2 * max(max(panel.tile.shape) for panel in screen.panels)
        crop = crop_again(np.zeros((side, side, 3), np.uint8), screen)
        assert crop is not None
        assert maps_of(crop, layout).captions == captions


@pytest.mark.parametrize(
    ("circles", "captions"),
    [
        ({"rest": (30, 10, 9)}, ("", "Rest", "", "")),
        ({"stress": (9, 9, 9)}, ("Stress", "", "", "")),
        ({"stress": (30, 30, 9)}, ("", "", "", "")),  # of a tile of 60 the first, of one of 20 the last
        ({"stress": (10, 10, 6), "lung_map": (30, 30, 9)}, ("Stress", "", "", "Lung map")),
        ({}, ("", "", "", "")),
    ],
)
def test_a_tile_that_is_no_map_or_is_in_doubt_is_called_nothing(circles, captions):
    assert Maps((), circles).captions == captions
