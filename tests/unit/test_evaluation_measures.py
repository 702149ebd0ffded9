"""Measures, intervals and tests of pairs: the same numbers as scikit-learn's and as published ones."""

import numpy as np
import pytest
from sklearn import metrics

from core.types import LABELS
from training.evaluation import bootstrap, pairs, review_band
from training.evaluation.answers import Answers
from training.evaluation.calibration import calibrate, cross_fitted, temperature
from training.evaluation.levels import level
from training.evaluation.measures import measure, weighted_auc


def told(n=90, seed=1, *, skill=1.0, images=False):
    """True labels and answers of some skill, with views where images are wanted."""
    rng = np.random.default_rng(seed)
    truth = rng.permutation(np.arange(n) % 3)
    logits = skill * np.eye(3)[truth][:, None] + rng.normal(0, 1, (n, 3, 3))
    p = np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)
    return truth, Answers.once("told", p.mean(axis=1), views=p if images else None)


def test_measures_are_scikit_learns():
    truth, answers = told()
    found = {name: values[0] for name, values in measure(truth, answers, np.ones((1, 90))).items()}
    given, p = answers.labels[0], answers.study[0]
    assert found["balanced_accuracy"] == pytest.approx(metrics.balanced_accuracy_score(truth, given))
    assert found["macro_f1"] == pytest.approx(metrics.f1_score(truth, given, average="macro"))
    assert found["accuracy"] == pytest.approx(metrics.accuracy_score(truth, given))
    assert found["auc"] == pytest.approx(metrics.roc_auc_score(truth > 0, 1 - p[:, 0]))
    assert found["auc_ischemia"] == pytest.approx(metrics.roc_auc_score(truth == 1, p[:, 1]))
    assert found["nll"] == pytest.approx(metrics.log_loss(truth, p))
    assert found["brier"] == pytest.approx(((p - np.eye(3)[truth]) ** 2).sum(axis=1).mean())


def test_weights_count_like_copies():
    truth, answers = told(30)
    weights = np.random.default_rng(4).integers(0, 4, 30)
    copies = Answers.once("copies", np.repeat(answers.study[0], weights, axis=0))
    once = measure(np.repeat(truth, weights), copies, np.ones((1, weights.sum())))
    weighed = measure(truth, answers, weights[np.newaxis].astype(float))
    assert {k: pytest.approx(v[0]) for k, v in once.items()} == {k: v[0] for k, v in weighed.items()}


def test_ties_count_half_in_a_weighted_auc():
    scores, positive = np.array([1.0, 1, 2, 0]), np.array([True, False, True, False])
    assert weighted_auc(scores, positive, np.ones((1, 4)))[0] == 0.875


def test_draws_keep_labels_are_seeded_and_take_images_along():
    truth, answers = told(60, images=True)
    drawn = bootstrap.draws(truth, count=200)
    assert (drawn == bootstrap.draws(truth, count=200)).all()
    assert (drawn[:, truth == 2].sum(axis=1) == (truth == 2).sum()).all()
    clustered = bootstrap.estimates(truth, answers.images(), drawn)["accuracy"]
    copied = Answers.once("copied", np.repeat(answers.study[0], 3, axis=0))
    same = bootstrap.estimates(truth, copied, drawn)["accuracy"]
    single = bootstrap.estimates(truth, answers, drawn)["accuracy"]
    assert same == single  # three copies of a patient are one patient
    assert clustered.low < clustered.value < clustered.high


def test_an_interval_is_about_as_wide_as_theory_says():
    truth = np.repeat([0, 1], 200)
    p = np.zeros((400, 3))
    given = np.where(np.arange(400) % 4 == 0, 1 - truth, truth)
    p[np.arange(400), given] = 1
    found = bootstrap.estimates(truth, Answers.once("three of four", p), bootstrap.draws(truth))["accuracy"]
    assert found.value == 0.75
    assert found.high - found.low == pytest.approx(2 * 1.96 * np.sqrt(0.75 * 0.25 / 400), rel=0.1)


def test_repeats_are_averaged_not_added():
    truth, answers = told(60)
    twice = Answers("twice", np.repeat(answers.study, 2, axis=0))
    drawn = bootstrap.draws(truth, count=300)
    once, repeated = level(truth, answers, drawn), level(truth, twice, drawn)
    assert repeated.scores == once.scores
    assert repeated.labels == once.labels
    assert np.sum(repeated.confusion) == 2 * np.sum(once.confusion)


def test_a_level_holds_scikit_learns_report_matrix_and_curves():
    truth, answers = told(images=True)
    found = level(truth, answers, bootstrap.draws(truth, count=50))
    names = [label.value for label in LABELS]
    given = answers.labels[0]
    assert found.classification_report == metrics.classification_report(truth, given, target_names=names, digits=3)
    assert np.array_equal(found.confusion, metrics.confusion_matrix(truth, given))
    assert found.roc[0].area == pytest.approx(found.scores.auc.value, abs=1e-4)
    precision, recall, f1, _ = metrics.precision_recall_fscore_support(truth, given)
    assert [row.precision.value for row in found.labels] == pytest.approx(precision, abs=1e-4)
    assert [row.recall.value for row in found.labels] == pytest.approx(recall, abs=1e-4)
    assert [row.f1 for row in found.labels] == pytest.approx(f1, abs=1e-4)
    assert sum(part.right.n for part in found.reliability) == len(truth)
    assert sum(part.right.hits for part in found.reliability) == found.scores.accuracy.hits


def test_mcnemars_test_is_exact():
    one = np.array([True] * 10 + [False] * 2 + [True] * 20)
    other = np.array([False] * 10 + [True] * 2 + [True] * 20)
    # twice the chance of at most 2 heads of 12
    assert pairs.mcnemar(one, other) == pytest.approx(2 * (1 + 12 + 66) / 2**12, abs=1e-5)


def test_delongs_test_agrees_with_the_bootstrap_and_is_fair_to_a_model_and_itself():
    truth, good = told(150, 2, skill=1.5)
    _, bad = told(150, 2, skill=0.0)
    weak = Answers.once("weak", 0.5 * good.study[0] + 0.5 * np.random.default_rng(3).permutation(bad.study[0]))
    found = pairs.compare(truth, good, weak)
    assert (found.auc.low > 0) == (found.delong_p < 0.05)
    itself = pairs.compare(truth, good, good)
    assert itself.auc.value == itself.auc.low == itself.auc.high == 0
    assert itself.delong_p == itself.mcnemar_p == 1


def test_delongs_variance_is_that_of_independent_scores():
    # Two independent scores on 3 positives and 3 negatives, placements counted by hand.
    positive = np.array([True, True, True, False, False, False])
    one, other = np.array([3.0, 2, 1, 2.5, 0, 0]), np.array([1.0, 5, 2, 0, 3, 4])
    ups = np.array([[1, 2 / 3, 2 / 3], [1 / 3, 1, 1 / 3]])
    downs = np.array([[1 / 3, 1, 1], [1, 1 / 3, 1 / 3]])
    difference = ups[0].mean() - ups[1].mean()
    joint = np.cov(ups) / 3 + np.cov(downs) / 3
    z = difference / np.sqrt(joint[0, 0] + joint[1, 1] - 2 * joint[0, 1])
    from scipy.stats import norm

    assert pairs.delong(one, other, positive) == pytest.approx(2 * norm.sf(abs(z)), abs=1e-4)


def test_the_review_band_reviews_as_few_as_the_risk_allows():
    truth = np.zeros(100, dtype=np.intp)
    sure = np.linspace(0.99, 0.40, 100)
    p = np.stack([sure, 1 - sure - 0.005, np.full(100, 0.005)], axis=1)
    p[60:80] = p[60:80][:, [1, 0, 2]]  # what is called ischemia with little confidence is wrong
    answers = Answers.once("told", p)
    band = review_band.choose(truth, answers, target=0.05)
    assert band.met
    again = review_band.at(truth, answers, review_below=band.review_below, target=0.05)
    assert again == band
    assert band.wrong_among_accepted.value <= 0.05
    accepted = np.sort(p.max(axis=1))[::-1] >= band.review_below
    wider = review_band.at(truth, answers, review_below=float(np.sort(p.max(axis=1))[::-1][accepted.sum()]))
    assert wider.wrong_among_accepted.value > 0.05


def test_where_no_confidence_keeps_the_risk_everything_needs_review():
    truth, answers = told(60, skill=0.0)
    band = review_band.choose(truth, answers, target=0.01)
    assert not band.met
    assert (band.review_below, band.accepted.hits) == (1.0, 0)


def test_the_curve_ends_at_the_error_of_all():
    truth, answers = told()
    last = review_band.curve(truth, answers)[-1]
    assert last.coverage == 1
    assert last.risk == pytest.approx(1 - metrics.accuracy_score(truth, answers.labels[0]), abs=1e-4)


def test_a_temperature_undoes_what_made_logits_too_sure():
    rng = np.random.default_rng(5)
    logits = rng.normal(0, 1.5, (3000, 3))
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    truth = (p.cumsum(axis=1) > rng.random((3000, 1))).argmax(axis=1)
    assert temperature(logits * 2, truth) == pytest.approx(2, rel=0.1)
    assert calibrate(np.repeat(logits[:, None] * 2, 3, axis=1), truth).view_temperature == pytest.approx(1, abs=0.02)
    fold = np.arange(3000) % 2
    softened = cross_fitted(logits * 2, truth, fold)
    assert np.abs(softened - p).max() < 0.06
