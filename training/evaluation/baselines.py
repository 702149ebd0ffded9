"""What anybody could do without the network, on the same patients."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.types import LABELS
from models.card import TpdRule
from training.evaluation import ablation
from training.evaluation.answers import Answers, Cohort, Floats

Fold = tuple[NDArray[np.intp], NDArray[np.intp]]
"""Positions of the patients that a rule is fitted on, and of those it answers."""


@dataclass(frozen=True, slots=True, eq=False)
class Contender:
    """A baseline with its answers, or why there are none."""

    name: str
    what: str
    answers: Answers | None = None
    missing: str | None = None


def contenders(
    cohort: Cohort, *, rule: TpdRule | None, folds: tuple[tuple[Fold, ...], ...], prints: Floats | None = None
) -> tuple[Contender, ...]:
    """Every baseline; what is fitted is fitted in the same folds, a tuple of folds a repeat, and judged outside them.

    ``rule`` is a two-threshold rule that comes with the model; without one it is fitted, too. ``prints`` are what is
    printed on each patient's screens, shape (n, places), where whole screens are kept.
    """
    labels = cohort.labels
    majority = int(np.bincount(labels, minlength=len(LABELS)).argmax())
    always = Answers.of_labels(f"always {LABELS[majority].value}", np.full(len(labels), majority))
    numbers = ablation.printed_numbers(cohort.facts)
    crops = None if cohort.pixels is None else ablation.small(cohort.pixels)
    return (
        Contender(always.name, "the most frequent label, whatever the patient", always),
        _by_tpd(cohort, rule, folds),
        _learned("printed numbers", numbers, labels, folds=folds),
        _learned("text only", prints, labels, folds=folds),
        _learned("image only", crops, labels, folds=folds),
    )


_WHAT = {
    "printed numbers": "logistic regression on the numbers the workstation prints (TPD, summed scores, EF, volumes), "
    "no image",
    "text only": "logistic regression on the lettering of the whole screen, name box and maps blanked: "
    "what a network could read off the text",
    "image only": "logistic regression on the same crops at 28 x 28 pixels, no text, no network",
}
_OTHERWISE = {
    "printed numbers": "the data set names none of them",
    "text only": "no whole screens of one layout were read",
    "image only": "the data set keeps no crops",
}


def _by_tpd(cohort: Cohort, rule: TpdRule | None, folds: tuple[tuple[Fold, ...], ...]) -> Contender:
    tpd = cohort.tpd
    if tpd is None:
        return Contender("TPD rule", "two thresholds", missing="the data set names no TPD")
    if rule is not None:
        what = f"stress TPD > {rule.abnormal_above:g} % abnormal, rest TPD > {rule.infarction_above:g} % infarction"
        answers = Answers.of_labels("TPD rule", tpd_answers(tpd, rule), abnormality=tpd[:, 0])
        return Contender("TPD rule", f"{what}, fitted on the model's training patients", answers)
    if not folds:
        return Contender("TPD rule", "two thresholds", missing=_TOO_FEW)
    given = np.stack([_tpd_repeat(tpd, cohort.labels, repeat) for repeat in folds])
    score = np.repeat(tpd[np.newaxis, :, 0], len(folds), axis=0)
    answers = Answers.of_labels("TPD rule", given, abnormality=score)
    return Contender("TPD rule", "thresholds of stress and rest TPD, fitted outside each fold", answers)


_TOO_FEW = "too few patients of a label to fit it on others"


def _tpd_repeat(tpd: Floats, labels: NDArray[np.intp], repeat: tuple[Fold, ...]) -> NDArray[np.intp]:
    given = np.empty(len(labels), dtype=np.intp)
    for fit_on, answer in repeat:
        given[answer] = tpd_answers(tpd[answer], best_rule(tpd[fit_on], labels[fit_on]))
    return given


def _learned(
    name: str, inputs: Floats | None, labels: NDArray[np.intp], *, folds: tuple[tuple[Fold, ...], ...]
) -> Contender:
    if inputs is None or not folds:
        return Contender(name, _WHAT[name], missing=_OTHERWISE[name] if inputs is None else _TOO_FEW)
    answers = Answers(name, np.stack([ablation.out_of_fold(inputs, labels, repeat) for repeat in folds]))
    return Contender(name, f"{_WHAT[name]}; fitted outside each fold", answers)


def best_rule(tpd: Floats, labels: NDArray[np.intp]) -> TpdRule:
    """The two thresholds with the best balanced accuracy for deficits (n, 2) in percent and label indices (n,)."""
    stress, rest = (np.unique(np.quantile(column, np.linspace(0, 1, 61)).round(2)) for column in tpd.T)
    rules = [TpdRule(abnormal_above=float(s), infarction_above=float(r)) for s in stress for r in rest]
    return max(rules, key=lambda rule: _balanced(labels, tpd_answers(tpd, rule)))


def tpd_answers(tpd: Floats, rule: TpdRule) -> NDArray[np.intp]:
    """The rule's label indices, shape (n,), for deficits at stress and at rest in percent, shape (n, 2)."""
    abnormal = np.where(tpd[:, 1] > rule.infarction_above, 2, 1)
    return np.where(tpd[:, 0] > rule.abnormal_above, abnormal, 0).astype(np.intp)


def _balanced(truth: NDArray[np.intp], answers: NDArray[np.intp]) -> float:
    return float(np.mean([(answers[truth == label] == label).mean() for label in np.unique(truth)]))


def some_folds(labels: NDArray[np.intp], *, seed: int, most: int = 5) -> tuple[tuple[Fold, ...], ...]:
    """One repeat of stratified folds for baselines beside a finished model; empty where a label has one patient."""
    from sklearn.model_selection import StratifiedKFold  # noqa: PLC0415 - slow to load, and an extra

    present = np.bincount(labels)[np.unique(labels)]
    if len(present) < 2 or present.min() < 2:
        return ()
    parts = StratifiedKFold(int(min(most, present.min())), shuffle=True, random_state=seed)
    return (tuple((fit_on, answer) for fit_on, answer in parts.split(labels, labels)),)
