"""The variant of an artifact in 8-bit integers, with parity and figures of its own. Needs TensorFlow."""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from core.types import REQUIRED_VIEWS
from models import artifact as artifacts
from models import card as cards
from models.card import Card, Int8
from models.classifier import Classifier, softmax
from training.converting import Saved
from training.datasets import Dataset
from training.evaluation.model import evaluate, run

FILE = "model-int8.tflite"
MOST_FLIPS = 0.05
"""The share of crops that may get another answer than from the 32-bit model."""


def add(
    folder: Path,
    network: Saved,
    *,
    train: Dataset,
    others: Dataset,
    sets: Sequence[tuple[str, Dataset]],
    say: Callable[[str], None],
) -> Card:
    """Put the variant into the artifact ``folder`` and return its card with the variant's figures.

    Its ranges come from ``train``, its parity from ``others``, its figures from ``sets``. If it answers
    otherwise too often, it is left out, and ``say`` says so.
    """
    card = cards.read(folder / artifacts.CARD)
    trial = _as_artifact(network.to_int8(train.pixels.reshape(-1, *train.pixels.shape[2:])), folder, card)
    ours = Classifier(artifacts.load(trial), threads=2)
    found = _parity(Classifier(artifacts.load(folder), threads=2), ours, others)
    said = f"8-bit against 32-bit on {found.crops} crops: {found.flips} other answers"
    if found.flips > MOST_FLIPS * found.crops:
        say(f"{said}, too many: the 8-bit variant is left out")
        shutil.rmtree(trial)
        return card
    say(f"{said}, at most {found.max_abs_difference:.2f} apart")
    evaluations = tuple(evaluate(ours, part, name=name) for name, part in sets)
    (trial / artifacts.MODEL).rename(folder / FILE)
    shutil.rmtree(trial)
    files = {**card.files, FILE: artifacts.sha256(folder / FILE)}
    return card.model_copy(update={"int8": found.model_copy(update={"evaluations": evaluations}), "files": files})


def _as_artifact(model: bytes, folder: Path, card: Card) -> Path:
    """The variant as an artifact of its own for a moment, so that it is scored as a model is."""
    trial = folder.with_name(f"{folder.name}-int8")
    shutil.copytree(folder, trial)
    (trial / artifacts.MODEL).write_bytes(model)
    files = {**card.files, artifacts.MODEL: artifacts.sha256(trial / artifacts.MODEL)}
    cards.write(card.model_copy(update={"files": files}), trial / artifacts.CARD)
    return trial


def _parity(full: Classifier, small: Classifier, data: Dataset) -> Int8:
    theirs, ours = softmax(run(full, data)), softmax(run(small, data))
    return Int8(
        max_abs_difference=float(f"{np.abs(theirs - ours).max():.3g}"),
        flips=int((theirs.argmax(-1) != ours.argmax(-1)).sum()),
        crops=len(data.patients) * len(REQUIRED_VIEWS),
        evaluations=(),
    )
