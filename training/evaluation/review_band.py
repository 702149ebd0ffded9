"""Below which confidence a study needs review, chosen from the risk-coverage curve.

Confidence is the highest probability of a study; coverage the share of studies that are as sure or surer; risk the
share of wrong ones among these (El-Yaniv and Wiener, JMLR 2010).
"""

import numpy as np
from numpy.typing import NDArray

from models.figures import Proportion, Record
from training.evaluation.answers import Answers, Floats

LEAST_ACCEPTED = 20
"""A risk counted on fewer studies decides nothing."""


class RiskPoint(Record):
    """What is accepted from one confidence on."""

    confidence: float
    coverage: float
    risk: float


class Band(Record):
    """The confidence below which a study needs review, and what that means for the studies it was chosen on."""

    review_below: float
    target: float
    met: bool
    """False: no confidence keeps the risk at the target; then every study needs review."""
    accepted: Proportion
    wrong_among_accepted: Proportion


def curve(truth: NDArray[np.intp], answers: Answers) -> tuple[RiskPoint, ...]:
    """A point for each distinct confidence, the surest first; the answers of all repeats together."""
    confidence, wrong = _sorted(truth, answers)
    last = np.flatnonzero(np.r_[np.diff(confidence) < 0, True])
    risks = np.cumsum(wrong)[last] / (last + 1)
    return tuple(
        RiskPoint(
            confidence=round(float(c), 4), coverage=round(float((i + 1) / len(wrong)), 4), risk=round(float(r), 4)
        )
        for c, i, r in zip(confidence[last], last, risks, strict=True)
    )


def area(points: tuple[RiskPoint, ...]) -> float:
    """The mean risk over coverage: the lower, the better the confidence tells right answers from wrong ones."""
    shares = np.diff([0.0, *(point.coverage for point in points)])
    return round(float(np.sum(shares * [point.risk for point in points])), 4)


def choose(truth: NDArray[np.intp], answers: Answers, *, target: float = 0.10, least: int = LEAST_ACCEPTED) -> Band:
    """The lowest confidence whose accepted studies are wrong at most in ``target``, on studies that did not train.

    Of all confidences that leave at least ``least`` studies, the one that reviews the fewest. If none keeps the
    target, everything needs review, and ``met`` says so.
    """
    confidence, wrong = _sorted(truth, answers)
    last = np.flatnonzero(np.r_[np.diff(confidence) < 0, True])
    risks = np.cumsum(wrong)[last] / (last + 1)
    fit = last[(risks <= target) & (last + 1 >= least * answers.repeats)]
    if not len(fit):
        return _band(1.0, 0, wrong, target=target, repeats=answers.repeats)
    place = int(fit.max())
    below = float(confidence[place + 1]) if place + 1 < len(confidence) else 0.0
    threshold = _between(below, float(confidence[place]))
    return _band(threshold, place + 1, wrong, target=target, repeats=answers.repeats)


def at(truth: NDArray[np.intp], answers: Answers, *, review_below: float, target: float = 0.10) -> Band:
    """What a given threshold means for these studies."""
    confidence, wrong = _sorted(truth, answers)
    accepted = int((confidence >= review_below).sum())
    return _band(review_below, accepted, wrong, target=target, repeats=answers.repeats)


def _band(threshold: float, accepted: int, wrong: Floats, *, target: float, repeats: int) -> Band:
    mistakes = int(wrong[:accepted].sum())
    kept = round(accepted / repeats)
    return Band(
        review_below=threshold,
        target=target,
        met=accepted > 0 and mistakes <= target * accepted,
        accepted=Proportion.of(kept, round(len(wrong) / repeats)),
        wrong_among_accepted=Proportion.of(min(kept, round(mistakes / repeats)), kept),
    )


def _sorted(truth: NDArray[np.intp], answers: Answers) -> tuple[Floats, Floats]:
    confidence = answers.study.max(axis=-1).ravel()
    wrong = (answers.labels != truth).ravel().astype(np.float64)
    order = np.argsort(-confidence, kind="stable")
    return confidence[order], wrong[order]


def _between(below: float, highest: float) -> float:
    """A short number above ``below``, at most ``highest``: the middle, rounded where that still lies between."""
    middle = (below + highest) / 2
    short = round(middle, 3)
    return short if below < short <= highest else middle
