"""The figures of a finished model on labelled patients, with LiteRT only: what its card keeps."""

import numpy as np
from numpy.typing import NDArray

from core.types import LABELS, REQUIRED_VIEWS
from models.card import Card, TpdRule
from models.classifier import Classifier
from models.figures import Baseline, Evaluation, Figures, Proportion
from models.preprocess import scale
from training.datasets import Dataset, Progress
from training.evaluation.answers import Answers
from training.evaluation.baselines import best_rule, tpd_answers


def judge(classifier: Classifier, data: Dataset, *, progress: Progress | None = None) -> Answers:
    """The model's calibrated probabilities for every patient and view of ``data``, whichever kind of model it is."""
    study = np.empty((len(data.patients), len(LABELS)))
    views = np.empty((len(data.patients), len(REQUIRED_VIEWS), len(LABELS)))
    for i, (pixels, maps) in enumerate(zip(data.pixels, data.maps, strict=True)):
        said = classifier.judge(pixels, maps)
        study[i] = [said.probabilities[label] for label in LABELS]
        views[i] = [[said.views[view].probabilities[label] for label in LABELS] for view in REQUIRED_VIEWS]
        if progress:
            progress(i + 1, len(data.patients))
    return Answers.once(classifier.card.name, study, views=views)


def evaluate(
    classifier: Classifier,
    data: Dataset,
    *,
    name: str,
    progress: Progress | None = None,
) -> Evaluation:
    """The model's figures on ``data``, called ``name``, as a card keeps them."""
    return figures(judge(classifier, data, progress=progress), data, name=name, card=classifier.card)


def figures(answers: Answers, data: Dataset, *, name: str, card: Card) -> Evaluation:
    """The figures of answers that are there, beside the card's baselines."""
    study = answers.study[0]
    accepted = study.max(axis=1) >= card.review_below
    right = study.argmax(axis=1) == data.labels
    views = {} if answers.views is None else dict(zip(REQUIRED_VIEWS, answers.views[0].swapaxes(0, 1), strict=True))
    return Evaluation(
        data=name,
        source=data.source,
        truth_sha256=data.truth_sha256,
        patients=len(data.patients),
        study=Figures.of_probabilities(data.labels, study),
        views={view: Figures.of_probabilities(data.labels, given) for view, given in views.items()},
        needs_review=Proportion.of(int((~accepted).sum()), len(accepted)),
        accuracy_of_accepted=Proportion.of(int((right & accepted).sum()), int(accepted.sum())),
        baselines=baselines(data, rule=card.tpd_rule),
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
    found = Figures.of_answers(data.labels, tpd_answers(data.tpd, rule), abnormality=data.tpd[:, 0])
    return always, Baseline(name=name, figures=found)


def fit_tpd_rule(data: Dataset) -> TpdRule | None:
    """The two thresholds with the best balanced accuracy on ``data``; None where no deficits are known."""
    known = data.original()  # what was made here has no measured deficit
    return None if known.tpd is None else best_rule(known.tpd, known.labels)
