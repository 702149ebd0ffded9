"""The classifier: three views in, one study out, the same each time, with maps that are the true gradient."""

import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import typer
from PIL import Image
from typer.testing import CliRunner

from cli.predict import predict
from core.errors import Rejected
from core.types import LABELS, REQUIRED_VIEWS, Reason, Status, View
from models import artifact, explain
from models.classifier import Classifier, softmax, study_probabilities, view_probabilities
from models.crop import CropInput
from models.preprocess import to_tensor


@pytest.fixture(scope="module")
def shipped():
    """One image, one decision: of the models that come with Perfuscope the older one."""
    return artifact.load(artifact.find("mobilenet-sim-1"))


@pytest.fixture(scope="module")
def classifier(shipped):
    return Classifier(shipped)


@pytest.fixture(scope="module")
def crops():
    rng = np.random.default_rng(4)
    pixels = {view: rng.integers(0, 256, (580, 580, 3), dtype=np.uint8) for view in REQUIRED_VIEWS}
    return {view: CropInput(crop, None) for view, crop in pixels.items()}


def test_a_study_is_the_softmax_of_the_mean_of_its_views_logits(classifier, crops):
    study = classifier.predict(crops)
    logits = np.array([study.views[view].logits for view in REQUIRED_VIEWS])
    expected = softmax(logits.mean(axis=0))
    assert np.allclose([study.probabilities[label] for label in LABELS], expected, atol=1e-6)
    assert study.label == LABELS[int(expected.argmax())]
    assert set(study.views) == set(REQUIRED_VIEWS)
    assert study.latency_ms > 0


def test_a_views_probabilities_sum_to_one_and_come_from_its_logits(classifier, crops):
    seen = classifier.view(View.QPS, crops[View.QPS])
    values = [seen.probabilities[label] for label in LABELS]
    assert sum(values) == pytest.approx(1)
    assert np.allclose(values, view_probabilities(np.array(seen.logits), classifier.card))


def test_the_same_crops_give_the_same_numbers(shipped, classifier, crops):
    first, again = classifier.predict(crops), classifier.predict(crops)
    assert first.probabilities == again.probabilities
    other = Classifier(shipped, threads=2).predict(crops)
    assert np.allclose(list(other.probabilities.as_dict().values()), list(first.probabilities.as_dict().values()))


@pytest.mark.parametrize("missing", REQUIRED_VIEWS)
def test_without_a_view_there_is_no_result_and_the_view_is_named(classifier, crops, missing):
    with pytest.raises(Rejected, match=f"incomplete: without {missing.value}") as caught:
        classifier.predict({view: crop for view, crop in crops.items() if view != missing})
    assert caught.value.reason == Reason.INCOMPLETE


@pytest.mark.parametrize(("threshold", "status"), [(0.0, Status.ACCEPTED), (1.0, Status.NEEDS_REVIEW)])
def test_what_is_not_probable_enough_needs_review(shipped, crops, threshold, status):
    card = shipped.card.model_copy(update={"review_below": threshold})
    assert Classifier(replace(shipped, card=card)).predict(crops).status == status


def test_activation_maps_are_small_maps_from_zero_to_one(classifier, crops):
    activation = classifier.view(View.REST_QGS, crops[View.REST_QGS]).activation
    assert activation.shape == (7, 7, 3)
    assert activation.dtype == np.float32
    assert activation.min() >= 0
    assert all(peak in {0, 1} for peak in activation.max(axis=(0, 1)))


def test_the_heads_weights_are_those_of_the_network(shipped, classifier, crops):
    for crop in crops.values():
        logits, features = classifier.run(to_tensor(crop.pixels))
        assert np.allclose(shipped.head.logits(features), logits, atol=1e-4)


def small_head(rng):
    kernels = [rng.normal(size=shape).astype(np.float32) for shape in ((1024, 128), (128, 256), (256, 3))]
    biases = [rng.normal(size=size).astype(np.float32) for size in (128, 256, 3)]
    return explain.Head(kernels=tuple(kernels), biases=tuple(biases))


def test_the_maps_weights_are_the_gradient_of_the_logits():
    rng = np.random.default_rng(5)
    head = small_head(rng)
    features = rng.random((7, 7, 1024)).astype(np.float32)
    direction = rng.normal(size=(7, 7, 1024)).astype(np.float32)
    step = 1e-3
    measured = (head.logits(features + step * direction) - head.logits(features - step * direction)) / (2 * step)
    expected = np.einsum("ijk,ck->c", direction, head._gradients(features))
    assert np.allclose(measured, expected, rtol=0.02, atol=0.05 * np.abs(expected).max())


def test_a_head_is_written_the_same_each_time_and_read_back(tmp_path):
    head = small_head(np.random.default_rng(6))
    explain.save(head, tmp_path / "a.npz")
    explain.save(head, tmp_path / "b.npz")
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    read = explain.load(tmp_path / "a.npz")
    assert all((x == y).all() for x, y in zip(read.kernels + read.biases, head.kernels + head.biases, strict=True))


def test_studies_are_calibrated_many_at_a_time(shipped):
    logits = np.random.default_rng(7).normal(size=(5, 3, 3)).astype(np.float32)
    together = study_probabilities(logits)
    assert together.shape == (5, 3)
    assert np.allclose(together[2], study_probabilities(logits[2]))


def test_softmax_does_not_overflow():
    assert np.allclose(softmax(np.array([1e4, 0.0, -1e4])), [1, 0, 0])


def test_loading_prints_nothing(shipped, capfd):
    Classifier(shipped)
    assert capfd.readouterr() == ("", "")


def test_serving_loads_no_tensorflow_and_importing_loads_no_native_runtime():
    script = (
        "import sys, numpy as np\n"
        "from models import artifact, classifier, explain, mobilenet\n"
        "assert not {'ai_edge_litert', 'tensorflow', 'keras'} & set(sys.modules)\n"
        "model = classifier.Classifier(artifact.load(artifact.find('mobilenet-sim-1')))\n"
        "model.run(np.zeros((224, 224, 3), np.float32))\n"
        "assert not {'tensorflow', 'keras'} & set(sys.modules)\n"
    )
    arguments = [sys.executable, "-W", "error", "-c", script]
    done = subprocess.run(arguments, check=False, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")


def run_predict(*arguments):
    app = typer.Typer()
    app.command()(predict)
    return CliRunner(env={"COLUMNS": "100"}).invoke(app, [str(argument) for argument in arguments])


def test_an_unknown_picture_is_refused_with_its_reason(tmp_path):
    photo = tmp_path / "photo.png"
    Image.new("RGB", (640, 480), "red").save(photo)
    result = run_predict(photo, "--format", "json")
    (item,) = json.loads(result.stdout)
    assert result.exit_code == 1
    assert item["reason"] == Reason.WRONG_SIZE
    assert item["label"] is None
    assert item["probabilities"] is None


def test_what_is_no_image_is_refused_and_a_missing_file_is_one_sentence(tmp_path):
    text = tmp_path / "notes.png"
    text.write_text("no image")
    result = run_predict(text, "--format", "json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)[0]["reason"] == Reason.UNDECODABLE
    result = run_predict(tmp_path / "nothing.dcm")
    assert result.exit_code == 2
    assert result.stderr.count("\n") == 1
    assert "is not a file" in result.stderr


def test_a_damaged_png_is_refused(tmp_path):
    path = tmp_path / "half.png"
    Image.effect_noise((1280, 1024), 50).convert("RGB").save(path)
    path.write_bytes(path.read_bytes()[:5000])
    result = run_predict(path, "--format", "json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)[0]["reason"] == Reason.UNDECODABLE
