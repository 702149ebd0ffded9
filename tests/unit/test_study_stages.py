"""The stages of a study model: a regression on quantities, a share of the network, and which of them is kept."""

import tomllib
from pathlib import Path

import numpy as np
import pytest

import training
from models.study_head import Head
from training.study import choosing, refit, simulated, weights
from training.study.augmentation import augmented
from training.study.recipe import StudyRecipe

FEATURES, HIDDEN, CHANNELS = 4, 3, 2


@pytest.fixture(scope="module")
def head():
    rng = np.random.default_rng(1)
    shapes = [(FEATURES,), (3 * CHANNELS + FEATURES, HIDDEN), (HIDDEN,), (HIDDEN + FEATURES, 3), (3,)]
    mean, hidden, bias, study, last = (rng.normal(size=shape).astype(np.float32) for shape in shapes)
    views = np.zeros((3, CHANNELS, 3), np.float32)
    return Head(mean, np.ones(FEATURES, np.float32), hidden, bias, study, last, views, np.zeros((3, 3), np.float32))


def group(count, seed):
    """Patients whose first feature says the label."""
    labels = np.arange(count) % 3
    features = np.random.default_rng(seed).normal(0, 0.3, (count, FEATURES)).astype(np.float32)
    features[:, 0] += labels
    return features, labels


def logits(head, features):
    pooled = np.zeros((len(features), 3, CHANNELS), np.float32)
    return head.evidence(pooled, features) @ head.study_kernel + head.study_bias


def test_a_stage_is_the_regression_and_a_share_of_the_network(head):
    stages = refit.stages([1], [0.3], [0, 0.5])
    heads = refit.refits(head, stages, simulated=group(60, 1), cohort=group(30, 2))
    alone, both = (logits(heads[stage.name], group(9, 3)[0]) for stage in stages[1:])
    assert heads["pretrained"] is head
    assert np.allclose(both, alone + 0.5 * logits(head, group(9, 3)[0]), atol=1e-4)
    many = group(90, 4)
    assert (logits(heads[stages[1].name], many[0]).argmax(axis=1) == many[1]).mean() > 0.7


def test_a_weight_of_none_leaves_the_cohort_out(head):
    stages = refit.stages([0], [0.3], [0])
    ours, theirs = (
        refit.refits(head, stages, simulated=group(60, 1), cohort=group(30, seed))[stages[1].name] for seed in (2, 5)
    )
    assert np.array_equal(ours.study_kernel, theirs.study_kernel)


def test_the_favourite_is_kept_unless_another_is_clearly_better():
    losses = {"favourite": 0.70, "near": 0.68, "far": 0.75}
    assert choosing.choose(losses, favourite="favourite", margin=0.05) == "favourite"
    assert choosing.choose(losses | {"clear": 0.60}, favourite="favourite", margin=0.05) == "clear"


def test_every_label_weighs_the_same():
    labels = np.repeat([0, 1, 2], [20, 5, 1])
    found = weights.balanced(labels)
    assert np.allclose(np.bincount(labels, found), len(labels) / 3)
    assert weights.balanced(np.zeros(4, dtype=np.intp)).tolist() == [1, 1, 1, 1]


def test_a_temperature_makes_a_network_as_sure_as_it_is_right():
    rng = np.random.default_rng(2)
    labels = np.arange(300) % 3
    said = np.where(rng.random(300) < 0.7, labels, (labels + 1) % 3)
    sure = 8.0 * np.eye(3)[said]
    assert weights.temperature(sure, labels) > 2
    assert weights.balanced_loss(sure / weights.temperature(sure, labels), labels) < weights.balanced_loss(sure, labels)


def test_augmentation_changes_maps_a_little_and_never_flips_them():
    maps = np.full((6, 10, 32, 72), 0.8, np.float32)
    maps[:, :, 10:24, 4:16] = 0.3  # lateral to anterior
    changed = augmented(maps, np.random.default_rng(3))
    assert changed.shape == maps.shape
    assert 0 < np.abs(changed - maps).mean() < 0.15
    dark, mirrored = changed[..., 10:24, 4:16].mean(axis=(2, 3)), changed[..., 10:24, 56:68].mean(axis=(2, 3))
    assert np.all(dark < mirrored)
    assert np.array_equal(changed, augmented(maps, np.random.default_rng(3)))


def test_fewer_simulated_patients_are_the_first_of_more():
    shares = (0.5, 0.3, 0.2)
    more = simulated.draw_labels(200, seed=4, shares=shares)
    assert np.array_equal(simulated.draw_labels(50, seed=4, shares=shares), more[:50])
    assert np.allclose(np.bincount(more) / 200, shares, atol=0.12)


def test_the_shipped_recipe_is_valid_and_its_favourite_is_one_of_its_stages():
    path = Path(training.__file__).parent / "recipes" / "study.toml"
    recipe = StudyRecipe.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    found = refit.stages(recipe.refit.cohort_weights, recipe.refit.strengths, recipe.refit.networks)
    assert recipe.refit.favourite in [stage.name for stage in found]
    assert recipe.pretraining.population == "elsewhere"
