"""The study network: what must stay frozen stays, NumPy's head is Keras', and LiteRT's file says the same."""

from collections.abc import Mapping

import numpy as np
import pytest

from models import study_features, study_network
from models.study_input import NormalLimits
from training.fit import make_repeatable
from training.study import choosing, exporting, fine_tuning, seeing
from training.study.choosing import Cohort
from training.study.pretraining import learn, read
from training.study.recipe import FineTuning, Pretraining
from training.study.refit import Stage
from training.study.simulated import SimulatedMaps

pytestmark = [
    pytest.mark.training,
    pytest.mark.usefixtures("eagerly"),
    # Batches come by tf.data, which traces its own small functions all the same.
    pytest.mark.filterwarnings("ignore:Even though the `tf.config.experimental_run_functions_eagerly`:UserWarning"),
]


def patients(count, seed):
    """Maps whose septum is dark at stress, or at stress and rest, by label."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % 3
    maps = np.clip(0.8 + rng.normal(0, 0.05, (count, 10, 32, 72)), 0, 1).astype(np.float32)
    maps[labels > 0, 0, 8:24, 28:44] *= 0.5
    maps[labels > 1, 1, 8:24, 28:44] *= 0.5
    return SimulatedMaps(
        maps, labels, labels, np.zeros((count, 2)), np.zeros((count, 32, 72), bool), np.zeros((count, 2))
    )


@pytest.fixture(scope="module")
def pretrained(tmp_path_factory):
    make_repeatable(3)
    folder = tmp_path_factory.mktemp("pretrained")
    recipe = Pretraining(patients=12, epochs=1, batch=6)
    learn(patients(12, 1), recipe, seed=3, folder=folder, say=lambda _: None)
    return read(folder)


@pytest.fixture(scope="module")
def given(pretrained) -> Mapping[str, np.ndarray]:
    return seeing.inputs(patients(3, 9).maps, pretrained.limits)


def test_the_head_in_numpy_is_that_of_keras(pretrained, given):
    found = pretrained.model.predict_on_batch(given)
    head = study_network.head(pretrained.model)
    assert np.allclose(found["study_logits"], head.study_logits(found["feature_maps"], given["features"]), atol=1e-4)
    assert np.allclose(found["view_logits"], head.view_logits(found["feature_maps"]), atol=1e-4)


def test_grad_cam_is_that_of_a_gradient_tape(pretrained, given):
    import keras
    import tensorflow as tf

    model, head = pretrained.model, study_network.head(pretrained.model)
    maps = tf.constant(model.predict_on_batch(given)["feature_maps"])
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(maps)
        pooled = tf.reshape(tf.reduce_mean(maps, axis=(2, 3)), (3, -1))
        standard = model.get_layer("standardised")(given["features"])
        hidden = model.get_layer("hidden")(tf.concat([pooled, standard], axis=1))
        logits = model.get_layer("study_logits")(tf.concat([hidden, standard], axis=1))
        each = [logits[:, label] for label in range(3)]
    for label in range(3):
        slopes = tf.reduce_mean(tape.gradient(each[label], maps), axis=(2, 3), keepdims=True)
        theirs = keras.ops.relu(tf.reduce_sum(maps * slopes, axis=-1)).numpy()
        ours = [head.unscaled_activation(maps[i].numpy(), given["features"][i])[..., label] for i in range(3)]
        assert np.abs(np.array(ours) - theirs).max() < 1e-4


def test_moving_means_stay_put_in_fine_tuning_and_other_weights_do_not(pretrained):
    cohort = Cohort(patients(9, 5).maps, np.arange(9) % 3)
    model = fine_tuning.started(pretrained, cohort, Stage("pretrained"), pretrained.limits)
    before = {w.path: w.numpy() for w in model.weights}
    fine_tuning.tune(model, cohort, pretrained.limits, FineTuning(batch=6, learning_rate=1e-2), steps=2, seed=1)
    moved = {w.path for w in model.weights if not np.array_equal(before[w.path], w.numpy())}
    assert not [path for path in moved if "bn" in path or "standardised" in path]
    assert [path for path in moved if "point_1" in path]


def test_a_refitted_layer_is_part_of_the_network_that_is_exported(pretrained, given):
    from ai_edge_litert.interpreter import Interpreter

    cohort = patients(12, 6)
    seen = seeing.see(pretrained.model, cohort.maps, pretrained.limits)
    head = choosing.fit_stage(pretrained, Stage("both", 3.0, 0.3, 0.5), (seen, cohort.labels))
    model = fine_tuning.started(pretrained, Cohort(cohort.maps, cohort.labels), Stage("pretrained"), pretrained.limits)
    study_network.put_head(model, head)
    runner = Interpreter(model_content=exporting.to_litert(model)).get_signature_runner()
    found = runner(images=given["images"][:1], features=given["features"][:1])
    assert found["feature_maps"].shape[:4] == (1, 3, 7, 7)
    assert np.allclose(
        found["study_logits"], head.study_logits(found["feature_maps"], given["features"][:1]), atol=1e-4
    )
    assert np.allclose(found["view_logits"], head.view_logits(found["feature_maps"]), atol=1e-4)


def test_every_fold_has_its_share_of_every_label():
    labels = np.repeat([0, 1, 2], [47, 15, 3])
    for inside, outside in choosing.divisions(labels, folds=3, repeats=2, seed=1):
        assert sorted([*inside, *outside]) == list(range(65))
        assert set(labels[outside]) == {0, 1, 2}


def test_limits_of_a_cohort_move_with_its_normal_patients(pretrained):
    maps = patients(60, 7).maps
    moved = choosing.adapted(pretrained.limits, Cohort(maps, np.arange(60) % 3), 0.3)
    own = NormalLimits.of_normal(maps[::3])
    assert np.allclose(moved.mean, 0.7 * pretrained.limits.mean + 0.3 * own.mean, atol=1e-5)
    assert len(study_features.names()) == pretrained.features.shape[1]
