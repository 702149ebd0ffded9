"""Repeated stratified grouped folds: every patient is judged by networks that did not train on them.

Each fold's answers are kept in a file of a run folder, so that a run that was stopped goes on where it was.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.errors import PerfuscopeError
from core.types import LABELS
from training.datasets import Dataset
from training.evaluation.baselines import Fold

Logits = tuple[NDArray[np.floating], NDArray[np.floating]]
"""Of studies, shape (n, 3), and of views, shape (n, 3 views, 3)."""
Predictor = Callable[[Dataset], Logits]
Trainer = Callable[[Dataset, Dataset, int], Predictor]
"""Trains on the first patients, with a seed; the second ones may stop and calibrate it, nothing else."""
Progress = Callable[[int, int], None]
"""Is told how many folds of how many are done."""

RUN = "run.json"


@dataclass(frozen=True, slots=True)
class Plan:
    """How often the patients are divided, into how many folds, and the share of a training part that validates."""

    repeats: int
    folds: int
    seed: int
    validation: float = 0.25

    @classmethod
    def of(cls, text: str, *, seed: int) -> "Plan":
        """From ``5x2``: five repeats of two folds."""
        repeats, _, folds = text.lower().partition("x")
        if not (repeats.isdecimal() and folds.isdecimal() and 1 <= int(repeats) <= 100 and 2 <= int(folds) <= 20):
            raise PerfuscopeError(f"--cv must be REPEATSxFOLDS such as 5x2, with 2 to 20 folds, not {text}.")
        return cls(int(repeats), int(folds), seed)


@dataclass(frozen=True, slots=True, eq=False)
class OutOfFold:
    """The pooled answers: logits of each patient in each repeat, and the fold each was tested in."""

    study: NDArray[np.float64]
    """Shape (repeats, n, 3)."""
    views: NDArray[np.float64]
    """Shape (repeats, n, 3 views, 3)."""
    fold: NDArray[np.intp]
    """Shape (repeats, n)."""

    def folds(self) -> tuple[tuple[Fold, ...], ...]:
        """The same folds for baselines."""
        return tuple(
            tuple((np.flatnonzero(row != k), np.flatnonzero(row == k)) for k in np.unique(row)) for row in self.fold
        )


def divide(labels: NDArray[np.intp], plan: Plan, *, groups: Sequence[str]) -> NDArray[np.intp]:
    """The fold of each patient in each repeat, shape (repeats, n); patients of one group are never parted.

    PerfuscopeError unless every label is in every fold.
    """
    from sklearn.model_selection import StratifiedGroupKFold  # noqa: PLC0415 - slow to load, and an extra

    _check_enough(labels, plan, groups)
    found = np.empty((plan.repeats, len(labels)), dtype=np.intp)
    for repeat in range(plan.repeats):
        parts = StratifiedGroupKFold(plan.folds, shuffle=True, random_state=plan.seed + repeat)
        for k, (_, tested) in enumerate(parts.split(labels, labels, groups=groups)):
            found[repeat, tested] = k
            _check_labels(labels[tested], np.unique(labels), repeat=repeat, fold=k)
    return found


def _check_enough(labels: NDArray[np.intp], plan: Plan, groups: Sequence[str]) -> None:
    for index in range(len(LABELS)):
        owners = {group for group, label in zip(groups, labels, strict=True) if label == index}
        # one for each fold, and among the others one to train and one to validate
        if len(owners) < max(plan.folds, 4):
            wanted = max(plan.folds, 4)
            raise PerfuscopeError(
                f"{len(owners)} patients with {LABELS[index].value} are too few for {plan.folds} folds with training "
                f"and validation parts; {wanted} or more are needed."
            )


def _check_labels(tested: NDArray[np.intp], wanted: NDArray[np.intp], *, repeat: int, fold: int) -> None:
    missing = [LABELS[i].value for i in np.setdiff1d(wanted, tested)]
    if missing:
        raise PerfuscopeError(
            f"Fold {fold + 1} of repeat {repeat + 1} holds no patient with {' or '.join(missing)}; "
            "take fewer folds, another seed, or more patients."
        )


def cross_validation(
    data: Dataset,
    trainer: Trainer,
    plan: Plan,
    *,
    run: Path,
    identity: dict[str, object],
    groups: Sequence[str] | None = None,
    progress: Progress | None = None,
) -> OutOfFold:
    """The pooled out-of-fold logits; folds whose file is in ``run`` are not trained again.

    ``identity`` says what the run is of (recipe, data set): PerfuscopeError if the folder holds another run.
    """
    folds = divide(data.labels, plan, groups=groups or data.patients)
    _open(run, identity | {"repeats": plan.repeats, "folds": plan.folds, "seed": plan.seed}, data)
    n = len(data.patients)
    study, views = np.empty((plan.repeats, n, len(LABELS))), np.empty((plan.repeats, n, 3, len(LABELS)))
    for repeat in range(plan.repeats):
        for k in range(plan.folds):
            file = run / f"fold-{repeat + 1}-{k + 1}.json"
            tested = np.flatnonzero(folds[repeat] == k)
            found = _kept(file, data, tested)
            if found is None:
                found = _train(data, trainer, plan, folds[repeat] == k, seed=plan.seed + repeat * plan.folds + k)
                _keep(file, data, tested, found)
            study[repeat, tested], views[repeat, tested] = found
            if progress:
                progress(repeat * plan.folds + k + 1, plan.repeats * plan.folds)
    return OutOfFold(study, views, folds)


def _train(data: Dataset, trainer: Trainer, plan: Plan, tested: NDArray[np.bool_], *, seed: int) -> Logits:
    rng = np.random.default_rng([seed, 1])
    validates = np.zeros(len(tested), dtype=bool)
    for index in range(len(LABELS)):
        others = rng.permutation(np.flatnonzero(~tested & (data.labels == index)))
        validates[others[: max(1, round(plan.validation * len(others)))]] = True
    train, validation = np.flatnonzero(~tested & ~validates), np.flatnonzero(validates)
    predictor = trainer(data.take(train), data.take(validation), seed)
    return predictor(data.take(np.flatnonzero(tested)))


def _open(run: Path, identity: dict[str, object], data: Dataset) -> None:
    wanted = json.dumps(
        identity | {"data": data.truth_sha256, "patients": len(data.patients)}, sort_keys=True, indent=1
    )
    run.mkdir(parents=True, exist_ok=True)
    file = run / RUN
    if not file.is_file():
        _write(file, wanted)
    elif file.read_text(encoding="utf-8") != wanted:
        raise PerfuscopeError(f"{run} holds a run of another recipe, data set or division; name another folder.")


def _keep(file: Path, data: Dataset, tested: NDArray[np.intp], found: Logits) -> None:
    rows = [
        {"patient": data.patients[i], "label": LABELS[data.labels[i]].value, "study": s.tolist(), "views": v.tolist()}
        for i, s, v in zip(tested, *found, strict=True)
    ]
    _write(file, json.dumps(rows, indent=1))


def _kept(file: Path, data: Dataset, tested: NDArray[np.intp]) -> Logits | None:
    """The fold's answers if the file holds just these patients; a file that does not is trained over."""
    try:
        rows = json.loads(file.read_text(encoding="utf-8"))
        if [row["patient"] for row in rows] != [data.patients[i] for i in tested]:
            return None
        return np.array([row["study"] for row in rows]), np.array([row["views"] for row in rows])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _write(file: Path, text: str) -> None:
    partial = file.with_suffix(".partial")
    try:
        partial.write_text(text, encoding="utf-8")
        partial.replace(file)
    finally:
        partial.unlink(missing_ok=True)
