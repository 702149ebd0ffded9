"""Activation maps laid over pictures stay in their place, in grey too, and leave the rest as it is."""

import numpy as np

from models import overlay

GREY = np.array([0.299, 0.587, 0.114])


def test_no_overlay_is_the_picture_itself_and_a_full_one_is_not():
    rng = np.random.default_rng(5)
    crop = rng.integers(0, 256, (60, 60, 3), dtype=np.uint8)
    heat = overlay.enlarged(rng.random((7, 7), dtype=np.float32), 60)
    assert heat.shape == (60, 60)
    assert (overlay.laid_over(crop, heat, 0) == crop).all()
    full = overlay.laid_over(crop, heat, 1)
    cold = heat < 0.15
    assert (full[cold] == crop[cold]).all()
    assert (full[heat > 0.6] != crop[heat > 0.6]).any(axis=-1).all()


def test_a_peak_stays_where_it_was_when_a_map_is_enlarged():
    small = np.zeros((7, 7), np.float32)
    small[1, 5] = 1
    row, column = np.unravel_index(overlay.enlarged(small, 70).argmax(), (70, 70))
    assert abs(row - 15) <= 1
    assert abs(column - 55) <= 1


def test_in_grey_the_scale_rises_from_nothing_to_the_peak():
    row = (overlay.scale(200, 4, overlay.OPACITY).astype(float) @ GREY)[2]
    away = np.abs(np.arange(200) - 100) > 4  # the line at half the peak, and its dark edge
    assert (np.diff(row[away]) > -2).all()
    assert row[-1] > row[0] + 90


def test_on_a_dimmed_picture_what_was_looked_at_is_brighter_than_anything_else():
    white = overlay.dimmed(np.full((60, 60, 3), 255, np.uint8), 60)
    heat = np.zeros((60, 60), np.float32)
    heat[20:40, 20:40] = 1
    grey = overlay.laid_over(white, heat, overlay.OPACITY).astype(float) @ GREY
    assert grey[25:35, 25:35].min() > grey[:15].max() + 40


def test_the_line_round_half_the_peak_is_light_on_dark():
    white = np.full((60, 60, 3), 255, np.uint8)
    heat = np.zeros((60, 60), np.float32)
    heat[20:40, 20:40] = 1
    over = overlay.laid_over(white, heat, 0.5)
    assert tuple(over[30, 20]) == (130, 255, 60)
    assert tuple(over[30, 19]) == (0, 0, 0)


def test_a_map_of_one_disc_lies_in_every_circle_and_nowhere_else():
    small = np.ones((7, 7), np.float32)
    heat = overlay.on_each(small, {"stress": (145, 145, 145), "rest": (435, 145, 100)}, 116, of=580)
    assert heat.shape == (116, 116)
    assert heat[29, 29] == heat[29, 87] == 1
    assert not heat[60:].any()
    assert heat[29, 62] == 0
    assert heat[0, 0] == 0
