"""The head in NumPy: its class activation maps point at what speaks for a label, and follow the weights."""

from dataclasses import replace

import numpy as np
import pytest

from models import study_head
from models.study_head import Head

CHANNELS, FEATURES, HIDDEN = 8, 5, 6


@pytest.fixture(scope="module")
def head():
    rng = np.random.default_rng(4)
    draw = lambda *shape: rng.normal(0, 0.5, shape).astype(np.float32)  # noqa: E731
    return Head(
        mean=draw(FEATURES),
        deviation=np.ones(FEATURES, np.float32),
        hidden_kernel=draw(3 * CHANNELS + FEATURES, HIDDEN),
        hidden_bias=draw(HIDDEN),
        study_kernel=draw(HIDDEN + FEATURES, 3),
        study_bias=draw(3),
        view_kernels=draw(3, CHANNELS, 3),
        view_biases=draw(3, 3),
    )


def a_study(seed=5):
    rng = np.random.default_rng(seed)
    return rng.random((3, 7, 7, CHANNELS), dtype=np.float32), rng.random(FEATURES, dtype=np.float32)


def test_the_weights_of_a_map_are_the_gradient_of_the_logit(head):
    maps, features = a_study()
    step = 1e-2
    for view, channel in ((0, 1), (2, 5)):
        raised = maps.copy()
        raised[view, 3, 4, channel] += step
        slope = (head.study_logits(raised, features) - head.study_logits(maps, features)) / step
        alone = np.zeros_like(maps)
        alone[view, ..., channel] = 1
        weight = gradient(head, maps, features)[view, channel]
        assert np.allclose(slope, weight, atol=2e-3)


def gradient(head, maps, features):
    """The weight of every view's every channel for each label, by the chain rule written out."""
    on = head.evidence(maps.mean(axis=(1, 2)), features)[:HIDDEN] > 0
    through = head.hidden_kernel[: 3 * CHANNELS] @ (head.study_kernel[:HIDDEN] * on[:, None])
    return through.reshape(3, CHANNELS, 3) / 49


def test_activation_is_scaled_by_view_and_label(head):
    activation = head.activation(*a_study())
    assert activation.shape == (3, 7, 7, 3)
    peaks = activation.max(axis=(1, 2))
    assert np.all((np.abs(peaks - 1) < 1e-6) | (peaks == 0))


def test_random_weights_give_another_map(head):
    maps, features = a_study()
    ours = head.activation(maps, features)[..., 1].ravel()
    rng = np.random.default_rng(6)
    likeness = []
    for _ in range(20):
        other = replace(
            head, hidden_kernel=rng.permutation(head.hidden_kernel.ravel()).reshape(head.hidden_kernel.shape)
        )
        likeness.append(np.corrcoef(ours, other.activation(maps, features)[..., 1].ravel())[0, 1])
    assert np.nanmean(np.abs(likeness)) < 0.6


def test_one_patient_and_many_give_the_same_logits(head):
    studies = [a_study(seed) for seed in (7, 8)]
    together = head.study_logits(np.stack([m for m, _ in studies]), np.stack([f for _, f in studies]))
    assert np.allclose(together, [head.study_logits(*study) for study in studies], atol=1e-5)


def test_a_temperature_divides_the_logits(head):
    maps, features = a_study()
    assert np.allclose(head.divided(2.0, 1.0).study_logits(maps, features), head.study_logits(maps, features) / 2)


def test_a_head_survives_a_file(head, tmp_path):
    study_head.save(head, tmp_path / "head.npz")
    again = study_head.load(tmp_path / "head.npz")
    assert np.array_equal(again.study_logits(*a_study()), head.study_logits(*a_study()))


def test_a_maximum_is_found_in_its_territory():
    area = np.zeros((32, 72), bool)
    area[16:, 14:22] = True  # anterior: up
    up, down, nothing = (np.zeros((7, 7), np.float32) for _ in range(3))
    up[1, 3], down[5, 3] = 1, 1
    assert study_head.share_in(np.stack([up, down, nothing, up]), np.stack([area] * 4)) == 0.5
