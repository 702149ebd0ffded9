"""How hard the simulated patients are: AUC of a TPD threshold, and what oracles make of the same patients.

python tests/evidence/calibration.py [--patients 3000] [--seed 77] [--population default] [--tpd-only]

Figures on simulated patients; they describe the simulator and are no clinical evidence.
"""

import argparse
import multiprocessing
import os
import sys
from functools import partial

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from core.types import LABELS
from training.phantom import oracle
from training.phantom.labels import ORIGINAL
from training.phantom.population import POPULATIONS, named
from training.phantom.subject import draw_subject, measure_stress_tpd, measure_tpd

Floats = NDArray[np.float64]

_ORIGINAL = np.array([ORIGINAL[label] for label in LABELS], dtype=float)


def of_patient(index: int, *, seed: int, population: str) -> tuple[int, int, int, float, float, float]:
    """Label, disease and the oracle's answer as positions in LABELS; printed TPD, undisturbed TPD, true deficit."""
    subject = draw_subject(seed, index, population=named(population))
    classes = (LABELS.index(one) for one in (subject.label, subject.true_label, oracle.disease_answer(subject)))
    label, disease, answer = classes
    scores = measure_tpd(subject)[0], oracle.quiet_tpd(subject)[0], oracle.disease_score(subject)
    return label, disease, answer, *scores


def tpd_of_patient(index: int, *, seed: int, population: str) -> tuple[int, float]:
    """Label as position in LABELS and printed stress TPD alone, in a fifth of the time."""
    subject = draw_subject(seed, index, population=named(population))
    return LABELS.index(subject.label), measure_stress_tpd(subject)


def tell_tpd(rows: list[tuple[int, float]]) -> None:
    labels, scores = np.array([row[0] for row in rows], dtype=np.intp), np.array([row[1] for row in rows])
    for mix, original in (("mixed labels", False), ("original's mix", True)):
        low, high = interval(labels, scores, original=original)
        figure = auc(labels, scores, original=original)
        sys.stdout.write(f"{len(rows)} simulated patients, stress TPD, {mix}: {figure:.3f} ({low:.3f}-{high:.3f})\n")


def auc(labels: NDArray[np.intp], scores: Floats, *, original: bool) -> float:
    """AUC of normal against abnormal; with the original's shares of the labels if asked."""
    weights = (_ORIGINAL / np.bincount(labels, minlength=len(LABELS)))[labels] if original else None
    return float(roc_auc_score(labels > 0, scores, sample_weight=weights))


def interval(labels: NDArray[np.intp], scores: Floats, *, original: bool, draws: int = 500) -> tuple[float, float]:
    """95 % interval by bootstrap over patients."""
    rng = np.random.default_rng(1)
    picks = (rng.integers(labels.size, size=labels.size) for _ in range(draws))
    low, high = np.quantile([auc(labels[p], scores[p], original=original) for p in picks], [0.025, 0.975])
    return float(low), float(high)


def tell(rows: list[tuple[int, int, int, float, float, float]]) -> None:
    labels, disease, answers = (np.array([row[k] for row in rows], dtype=np.intp) for k in range(3))
    counts = ", ".join(f"{n} {label.value}" for label, n in zip(LABELS, np.bincount(labels, minlength=3), strict=True))
    sys.stdout.write(f"{len(rows)} simulated patients: {counts}; AUC normal against abnormal, 95 % interval\n")
    names = ("printed stress TPD", "TPD without noise and disturbances", "the disease itself")
    for k, name in enumerate(names, start=3):
        scores = np.array([row[k] for row in rows])
        for mix, original in (("mixed labels", False), ("original's mix", True)):
            low, high = interval(labels, scores, original=original)
            figure = auc(labels, scores, original=original)
            sys.stdout.write(f"{name:36} {mix:15} {figure:.3f} ({low:.3f}-{high:.3f})\n")
    recalls = [float((answers[labels == k] == k).mean()) for k in range(len(LABELS))]
    told = ", ".join(f"{label.value} {recall:.3f}" for label, recall in zip(LABELS, recalls, strict=True))
    sys.stdout.write(f"knowing the disease: balanced accuracy {np.mean(recalls):.3f}; recall {told}\n")
    sys.stdout.write(f"label on record differs from the disease in {np.mean(labels != disease):.3f}\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--patients", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=77)
    parser.add_argument("--population", choices=list(POPULATIONS), default="default")
    parser.add_argument("--tpd-only", action="store_true", help="the stress TPD without the oracles")
    asked = parser.parse_args()
    with multiprocessing.get_context("spawn").Pool(os.cpu_count()) as pool:
        if asked.tpd_only:
            quick = partial(tpd_of_patient, seed=asked.seed, population=asked.population)
            tell_tpd(list(pool.imap(quick, range(asked.patients), chunksize=16)))
        else:
            work = partial(of_patient, seed=asked.seed, population=asked.population)
            tell(list(pool.imap(work, range(asked.patients), chunksize=16)))


if __name__ == "__main__":
    main()
