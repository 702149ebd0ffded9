"""Figures: counted right, with honest intervals, beside baselines, and the same as the card's."""

import json

import numpy as np
import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from cli.evaluate import evaluate as command
from core.types import LABELS, Label, View
from models import artifact
from models.card import TpdRule
from models.classifier import Classifier
from models.figures import Figures, Proportion, auc
from training.datasets import Dataset
from training.evaluation.baselines import tpd_answers
from training.evaluation.model import baselines, evaluate, fit_tpd_rule
from training.phantom import cohort


def patients(labels, *, tpd=None, seed=1):
    """Patients whose crops are noise."""
    pixels = np.random.default_rng(seed).integers(0, 256, (len(labels), 3, 224, 224, 3), dtype=np.uint8)
    names = tuple(f"TEST-{i}" for i in range(len(labels)))
    return Dataset(names, np.array(labels, dtype=np.intp), pixels, tpd, {}, "0" * 64, "simulated")


@pytest.mark.parametrize(
    ("hits", "n", "low", "high"),
    [(62, 68, 0.82, 0.96), (13, 18, 0.49, 0.88), (0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0)],
)
def test_wilson_intervals_are_the_published_ones(hits, n, low, high):
    found = Proportion.of(hits, n)
    assert found.low == pytest.approx(low, abs=0.006)
    assert found.high == pytest.approx(high, abs=0.006)


@given(n=st.integers(1, 10_000), share=st.floats(0, 1))
def test_an_interval_holds_its_proportion_within_zero_and_one(n, share):
    found = Proportion.of(round(share * n), n)
    assert 0 <= found.low <= found.value <= found.high <= 1


def test_nothing_counted_says_nothing():
    assert Proportion.of(0, 0) == Proportion(hits=0, n=0, value=None, low=0, high=1)


def test_figures_are_counted_by_true_label():
    found = Figures.of_answers(np.array([0, 0, 1, 1, 2]), np.array([0, 1, 1, 1, 0]))
    assert found.confusion == ((1, 1, 0), (0, 2, 0), (1, 0, 0))
    assert found.accuracy.hits == 3
    assert found.recall[Label.ISCHEMIA].value == 1
    assert found.recall[Label.INFARCTION].value == 0
    assert found.balanced_accuracy == 0.5
    assert found.brier is None


def test_brier_and_likelihood_reward_the_right_certainty():
    truth = np.array([0, 1, 2])
    sure, unsure = Figures.of_probabilities(truth, np.eye(3)), Figures.of_probabilities(truth, np.full((3, 3), 1 / 3))
    assert (sure.brier, sure.nll, sure.auc_abnormal) == (0, 0, 1)
    assert unsure.brier == pytest.approx(2 / 3, abs=1e-4)
    assert unsure.nll == pytest.approx(np.log(3), abs=1e-4)
    assert unsure.auc_abnormal == 0.5


def test_auc_needs_both_kinds():
    assert auc(np.array([0.1, 0.9]), np.array([True, True])) is None
    assert auc(np.array([0.1, 0.9, 0.5]), np.array([False, True, False])) == 1


def test_the_rule_finds_thresholds_that_tell_the_labels_apart():
    rng = np.random.default_rng(3)
    tpd = np.concatenate([rng.normal(mean, 0.5, (30, 2)) for mean in ((2, 1), (15, 3), (20, 18))])
    data = patients(np.repeat([0, 1, 2], 30), tpd=tpd)
    rule = fit_tpd_rule(data)
    assert (tpd_answers(tpd, rule) == data.labels).mean() > 0.97
    assert fit_tpd_rule(patients([0, 1, 2])) is None


def test_baselines_stand_beside_the_network():
    tpd = np.array([[1.0, 1.0], [9.0, 2.0], [20.0, 18.0], [1.0, 0.0]])
    always, rule = baselines(patients([0, 1, 2, 0], tpd=tpd), rule=TpdRule(abnormal_above=5, infarction_above=8))
    assert always.name == "always normal"
    assert always.figures.accuracy.hits == 2
    assert rule.figures.accuracy.hits == 4
    assert rule.figures.auc_abnormal == 1
    assert len(baselines(patients([0, 1, 2, 0]), rule=None)) == 1


def test_an_evaluation_agrees_with_single_predictions():
    classifier = Classifier(artifact.load(artifact.find("mobilenet-sim-1")))
    data = patients([0, 1, 2])
    found = evaluate(classifier, data, name="noise")
    answers = [classifier.judge(views, None) for views in data.pixels]
    right = sum(answer.label == LABELS[label] for answer, label in zip(answers, data.labels, strict=True))
    assert found.study.accuracy.hits == right
    assert found.patients == 3
    assert set(found.views) == set(View)
    assert found.needs_review.hits == sum(answer.status == "needs_review" for answer in answers)


@pytest.fixture(scope="module")
def studies(tmp_path_factory):
    out = tmp_path_factory.mktemp("cohort")
    cohort.write_cohort(out, patients=2, seed=12, label=None, rle=True)
    return out


def run(*arguments):
    app = typer.Typer()
    app.command()(command)
    return CliRunner(env={"COLUMNS": "80"}).invoke(app, [str(argument) for argument in arguments])


def test_the_command_prints_one_json_array(studies):
    result = run("mobilenet-sim-1", "--data", studies, "--format", "json")
    assert result.exit_code == 0, result.stderr
    (item,) = json.loads(result.stdout)
    assert item["patients"] == 2
    assert item["source"] == "simulated"
    assert item["model"]["name"] == "mobilenet-sim-1"


def test_the_command_prints_tables_of_eighty_columns_that_say_simulated(studies):
    result = run("mobilenet-sim-1", "--data", studies)
    assert result.exit_code == 0, result.stderr
    assert "2 patients, simulated" in result.stdout
    assert "The card holds no figures for these patients." in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 80


def test_an_unknown_model_is_one_sentence(studies):
    result = run("nonesuch", "--data", studies)
    assert result.exit_code == 2
    assert result.stderr.count("\n") == 1
