"""An artifact whose network is only bytes: everything about it can be tried but a prediction."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from core import TRAINED_ON
from models import artifact, explain
from models import card as cards
from models.card import Architecture, Calibration, Card, Input, Parity, TrainingData

EMPTY = {"normal": 0, "ischemia": 0, "infarction": 0}


def card(folder: Path, **changes: Any) -> Card:
    """A card that names the files in ``folder``."""
    values: dict[str, Any] = {
        "name": "tiny",
        "version": "1",
        "statement": TRAINED_ON,
        "created": datetime(2026, 1, 2, tzinfo=UTC),
        "preprocessing": "1",
        "input": Input(layouts={"qps_qgs_1280": 1}),
        "architecture": Architecture(
            base="none", head="none", base_weights="none", base_weights_sha256=None, trained_in_stage_2="", kept_stage=1
        ),
        "training": TrainingData(
            source="simulated",
            made_by="nobody",
            split_seed=1,
            patients=0,
            labels=EMPTY,
            split={"train": EMPTY, "validation": EMPTY, "test": EMPTY},
        ),
        "calibration": Calibration(),
        "review_below": 0.6,
        "tpd_rule": None,
        "evaluations": (),
        "parity": Parity(crops=0, max_abs_difference=0, flips=0),
        "commands": ("perfuscope train simulated",),
        "libraries": {},
        "files": {name: artifact.sha256(folder / name) for name in artifact.HASHED},
    }
    return Card(**values | changes)


def write(folder: Path, *, network: bytes = b"TFL3" * 1000, **changes: Any) -> Path:
    """The three files of an artifact in a new ``folder``."""
    folder.mkdir(parents=True)
    (folder / artifact.MODEL).write_bytes(network)
    zeros = [np.zeros(shape, np.float32) for shape in ((1024, 128), (128, 256), (256, 3), (128,), (256,), (3,))]
    explain.save(explain.Head(kernels=tuple(zeros[:3]), biases=tuple(zeros[3:])), folder / artifact.HEAD)
    cards.write(card(folder, **changes), folder / artifact.CARD)
    return folder
