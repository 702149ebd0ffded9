"""A training at the end of an epoch, in one file: enough to go on to the same bits.

There is no random state in it: shuffling, augmentation and dropout are functions of the seed, the stage and the epoch.
"""

import json
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.errors import PerfuscopeError
from training.fit.course import Course
from training.fit.writing import write_whole

Weights = Sequence[NDArray[Any]]
_GROUPS = ("now", "best", "optimizer", "head")


@dataclass(frozen=True, slots=True, eq=False)
class Checkpoint:
    """The courses of the stages so far and, of the last one, the trained part's weights and the optimizer's state."""

    courses: tuple[Course, ...]
    now: Weights
    best: Weights
    optimizer: Weights
    head: Weights = ()
    """In stage 2: the head as stage 1 left it."""


def save(checkpoint: Checkpoint, path: Path) -> None:
    """Replace the checkpoint in ``path``; PerfuscopeError, and the one before stays, if the disk is full."""
    arrays = {f"{group}_{i}": w for group in _GROUPS for i, w in enumerate(getattr(checkpoint, group))}
    courses = json.dumps([course.as_json() for course in checkpoint.courses])
    write_whole(path, lambda file: np.savez(file, courses=np.array(courses), **arrays))


def load(path: Path) -> Checkpoint | None:
    """The checkpoint in ``path``; None where there is none, PerfuscopeError where it cannot be read."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as kept:
            courses = tuple(Course.of_json(document) for document in json.loads(str(kept["courses"])))
            groups = {group: _group(kept, group) for group in _GROUPS}
    except FileNotFoundError:
        return None
    except (OSError, EOFError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
        raise PerfuscopeError(
            f"{path} is no checkpoint of this program; delete the run's folder to begin anew."
        ) from error
    return Checkpoint(courses, **groups)


def _group(kept: Any, group: str) -> list[NDArray[Any]]:
    count = sum(name.startswith(f"{group}_") for name in kept.files)
    return [kept[f"{group}_{i}"] for i in range(count)]
