"""Training: what must stay frozen stays, the same seed gives the same model, and the artifact is the network."""

from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from cli import train as train_command
from core.errors import PerfuscopeError
from core.types import REQUIRED_VIEWS
from models import artifact, mobilenet
from models.classifier import Classifier
from models.preprocess import scale
from training import artifact_folder, export, parity, recipe
from training.datasets import Dataset
from training.fit import calibrate, fit, make_repeatable, trainer

pytestmark = [pytest.mark.training, pytest.mark.usefixtures("tensorflow")]

SHIPPED = Path(recipe.__file__).parent / "recipes" / "simulated.toml"


def patients(prefix="TEST"):
    """Six patients, two of each label, whose crops are noise with a tint."""
    labels = np.arange(6) % 3
    pixels = np.random.default_rng(8).integers(0, 128, (6, 3, 224, 224, 3), dtype=np.uint8)
    for pixel, label in zip(pixels, labels, strict=True):
        pixel[..., label] += 90
    tpd = np.stack([5.0 * labels, 4.0 * labels], axis=1)
    return Dataset(tuple(f"{prefix}-{i}" for i in range(6)), labels, pixels, tpd, {}, "0" * 64, "simulated")


@pytest.fixture(scope="module")
def short():
    """The shipped recipe with one epoch and two, without downloaded weights; few layers train: quick to trace."""
    full = recipe.read(SHIPPED)
    return full.model_copy(
        update={
            "weights": "none",
            "train_from_layer": 80,
            "split": recipe.Split(train=0.5, validation=0.5, test=0),
            "stage_1": full.stage_1.model_copy(update={"epochs": 1, "batch": 4}),
            "stage_2": full.stage_2.model_copy(update={"epochs": 2, "batch": 4, "learning_rate": 1e-3}),
        }
    )


@pytest.fixture(scope="module")
def run(short, tmp_path_factory):
    """A short run in a folder, what it said, the network before it, and the folder."""
    make_repeatable(short.seed)
    before = mobilenet.build(None).get_weights()
    lines = []
    home = tmp_path_factory.mktemp("runs") / "short.run"
    return fit(patients(), short, run=home, say=lines.append), lines, before, home


@pytest.fixture(scope="module")
def made(run, short, tmp_path_factory):
    out = tmp_path_factory.mktemp("artifacts") / "short"
    held_out = patients("OTHER")
    return export.export(run[0], short, data=patients(), held_out=held_out, out=out, say=lambda line: None, int8=True)


def test_layers_below_those_that_train_stay_as_they_were(run, short):
    fitted, _, before, _ = run
    lowest = mobilenet.segment(fitted.model, 0, short.train_from_layer).get_weights()
    assert all((now == then).all() for now, then in zip(lowest, before, strict=False))


def test_no_batchnorm_ever_learns_or_moves(run):
    import keras

    fitted = run[0]
    norms = [layer for layer in fitted.model.layers if isinstance(layer, keras.layers.BatchNormalization)]
    assert len(norms) == 27
    for norm in norms:
        assert not norm.trainable
        assert (norm.moving_mean.numpy() == 0).all()
        assert (norm.moving_variance.numpy() == 1).all()


def test_the_second_stage_trains_the_upper_layers_and_not_the_norms():
    first = recipe.read(SHIPPED).train_from_layer
    model = mobilenet.build(None)
    assert {layer.name for layer in model.layers if layer.trainable and layer.weights} == set(mobilenet.DENSE)
    mobilenet.freeze(model, below=first)
    trained = sum(int(np.prod(w.shape)) for w in model.trainable_weights)
    assert 2_000_000 < trained < 2_400_000
    mobilenet.freeze(model, below=first, norms="trained")
    learning = [layer for layer in model.layers if layer.trainable and "bn" in layer.name]
    assert len(learning) == 8
    mobilenet.freeze(model, below=first)
    data = patients()
    upper = mobilenet.segment(model, first)
    moving = [w.numpy() for w in model.non_trainable_weights]
    inputs = mobilenet.segment(model, 0, first).predict_on_batch(scale(data.pixels[:, 0]))
    upper.compile(optimizer="sgd", loss="categorical_crossentropy")
    upper.train_on_batch(inputs, np.eye(3)[data.labels])
    assert all((w.numpy() == old).all() for w, old in zip(model.non_trainable_weights, moving, strict=True))


def test_the_parts_of_the_chain_make_the_whole():
    make_repeatable(3)
    model = mobilenet.build(None)
    pixels = scale(patients().pixels[:2, 0])
    whole = model.predict_on_batch(pixels)
    for cut in (mobilenet.FINE_TUNED_FROM, mobilenet.HEAD_FROM):
        lower, upper = mobilenet.segment(model, 0, cut), mobilenet.segment(model, cut)
        assert np.allclose(upper.predict_on_batch(lower.predict_on_batch(pixels)), whole, atol=1e-6)


def test_progress_is_a_line_an_epoch(run):
    lines = run[1]
    assert sum(line.startswith("epoch") for line in lines) == 3
    assert lines[-1].startswith("validation loss")


class KilledError(Exception):
    """Stands for a kill: it ends the training where it is."""


def kill(step):
    if (step.stage, step.epoch, step.batch) == (2, 2, 1):
        raise KilledError


def test_a_killed_training_goes_on_to_the_same_network_and_log_and_the_same_seed_repeats_it(run, short, tmp_path):
    """One test for two promises, since a training costs seconds: the second run is killed in stage 2 and goes on."""
    fitted, _, _, home = run
    again = tmp_path / "again.run"
    lines = []
    with pytest.raises(KilledError):
        fit(patients(), short, run=again, say=lines.append, watch=kill)
    assert not any(line.startswith("validation loss") for line in lines)
    found = fit(patients(), short, run=again, say=lines.append)
    assert "going on after epoch 1 of stage 2" in lines
    assert all((a == b).all() for a, b in zip(found.model.get_weights(), fitted.model.get_weights(), strict=True))
    assert found.calibration == fitted.calibration
    seconds = {"seconds": 0}
    assert [{**asdict(e), **seconds} for e in found.epochs] == [{**asdict(e), **seconds} for e in fitted.epochs]
    assert len((again / "log.csv").read_text().splitlines()) == len((home / "log.csv").read_text().splitlines()) == 4


def test_a_run_keeps_recipe_log_curves_and_what_tensorboard_reads(run, short):
    import tensorflow as tf

    home = run[3]
    assert recipe.read(home / "recipe.toml") == short
    assert (home / "curves.png").read_bytes().startswith(b"\x89PNG")
    (events,) = (home / "tensorboard").iterdir()
    told = [
        (event.step, value.tag)
        for record in tf.data.TFRecordDataset(str(events)).as_numpy_iterator()
        for event in [tf.compat.v1.Event.FromString(record)]
        for value in event.summary.value
    ]
    assert (3, "loss/validation") in told
    assert len(told) == 3 * 5  # three epochs in all, each of five figures


def test_weights_that_do_not_fit_are_one_sentence_that_names_the_file(short, tmp_path):
    wrong = tmp_path / "wrong.weights.h5"
    wrong.write_bytes(b"not HDF5")
    with pytest.raises(PerfuscopeError, match=r"wrong\.weights\.h5 does not fit: MobileNet V1 1\.0 224 without top"):
        fit(patients(), short.model_copy(update={"weights": str(wrong)}), say=lambda line: None)


def test_a_fold_without_a_label_does_not_train(short):
    with pytest.raises(PerfuscopeError, match="No patient with infarction is in the validation part"):
        trainer(short)(patients(), patients().take(np.array([0, 1])), 1)


def test_temperatures_flatten_what_is_too_sure():
    truth = np.arange(60) % 3
    said = np.where(np.arange(60) % 5 == 0, (truth + 1) % 3, truth)
    sure = 2 * np.eye(3, dtype=np.float32)[said]
    views = np.repeat(sure[:, np.newaxis], 3, axis=1)
    found = calibrate(views, truth)
    assert found.view_temperature == 1.0
    assert calibrate(views * 4, truth).folded_temperature > found.folded_temperature


def test_the_artifact_is_verified_and_answers_like_the_network(made, run):
    tensor = scale(patients().pixels[0, 0])
    logits, features = Classifier(made).run(tensor)
    keras_logits, keras_features = mobilenet.logits_and_features(run[0].model).predict_on_batch(tensor[np.newaxis])
    assert np.allclose(logits, keras_logits[0], atol=1e-4)
    assert np.allclose(features, keras_features[0], atol=1e-3)
    assert artifact.verify(made.folder) == made.card


def test_the_card_tells_where_the_model_comes_from_and_how_good_it_is(made):
    card = made.card
    assert card.training.source == "simulated"
    assert "simulated" in card.statement
    assert card.training.patients == 6
    assert card.parity.crops == 6 * len(REQUIRED_VIEWS)
    assert card.parity.max_abs_difference < parity.TOLERANCE
    (held_out,) = card.evaluations
    assert held_out.data.startswith("held out: perfuscope simulate")
    assert [baseline.name.split()[0] for baseline in held_out.baselines] == ["always", "stress"]
    assert card.architecture.base_weights == "random"
    assert {"keras", "ai-edge-litert"} <= card.libraries.keys()
    assert card.lineage.manifests == {"train": "0" * 64, "held out": "0" * 64}


def test_the_variant_in_8_bits_is_smaller_and_scored_by_itself(made):
    assert {path.name for path in made.folder.iterdir()} == {
        "model.tflite",
        "model-int8.tflite",
        "head.npz",
        "card.json",
    }
    small, full = ((made.folder / name).stat().st_size for name in ("model-int8.tflite", "model.tflite"))
    assert small < 0.35 * full
    assert made.card.int8.crops == 18
    assert made.card.int8.flips == 0
    assert made.card.files["model-int8.tflite"] == artifact.sha256(made.folder / "model-int8.tflite")
    assert [evaluation.data for evaluation in made.card.int8.evaluations] == [e.data for e in made.card.evaluations]


def test_activation_maps_are_those_of_automatic_differentiation(made, run):
    import tensorflow as tf

    head = mobilenet.segment(run[0].model, mobilenet.BASE_LAYERS, len(run[0].model.layers) - 1)
    _, features = Classifier(made).run(scale(patients().pixels[1, 1]))
    ours = made.head.activation(features)
    for label in range(3):
        watched = tf.constant(features[np.newaxis])
        with tf.GradientTape() as tape:
            tape.watch(watched)
            logit = head(watched, training=False)[0, label]
        weights = tape.gradient(logit, watched).numpy()[0].mean(axis=(0, 1))
        theirs = np.maximum(features @ weights, 0)
        assert np.allclose(ours[..., label], theirs / (theirs.max() or 1), atol=1e-4)


def test_maps_come_from_the_weights_and_not_from_the_picture(made):
    """Sanity check by randomised weights (Adebayo et al., NeurIPS 2018): another head shows other places."""
    rng = np.random.default_rng(9)
    features = np.maximum(rng.normal(size=(7, 7, 1024)), 0).astype(np.float32)
    kernels, biases = made.head.kernels, made.head.biases
    other = type(made.head)(kernels=tuple(rng.permutation(k.ravel()).reshape(k.shape) for k in kernels), biases=biases)
    ours, theirs = made.head.activation(features), other.activation(features)
    alike = [np.corrcoef(ours[..., k].ravel(), theirs[..., k].ravel())[0, 1] for k in range(3)]
    assert np.nanmean(np.abs(alike)) < 0.5


def test_an_artifact_is_not_written_over_another(made, run, short):
    with pytest.raises(PerfuscopeError, match="is not empty"):
        export.export(run[0], short, data=patients(), held_out=None, out=made.folder, say=lambda line: None)


def test_held_out_patients_may_not_have_trained():
    with pytest.raises(PerfuscopeError, match="6 patients are in the training data and in the held-out data"):
        artifact_folder.check_apart(patients(), patients())
    artifact_folder.check_apart(patients(), patients("OTHER"))


def command(*arguments):
    app = typer.Typer()
    app.command()(train_command.train)
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_without_the_training_extra_one_sentence_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setattr(train_command, "find_spec", lambda name: None)
    result = command("simulated", "--data", tmp_path, "--out", tmp_path / "out")
    assert result.exit_code == 2
    assert result.stderr == 'Training needs TensorFlow: pip install "perfuscope[training]".\n'


def test_missing_weights_and_missing_data_are_one_sentence(tmp_path):
    arguments = ("simulated", "--data", tmp_path, "--out", tmp_path / "out", "--weights")
    for weights, sentence in (("nowhere.h5", "nowhere.h5 is not there"), ("none", "has no manifest.json")):
        result = command(*arguments, weights)
        assert result.exit_code == 2
        assert sentence in result.stderr
        assert result.stderr.count("\n") == 1
