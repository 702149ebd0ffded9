"""Novelty: what a model never saw gets no result, what it knows gets one. Lookalike crops and a stub network."""

import json
import shutil

import lookalikes
import numpy as np
import pytest
import strangers
import typer
from PIL import Image
from scipy.stats import norm
from typer.testing import CliRunner

from cli.predict import predict
from core.errors import PerfuscopeError
from core.types import REQUIRED_VIEWS, Novelty, Reason, Status, View
from models import artifact, networks, novelty
from models import card as cards
from models.card import NoveltyLimits
from models.classifier import Classifier
from models.crop import CropInput, pixels_of
from models.network import Seen, SeenView
from training import novelty as fitting
from training.phantom.cohort import simulate

TRAIN, VALIDATION = 60, 60


class StubNetwork:
    """Features are rectified random projections of what is seen at 14 x 14 places; logits are always the same."""

    reads_maps = False

    def __init__(self):
        self.kernel = np.random.default_rng(30).normal(size=(16 * 16 * 3, 1024)).astype(np.float32)

    def study(self, pixels, maps):
        views = tuple(self.view(view, pixels, maps) for view in REQUIRED_VIEWS)
        return Seen(views[0].logits, views)

    def view(self, view, pixels, _maps):
        seen = novelty.thumbnails(pixels[REQUIRED_VIEWS.index(view)][np.newaxis])[0] - 0.5
        logits = np.array([2, 0, -2], dtype=np.float32)
        return SeenView(logits, np.zeros((7, 7, 3), np.float32), np.maximum(seen @ self.kernel, 0))


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    """The shipped network's artifact with what is usual of lookalikes, to the stub, beside it."""
    folder = tmp_path_factory.mktemp("artifacts") / "watchful"
    shutil.copytree(artifact.find("mobilenet-sim-1"), folder)
    rng = np.random.default_rng(31)
    pixels = np.stack([pixels_of(lookalikes.patient(rng)) for _ in range(TRAIN + VALIDATION)])
    looked = fitting.look(StubNetwork(), pixels, None)
    detector = fitting.fit(looked.take(slice(TRAIN)), looked.take(slice(TRAIN, None)))
    novelty.save(detector, folder / artifact.NOVELTY)
    card = cards.read(folder / artifact.CARD)
    limits = fitting.limits_of(detector, validation_patients=VALIDATION)
    files = dict(card.files) | {artifact.NOVELTY: artifact.sha256(folder / artifact.NOVELTY)}
    changes = {"schema_version": 2, "name": "watchful", "novelty": limits, "files": files}
    cards.write(card.model_copy(update=changes), folder / artifact.CARD)
    return folder, detector, looked


@pytest.fixture(scope="module")
def classifier(fitted):
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(networks, "load", lambda _artifact, threads: StubNetwork())
        return Classifier(artifact.load(fitted[0]))


def study_of(pixels):
    return {view: CropInput(pixels, None) for view in REQUIRED_VIEWS}


def test_patients_like_those_of_the_training_get_a_result(classifier):
    rng = np.random.default_rng(32)
    said = [classifier.predict(lookalikes.patient(rng)) for _ in range(20)]
    refused = sum(prediction.status is Status.REFUSED for prediction in said)
    assert refused <= 2, "limits from 60 patients are coarse; the evidence has the share for a whole model"
    assert all(prediction.novelty.ratio > 0 for prediction in said)


@pytest.mark.parametrize("kind", strangers.KINDS)
def test_what_is_no_mpi_screen_is_refused_though_no_layout_looked_at_it(classifier, kind):
    rng = np.random.default_rng(33)
    for _ in range(2):
        pixels = strangers.KINDS[kind](rng, 448)
        said = classifier.predict(study_of(pixels))
        assert said.status is Status.REFUSED, said.novelty
        alone = classifier.view(View.QPS, CropInput(pixels, None))
        assert alone.novelty.refused, alone.novelty


@pytest.mark.parametrize("turn", [strangers.mirrored, strangers.upside_down])
def test_a_mirrored_or_upside_down_screen_is_refused_though_no_layout_looked_at_it(classifier, turn):
    rng = np.random.default_rng(34)
    crops = lookalikes.patient(rng)
    turned = {view: CropInput(turn(crop.pixels), crop.maps) for view, crop in crops.items()}
    assert classifier.predict(turned).status is Status.REFUSED


def test_views_that_changed_places_are_refused(classifier):
    crops = lookalikes.patient(np.random.default_rng(35))
    moved = {View.QPS: crops[View.STRESS_QGS], View.STRESS_QGS: crops[View.REST_QGS], View.REST_QGS: crops[View.QPS]}
    assert classifier.predict(moved).status is Status.REFUSED


def test_the_detector_is_written_the_same_each_time_and_scores_the_same_when_read(fitted, tmp_path):
    _, detector, looked = fitted
    for name in ("a.npz", "b.npz"):
        novelty.save(detector, tmp_path / name)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    read = novelty.load(tmp_path / "a.npz")
    assert np.allclose(
        fitting.study_scores(read.views.values(), looked), fitting.study_scores(detector.views.values(), looked)
    )
    assert read.study_limit == pytest.approx(detector.study_limit)


def test_an_artifact_with_a_detector_travels_whole_and_has_an_identity_of_its_own(fitted, tmp_path):
    folder = fitted[0]
    copy = artifact.unpack(artifact.pack(folder), tmp_path / "copy")
    assert artifact.load(copy).novelty is not None
    assert artifact.load(copy).identity.sha256 != artifact.load(artifact.find("mobilenet-sim-1")).identity.sha256
    (copy / artifact.NOVELTY).unlink()
    with pytest.raises(PerfuscopeError, match=r"novelty\.npz is missing"):
        artifact.load(copy)


def test_ninety_nine_of_a_hundred_validation_patients_pass(fitted):
    _, detector, looked = fitted
    scores = fitting.study_scores(detector.views.values(), looked.take(slice(TRAIN, None)))
    assert (scores > detector.study_limit).sum() <= 1


def test_with_a_handful_of_patients_nothing_is_fitted(fitted):
    few = fitted[2].take(slice(5))
    with pytest.raises(PerfuscopeError, match="needs 15 training and 15 validation patients"):
        fitting.fit(few, few)


def test_a_score_that_is_no_number_is_refused():
    assert Novelty(float("nan"), 1.0).refused
    assert not Novelty(1.0, 1.0).refused


def run_predict(*arguments):
    app = typer.Typer()
    app.command()(predict)
    result = CliRunner(env={"COLUMNS": "100"}).invoke(app, [str(a) for a in arguments] + ["--format", "json"])
    return result.exit_code, json.loads(result.stdout)


def test_predict_gives_known_screens_of_unknown_looks_no_result(fitted, tmp_path):
    """The simulator's screens are recognised, but this model's idea of usual comes from lookalikes."""
    files = []
    for view, pixels in simulate(41, 0, layout="qps-qgs-1280").screens.items():
        files.append(tmp_path / f"{view.value}.png")
        Image.fromarray(pixels).save(files[-1], compress_level=1)
    code, items = run_predict(*files, "--model", fitted[0])
    assert code == 1
    assert [item["reason"] for item in items] == [Reason.NOVEL] * 4
    assert not any(item["label"] or item["probabilities"] for item in items)
    assert items[-1]["status"] == Status.REFUSED
    assert items[-1]["detail"].endswith("times the limit")
    code, items = run_predict(files[0], "--model", fitted[0])
    assert (code, items[0]["reason"], items[0]["label"]) == (1, Reason.NOVEL, None)


def test_predict_refuses_turned_screens_and_strangers_from_end_to_end(tmp_path):
    rng, files = np.random.default_rng(36), []
    qps = simulate(41, 0, layout="qps-qgs-1280").screens[View.QPS]
    pictures = {name: draw(rng, 1280)[:1024] for name, draw in strangers.KINDS.items()}
    pictures |= {"mirrored": strangers.mirrored(qps), "upside down": strangers.upside_down(qps)}
    for name, pixels in pictures.items():
        (tmp_path / name).mkdir()
        files.append(tmp_path / name / "screen.png")
        Image.fromarray(pixels).save(files[-1], compress_level=1)
    code, items = run_predict(*files)
    assert code == 1
    assert len(items) == len(pictures)
    assert not any(item["label"] or item["probabilities"] for item in items)


def test_the_card_keeps_the_limits(fitted):
    card = artifact.load(fitted[0]).card
    assert isinstance(card.novelty, NoveltyLimits)
    assert card.novelty.study == pytest.approx(fitted[1].study_limit)
    assert card.novelty.quantile == fitting.QUANTILE


def test_a_limit_holds_for_further_patients_however_few_were_seen():
    rng, spread = np.random.default_rng(33), 0.3
    for seen in (15, 144):
        limits = np.array([fitting._limit(rng.lognormal(0, spread, seen)) for _ in range(300)])
        refused = norm.sf(np.log(limits) / spread)
        assert (refused <= 1 - fitting.QUANTILE).mean() > 0.9
