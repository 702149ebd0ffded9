"""Augmentation: the same numbers give the same picture, panels stay in their circles, brightness stays in range."""

import numpy as np
import pytest

from training.fit.augment import Change, apply, draw
from training.fit.recipe import Augment

WHOLE = Augment(rotation_degrees=15, shift=0.01, brightness=(0.8, 1.2))
PANELS = Augment(by="panel", rotation_degrees=15, shift=0.01)
STILL = Change(0, 0, 0, 1)


def crop(seed=3):
    """Four discs of noise on black, as a crop of four polar maps."""
    pixels = np.random.default_rng(seed).integers(30, 220, (224, 224, 3), dtype=np.uint8)
    at = np.arange(112) - 55.5
    disc = np.hypot(at[:, None], at) <= 56
    return pixels * np.tile(disc, (2, 2))[..., None].astype(np.uint8)


def test_the_same_seed_epoch_and_image_give_the_same_change_and_others_another():
    changes = {draw(WHOLE, seed=s, epoch=e, image=i) for s in (1, 2) for e in (0, 1) for i in (0, 1)}
    assert len(changes) == 8
    assert draw(WHOLE, seed=2, epoch=1, image=1) in changes


def test_changes_fill_the_ranges_of_the_recipe_and_stay_within():
    drawn = [draw(WHOLE, seed=1, epoch=0, image=i) for i in range(400)]
    for values, low, high in (
        ([c.degrees for c in drawn], -15, 15),
        ([c.columns for c in drawn], -0.01, 0.01),
        ([c.rows for c in drawn], -0.01, 0.01),
        ([c.factor for c in drawn], 0.8, 1.2),
    ):
        assert low <= min(values) < low + 0.05 * (high - low)
        assert high - 0.05 * (high - low) < max(values) <= high


@pytest.mark.parametrize("augment", [WHOLE, PANELS])
def test_nothing_drawn_changes_nothing(augment):
    assert (apply(crop(), STILL, augment) == crop()).all()


def test_a_quarter_turn_is_counter_clockwise_and_exact_to_a_level():
    turned = apply(crop(), Change(90, 0, 0, 1), WHOLE).astype(int)
    assert np.abs(turned - np.rot90(crop())).max() <= 1


def test_a_shift_moves_right_and_down_and_repeats_the_edge():
    pixels = crop() | np.uint8(16)
    moved = apply(pixels, Change(0, 2 / 224, 3 / 224, 1), WHOLE)
    assert (moved[3:, 2:] == pixels[:-3, :-2]).all()
    assert (moved[:3, 2:] == pixels[0, :-2]).all()


def test_turning_to_and_fro_brings_the_picture_back():
    smooth = np.zeros((224, 224, 3), np.uint8)
    at = np.arange(224) - 111.5
    smooth[...] = (200 * np.exp(-(((at[:, None] - 20) ** 2 + at**2) / 2000)))[..., None]
    back = apply(apply(smooth, Change(15, 0, 0, 1), WHOLE), Change(-15, 0, 0, 1), WHOLE)
    assert np.abs(back.astype(int) - smooth).max() <= 4


def test_it_turns_as_scipy_turns():
    from scipy import ndimage

    pixels = crop()
    theirs = ndimage.rotate(pixels[..., 0].astype(float), 10, reshape=False, order=1, mode="nearest")
    ours = apply(pixels, Change(10, 0, 0, 1), WHOLE)[..., 0]
    assert np.abs(ours - theirs)[2:-2, 2:-2].max() <= 2


def test_panels_turn_each_about_its_own_middle_and_leave_what_lies_outside():
    pixels = crop()
    turned = apply(pixels, Change(90, 0, 0, 1), PANELS)
    inside = (pixels > 0).any(axis=-1)
    for rows in (slice(0, 112), slice(112, 224)):
        for columns in (slice(0, 112), slice(112, 224)):
            assert np.abs(turned[rows, columns].astype(int) - np.rot90(pixels[rows, columns])).max() <= 1
    assert ((turned > 0).any(axis=-1) == inside).all()


def test_an_empty_panel_stays_empty():
    pixels = crop()
    pixels[112:, 112:] = 0
    assert not apply(pixels, Change(7, 0.01, 0.01, 1.2), PANELS)[112:, 112:].any()


def test_brightness_multiplies_and_stops_at_white():
    pixels = np.full((224, 224, 3), 100, np.uint8)
    pixels[0, 0] = 250
    bright = apply(pixels, Change(0, 0, 0, 1.2), WHOLE)
    assert bright[5, 5, 0] == 120
    assert bright[0, 0, 0] == 255
    assert apply(pixels, Change(0, 0, 0, 0.8), WHOLE)[5, 5, 0] == 80
