"""From pooled out-of-fold logits to what a report needs: calibrated answers, each fold's figures, the temperature."""

import numpy as np
from numpy.typing import NDArray

from training.evaluation.answers import Answers
from training.evaluation.calibration import calibrate, cross_fitted
from training.evaluation.cross_validation import OutOfFold
from training.evaluation.measures import measure, nll
from training.evaluation.result import Fold, Temperature


def answers(name: str, found: OutOfFold, labels: NDArray[np.intp]) -> Answers:
    """Probabilities by patient and view, each fold at the temperature of the other folds of its repeat."""
    study = np.stack([cross_fitted(s, labels, f) for s, f in zip(found.study, found.fold, strict=True)])
    each = np.repeat(labels, found.views.shape[2])
    views = [
        cross_fitted(v.reshape(len(each), -1), each, np.repeat(f, v.shape[1])).reshape(v.shape)
        for v, f in zip(found.views, found.fold, strict=True)
    ]
    return Answers(name, study, np.stack(views))


def temperature(found: OutOfFold, labels: NDArray[np.intp], calibrated: Answers) -> Temperature:
    """The temperatures of all out-of-fold logits together, and what cross-fitted ones did to the NLL."""
    repeated = np.tile(labels, len(found.study))
    whole = calibrate(found.views.reshape(-1, *found.views.shape[2:]), repeated)
    raised = np.exp(found.study - found.study.max(axis=-1, keepdims=True))
    before = (raised / raised.sum(axis=-1, keepdims=True)).reshape(len(repeated), -1)
    return Temperature(
        study=whole.folded_temperature,
        views=whole.view_temperature,
        nll_before=round(float(nll(repeated, before).mean()), 4),
        nll_after=round(float(nll(repeated, calibrated.study.reshape(len(repeated), -1)).mean()), 4),
    )


def each_fold(found: OutOfFold, labels: NDArray[np.intp], calibrated: Answers) -> tuple[Fold, ...]:
    """The figures of every fold for itself."""
    return tuple(
        _fold(calibrated, labels, repeat, k, found.fold[repeat] == k)
        for repeat in range(len(found.fold))
        for k in np.unique(found.fold[repeat])
    )


def _fold(calibrated: Answers, labels: NDArray[np.intp], repeat: int, k: int, inside: NDArray[np.bool_]) -> Fold:
    one = Answers(calibrated.name, calibrated.study[repeat : repeat + 1, inside])
    got = {
        name: float(value[0]) for name, value in measure(labels[inside], one, np.ones((1, int(inside.sum())))).items()
    }
    return Fold(
        repeat=repeat + 1,
        fold=int(k) + 1,
        n=int(inside.sum()),
        accuracy=round(got["accuracy"], 4),
        balanced_accuracy=round(got["balanced_accuracy"], 4),
        auc=round(got["auc"], 4) if np.isfinite(got["auc"]) else None,
    )
