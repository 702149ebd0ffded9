"""Cross-validation with a real training: the views recipe, one epoch a stage, on noise with a tint."""

from pathlib import Path

import numpy as np
import pytest

from training import recipe
from training.datasets import Dataset
from training.evaluation import cross_validation
from training.evaluation.cross_validation import Plan
from training.evaluation.trainers import trainer_of

pytestmark = [pytest.mark.training, pytest.mark.usefixtures("eagerly")]


def test_a_recipe_is_trained_and_judged_by_folds(tmp_path):
    labels = np.arange(12) % 3
    pixels = np.random.default_rng(8).integers(0, 128, (12, 3, 224, 224, 3), dtype=np.uint8)
    for pixel, label in zip(pixels, labels, strict=True):
        pixel[..., label] += 90
    names = tuple(f"TEST-{i}" for i in range(12))
    data = Dataset(names, labels, pixels, None, {}, "0" * 64, "simulated")
    full = recipe.read(Path(recipe.__file__).parent / "recipes" / "simulated.toml")
    stages = {name: getattr(full, name).model_copy(update={"epochs": 1, "batch": 4}) for name in ("stage_1", "stage_2")}
    short = full.model_copy(update={"weights": "none", "train_from_layer": 80, **stages})  # few layers: quick to trace
    found = cross_validation.cross_validation(
        data, trainer_of(short, run=tmp_path), Plan(1, 2, seed=3), run=tmp_path, identity={"recipe": "short"}
    )
    assert np.isfinite(found.views).all()
    assert np.allclose(found.study, found.views.mean(axis=2), atol=1e-5)
    assert sorted(path.name for path in tmp_path.glob("fold-*.json")) == ["fold-1-1.json", "fold-1-2.json"]
