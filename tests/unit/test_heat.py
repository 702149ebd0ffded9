"""The picture that is laid over a crop in a browser: clear where there is nothing, outlined where there is much."""

import io

import numpy as np
from PIL import Image

from core import heat


def test_an_overlay_is_clear_where_nothing_is_and_outlined_round_half_the_peak():
    places = np.zeros((80, 80), np.float32)
    places[20:60, 20:60] = 1
    drawn = np.asarray(Image.open(io.BytesIO(heat.transparent(places))))
    assert drawn.shape == (80, 80, 4)
    assert not drawn[:15, :, 3].any()
    assert drawn[40, 40, 3] == 255
    assert tuple(drawn[40, 21]) == (*heat.LINE, 255)
    assert tuple(drawn[40, 19]) == (0, 0, 0, 255)
    assert not np.asarray(Image.open(io.BytesIO(heat.transparent(np.zeros((9, 9), np.float32)))))[..., 3].any()
