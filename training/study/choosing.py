"""Which stage to keep: every one is judged on patients of the cohort that it was not fitted on."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.types import LABELS
from models.study_head import Head
from models.study_input import NormalLimits
from training.study import refit
from training.study.pretraining import Pretrained
from training.study.refit import Stage
from training.study.seeing import Seen, see
from training.study.weights import balanced_loss

Floats = NDArray[np.float32]
Labels = NDArray[np.intp]
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True, eq=False)
class Cohort:
    """A hospital's own patients: maps (n, 10, RINGS, ANGLES) and labels (n,)."""

    maps: Floats
    labels: NDArray[np.intp]

    def take(self, index: NDArray[np.intp]) -> "Cohort":
        """The patients at ``index``, in that order."""
        return Cohort(self.maps[index], self.labels[index])


@dataclass(frozen=True, slots=True, eq=False)
class OutOfFold:
    """Logits of patients that a stage was not fitted on, repeats put end to end."""

    study: dict[str, Floats]
    """By stage, each of shape (repeats * n, 3)."""
    views: Floats
    """Shape (repeats * n, 3 views, 3)."""
    labels: NDArray[np.intp]

    def losses(self) -> dict[str, float]:
        """The loss of every stage, each label weighing the same."""
        return {name: balanced_loss(logits, self.labels) for name, logits in self.study.items()}


def out_of_fold(
    pretrained: Pretrained,
    cohort: Cohort,
    stages: tuple[Stage, ...],
    *,
    folds: int,
    repeats: int,
    limits_share: float,
    seed: int,
    progress: Progress | None = None,
) -> OutOfFold:
    """Fit every stage without each fold in turn, limits of normal too, and ask it about the fold."""
    study: dict[str, list[Floats]] = {stage.name: [] for stage in stages}
    views, labels = [], []
    for done, (inside, outside) in enumerate(divisions(cohort.labels, folds=folds, repeats=repeats, seed=seed), 1):
        limits = adapted(pretrained.limits, cohort.take(inside), limits_share)
        seen = see(pretrained.model, cohort.maps, limits)
        left_out = seen.take(outside)
        for name, head in fit_stages(pretrained, stages, (seen.take(inside), cohort.labels[inside])).items():
            study[name].append(study_logits(head, left_out))
        views.append(view_logits(pretrained.head, left_out))
        labels.append(cohort.labels[outside])
        if progress:
            progress(done, folds * repeats)
    pooled = {name: np.concatenate(pieces) for name, pieces in study.items()}
    return OutOfFold(pooled, np.concatenate(views), np.concatenate(labels))


def choose(losses: dict[str, float], *, favourite: str, margin: float) -> str:
    """The stage with the lowest loss; the favourite unless another is better by more than ``margin``.

    A few dozen patients cannot tell stages apart that are nearly as good.
    """
    best = min(losses, key=lambda name: losses[name])
    return best if losses[favourite] - losses[best] > margin else favourite


def fit_stages(pretrained: Pretrained, stages: Sequence[Stage], cohort: tuple[Seen, Labels]) -> dict[str, Head]:
    """The head that every stage ends in, by name."""
    seen, labels = cohort
    simulated = (pretrained.features, pretrained.labels)
    return refit.refits(pretrained.head, stages, simulated=simulated, cohort=(seen.features, labels))


def fit_stage(pretrained: Pretrained, stage: Stage, cohort: tuple[Seen, Labels]) -> Head:
    """The head that one stage ends in."""
    return fit_stages(pretrained, (stage,), cohort)[stage.name]


def adapted(limits: NormalLimits, cohort: Cohort, share: float) -> NormalLimits:
    """Limits of normal moved towards those of the cohort's normal patients, if it has a few."""
    normal = cohort.maps[cohort.labels == 0]
    enough = len(normal) >= 10  # fewer say little about a deviation
    return limits.blended(NormalLimits.of_normal(normal), share) if share and enough else limits


def study_logits(head: Head, seen: Seen) -> Floats:
    """Of n patients, shape (n, 3)."""
    return np.asarray(head.evidence(seen.pooled, seen.features) @ head.study_kernel + head.study_bias, dtype=np.float32)


def view_logits(head: Head, seen: Seen) -> Floats:
    """Of n patients, shape (n, 3 views, 3)."""
    return head.view_logits(seen.pooled[:, :, None, None, :])


def divisions(
    labels: NDArray[np.intp], *, folds: int, repeats: int, seed: int
) -> list[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Positions inside and outside of every fold: each label is dealt out in turn, so that every fold has its share."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(repeats):
        fold = np.empty(len(labels), dtype=np.intp)
        for label in range(len(LABELS)):
            members = rng.permutation(np.flatnonzero(labels == label))
            fold[members] = (np.arange(len(members)) + rng.integers(folds)) % folds
        found += [(np.flatnonzero(fold != k), np.flatnonzero(fold == k)) for k in range(folds)]
    return found
