"""Polar maps become images and features that say where a wall is below normal."""

import numpy as np
import pytest

from models import study_features, study_input
from models.study_input import NormalLimits

RINGS, ANGLES = 32, 72


def normal_maps(count, seed=1):
    """Hearts with even counts, a little noise, and a wall that moves and thickens."""
    level = np.array([0.9, 0.9, 0.9, 0.9, 0.6, 0.5, 0.9, 0.9, 0.6, 0.5])[None, :, None, None]
    noise = np.random.default_rng(seed).normal(0, 0.03, (count, 10, RINGS, ANGLES))
    return np.clip(level + noise, 0, 1).astype(np.float32)


@pytest.fixture(scope="module")
def limits():
    return NormalLimits.of_normal(normal_maps(30))


def with_defect(maps, panels):
    """A hole in the septum of some panels."""
    holed = maps.copy()
    holed[:, panels, 16:26, 30:42] *= 0.5
    return holed


def value(name, maps, limits):
    return study_features.features(limits.scores(maps), maps)[:, study_features.names().index(name)]


def test_a_hot_gut_changes_nothing_but_its_own_place():
    maps = normal_maps(2)
    hot = maps * 0.7
    hot[:, :, 28:, 52:56] = 1.0
    ours, theirs = study_input.renormalised(hot[:, 0]), study_input.renormalised(maps[:, 0])
    assert np.abs(ours - theirs)[:, :28].max() < 0.01


def test_normal_patients_lie_within_the_limits(limits):
    scores = limits.scores(normal_maps(20, seed=2))
    assert np.abs(scores.mean()) < 0.1
    assert (np.abs(scores) < 3).mean() > 0.98


def test_a_reversible_and_a_fixed_defect_are_told_apart(limits):
    reversible, fixed = (with_defect(normal_maps(1, seed=3), p) for p in ([0, 2, 3], [0, 1, 2, 3, 6, 7]))
    assert value("reversible deficit", reversible, limits) > 5 * value("reversible deficit", fixed, limits)
    assert value("fixed deficit", fixed, limits) > 5 * value("fixed deficit", reversible, limits)


def test_a_septal_defect_is_not_in_the_lateral_wall(limits):
    maps = with_defect(normal_maps(1, seed=3), [0, 2, 3])
    assert value("stress counts: LCX", maps, limits) < 0.1 * value("stress counts: LAD", maps, limits)


def test_a_wall_that_stands_still_is_seen(limits):
    maps = with_defect(normal_maps(1, seed=3), [4, 5])
    assert value("stress motion: deficit", maps, limits) > value("rest motion: deficit", maps, limits) + 0.1


def test_features_are_named_once_and_finite_even_for_blank_maps(limits):
    blank = np.zeros((1, 10, RINGS, ANGLES), np.float32)
    found = study_features.features(limits.scores(blank), blank)
    assert found.shape == (1, len(set(study_features.names())))
    assert np.isfinite(found).all()


def test_images_show_a_defect_where_a_polar_map_does(limits):
    scores = np.zeros((1, 9, RINGS, ANGLES), np.float32)
    scores[:, 0, 20:28, 15:21] = -3  # anterior: up
    image = study_input.images(scores)[0, 0, :, :, 0]
    row, column = np.unravel_index(image.argmin(), image.shape)
    assert image.shape == (study_input.SIZE,) * 2
    assert row < 15
    assert abs(column - 28) < 5
    assert image[0, 0] == 0


def test_limits_move_towards_another_hospitals(limits):
    other = NormalLimits(limits.mean + 0.1, limits.deviation)
    assert np.allclose(limits.blended(other, 0.3).mean, limits.mean + 0.03, atol=1e-5)


def test_limits_survive_a_file(limits, tmp_path):
    study_input.save(limits, tmp_path / "limits.npz")
    assert np.array_equal(study_input.load(tmp_path / "limits.npz").mean, limits.mean)


def test_limits_need_normal_patients():
    with pytest.raises(ValueError, match="at least two"):
        NormalLimits.of_normal(normal_maps(1))
