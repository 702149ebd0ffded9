"""The figures of a model on labelled patients, with LiteRT only, and of the baselines beside it."""

import numpy as np
from numpy.typing import NDArray

from core.types import LABELS, REQUIRED_VIEWS
from models.card import TpdRule
from models.classifier import Classifier, study_probabilities, view_probabilities
from models.figures import Baseline, Evaluation, Figures, Proportion
from models.preprocess import scale
from training.datasets import Dataset, Progress


def evaluate(
    classifier: Classifier,
    data: Dataset,
    *,
    name: str,
    progress: Progress | None = None,
) -> Evaluation:
    """The model's figures on ``data``, called ``name``."""
    logits = run(classifier, data, progress=progress)
    study = study_probabilities(logits)
    views = view_probabilities(logits, classifier.card)
    accepted = study.max(axis=1) >= classifier.card.review_below
    right = study.argmax(axis=1) == data.labels
    return Evaluation(
        data=name,
        source=data.source,
        truth_sha256=data.truth_sha256,
        patients=len(data.patients),
        study=Figures.of_probabilities(data.labels, study),
        views={view: Figures.of_probabilities(data.labels, views[:, i]) for i, view in enumerate(REQUIRED_VIEWS)},
        needs_review=Proportion.of(int((~accepted).sum()), len(accepted)),
        accuracy_of_accepted=Proportion.of(int((right & accepted).sum()), int(accepted.sum())),
        baselines=baselines(data, rule=classifier.card.tpd_rule),
    )


def run(classifier: Classifier, data: Dataset, *, progress: Progress | None = None) -> NDArray[np.float32]:
    """The logits of every view of every patient, shape (n, 3 views, 3 labels)."""
    logits = np.empty((len(data.patients), len(REQUIRED_VIEWS), len(LABELS)), dtype=np.float32)
    for i, views in enumerate(data.pixels):
        for j, pixels in enumerate(views):
            logits[i, j], _ = classifier.run(scale(pixels))
        if progress:
            progress(i + 1, len(data.patients))
    return logits


def baselines(data: Dataset, *, rule: TpdRule | None) -> tuple[Baseline, ...]:
    """What the most frequent label alone scores, and where perfusion deficits are known, the two-threshold rule."""
    majority = np.full_like(data.labels, np.bincount(data.labels, minlength=len(LABELS)).argmax())
    name = f"always {LABELS[majority[0]].value}"
    always = Baseline(name=name, figures=Figures.of_answers(data.labels, majority))
    if rule is None or data.tpd is None:
        return (always,)
    name = f"stress TPD > {rule.abnormal_above:g} % abnormal, rest TPD > {rule.infarction_above:g} % infarction"
    figures = Figures.of_answers(data.labels, tpd_answers(data.tpd, rule), abnormality=data.tpd[:, 0])
    return always, Baseline(name=name, figures=figures)


def fit_tpd_rule(data: Dataset) -> TpdRule | None:
    """The two thresholds with the best balanced accuracy on ``data``; None where no deficits are known."""
    tpd = data.tpd
    if tpd is None:
        return None
    stress, rest = (np.unique(np.quantile(column, np.linspace(0, 1, 61)).round(2)) for column in tpd.T)
    rules = [TpdRule(abnormal_above=float(s), infarction_above=float(r)) for s in stress for r in rest]
    return max(rules, key=lambda rule: _balanced(data.labels, tpd_answers(tpd, rule)))


def tpd_answers(tpd: NDArray[np.float64], rule: TpdRule) -> NDArray[np.intp]:
    """The rule's label indices, shape (n,), for deficits at stress and at rest in percent, shape (n, 2)."""
    abnormal = np.where(tpd[:, 1] > rule.infarction_above, 2, 1)
    return np.where(tpd[:, 0] > rule.abnormal_above, abnormal, 0).astype(np.intp)


def _balanced(truth: NDArray[np.intp], answers: NDArray[np.intp]) -> float:
    return float(np.mean([(answers[truth == label] == label).mean() for label in np.unique(truth)]))
