"""What a report's figures do not say, in sentences."""

import numpy as np

from core.types import LABELS
from training.evaluation.answers import Answers, Cohort

_FEW = 20
_LABELS_ARE_NO_PROOF = (
    "The answers are compared with labels, not with angiography or outcome; whoever labelled the patients may be wrong."
)
_ONE_SAMPLE = (
    "These patients are one sample. Intervals tell how far chance alone may have moved a figure, not how another "
    "camera, protocol or hospital would."
)
_NO_ECE = (
    "No expected calibration error is given: with few patients even a perfectly calibrated model shows a large one. "
    "Brier score and NLL are given, and comparable between models on the same patients only."
)
_BASELINES = "Baselines that are fitted on these patients are judged outside their folds; the model is not refitted."


def limits(cohort: Cohort, answers: Answers, *, kind: str) -> tuple[str, ...]:
    """The sentences that fit these patients and this kind of evaluation."""
    found = [_of_source(cohort), _LABELS_ARE_NO_PROOF, _ONE_SAMPLE]
    found.append(
        "Balanced accuracy and AUC do not depend on how frequent a label is; precision and accuracy do, and a clinic's "
        f"mix differs from this one ({_mix(cohort)})."
    )
    found += [_NO_ECE, "Patients left out (unusable or incomplete screens) are in no figure."]
    if kind == "cross-validation":
        found.append(
            "A cross-validation judges a recipe, not a model: each patient is judged by networks that did not train on "
            "them. Training parts overlap between folds, so intervals over patients are somewhat too narrow."
        )
    found += _of_few(cohort)
    if answers.repeats == 1:
        found.append(_BASELINES)
    return tuple(found)


def _of_source(cohort: Cohort) -> str:
    if cohort.source == "simulated":
        return (
            "All patients are SIMULATED. The figures test software and compare recipes with each other; "
            "they are no clinical evidence."
        )
    return "Patients are clinical. The software is for research use only; the figures are no clearance for diagnosis."


def _mix(cohort: Cohort) -> str:
    return ", ".join(f"{int((cohort.labels == i).sum())} {label.value}" for i, label in enumerate(LABELS))


def _of_few(cohort: Cohort) -> list[str]:
    counts = np.bincount(cohort.labels, minlength=len(LABELS))
    few = [f"{n} {label.value}" for label, n in zip(LABELS, counts, strict=True) if n < _FEW]
    if not few:
        return []
    sentence = (
        f"With only {' and '.join(few)} patients a recall moves by several percent a patient, and the bootstrap's "
        "intervals, which cannot imagine patients that are not there, are too narrow: rely on Wilson's."
    )
    return [sentence]
