"""Training: what must stay frozen stays, the same seed gives the same model, and the artifact is the network."""

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
from training import export, recipe
from training.dataset import Dataset
from training.fit import calibrate, fit, make_repeatable

pytestmark = pytest.mark.training

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
    """The shipped recipe with one epoch a stage, without downloaded weights."""
    full = recipe.read(SHIPPED)
    return full.model_copy(
        update={
            "weights": "none",
            "split": recipe.Split(train=0.5, validation=0.5, test=0),
            "stage_1": full.stage_1.model_copy(update={"epochs": 1, "batch": 4}),
            "stage_2": full.stage_2.model_copy(update={"epochs": 1, "batch": 4, "learning_rate": 1e-3}),
        }
    )


@pytest.fixture(scope="module")
def run(short):
    """A short run, what it said, and the network before it."""
    make_repeatable(short.seed)
    before = mobilenet.build(None).get_weights()
    lines = []
    return fit(patients(), short, say=lines.append), lines, before


@pytest.fixture(scope="module")
def made(run, short, tmp_path_factory):
    out = tmp_path_factory.mktemp("artifacts") / "short"
    held_out = patients("OTHER")
    return export.export(run[0], short, data=patients(), held_out=held_out, out=out, say=lambda line: None)


def test_layers_below_the_sixtieth_stay_as_they_were(run, short):
    fitted, _, before = run
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


def test_the_second_stage_trains_the_upper_layers_and_not_the_norms(short):
    model = mobilenet.build(None)
    assert {layer.name for layer in model.layers if layer.trainable and layer.weights} == set(mobilenet.DENSE)
    mobilenet.freeze(model, below=short.train_from_layer)
    trained = sum(int(np.prod(w.shape)) for w in model.trainable_weights)
    assert 2_000_000 < trained < 2_400_000
    data = patients()
    upper = mobilenet.segment(model, short.train_from_layer)
    moving = [w.numpy() for w in model.non_trainable_weights]
    inputs = mobilenet.segment(model, 0, short.train_from_layer).predict_on_batch(scale(data.pixels[:, 0]))
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
    assert sum(line.startswith("epoch") for line in lines) == 2
    assert lines[-1].startswith("validation loss")


def test_the_same_seed_trains_the_same_network(run, short):
    again = fit(patients(), short, say=lambda line: None)
    assert all((a == b).all() for a, b in zip(again.model.get_weights(), run[0].model.get_weights(), strict=True))


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
    assert card.parity.max_abs_difference < export.TOLERANCE
    (held_out,) = card.evaluations
    assert held_out.data.startswith("held out: perfuscope simulate")
    assert [baseline.name.split()[0] for baseline in held_out.baselines] == ["always", "stress"]
    assert card.architecture.base_weights == "random"
    assert {"keras", "ai-edge-litert"} <= card.libraries.keys()


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
        export.check_apart(patients(), patients())
    export.check_apart(patients(), patients("OTHER"))


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ('name = "mobilenet-sim-1"', r"recipe\.toml: name: "),
        ("train = 0.70", r"recipe\.toml: split: .*must add up to 1"),
        ("[stage_2]", r"is not a TOML file|stage_2"),
    ],
)
def test_a_wrong_recipe_says_what_is_wrong(tmp_path, change, named):
    text = SHIPPED.read_text(encoding="utf-8")
    assert change in text
    replaced = {"name": 'name = "a b"', "train": "train = 0.90", "[stag": "[other]"}[change[:5].rstrip(" =").strip()]
    (tmp_path / "recipe.toml").write_text(text.replace(change, replaced), encoding="utf-8")
    with pytest.raises(PerfuscopeError, match=named):
        recipe.read(tmp_path / "recipe.toml")


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
    for weights, sentence in (("nowhere.h5", "nowhere.h5 is not there"), ("none", "has no truth.csv")):
        result = command(*arguments, weights)
        assert result.exit_code == 2
        assert sentence in result.stderr
        assert result.stderr.count("\n") == 1
