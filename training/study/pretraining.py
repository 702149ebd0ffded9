"""The network learns from simulated patients of another hospital; what it learned is kept for another time."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models import study_features, study_head, study_input, study_network
from models.study_head import Head
from models.study_input import NormalLimits
from training.phantom import population as populations
from training.study import simulated
from training.study.augmentation import augmented
from training.study.recipe import Pretraining
from training.study.seeing import Floats, inputs
from training.study.simulated import Progress, SimulatedMaps
from training.study.weights import balanced

Say = Callable[[str], None]
_VERSION = 1
VIEWS_WEIGHT = 0.5
"""Of the auxiliary loss of the views' own logits beside the study's."""


@dataclass(frozen=True, slots=True, eq=False)
class Pretrained:
    """A network that saw simulated patients, their limits of normal, and their features for the last layer."""

    model: Any
    head: Head
    limits: NormalLimits
    features: Floats
    """Of the simulated patients, shape (n, F)."""
    labels: NDArray[np.intp]
    """Of the simulated patients."""


def pretrain(
    recipe: Pretraining,
    *,
    seed: int,
    kept: Path,
    workers: int = 1,
    say: Say,
    progress: Progress | None = None,
) -> Pretrained:
    """What training on the recipe's simulated patients comes to; read from ``kept`` where it was done before."""
    population = populations.named(recipe.population)
    folder = kept / _key(recipe, seed=seed)
    if not (folder / "done").exists():
        patients = simulated.simulate(
            population,
            simulated.draw_labels(recipe.patients, seed=recipe.seed, shares=recipe.shares),
            seed=recipe.seed,
            kept=kept / "simulated",
            workers=workers,
            progress=progress,
        )
        learn(patients, recipe, seed=seed, folder=folder, say=say)
    return read(folder)


def learn(patients: SimulatedMaps, recipe: Pretraining, *, seed: int, folder: Path, say: Say) -> None:
    """Train on the patients and write the network to ``folder``."""
    import keras  # noqa: PLC0415 - importing this module must not load TensorFlow

    keras.utils.set_random_seed(seed)
    rng = np.random.default_rng(seed)
    limits = NormalLimits.of_normal(patients.maps[patients.labels == 0])
    features = study_features.features(limits.scores(patients.maps), patients.maps)
    model = study_network.build(features.mean(axis=0), features.std(axis=0) + 1e-3)
    _fit(model, patients, recipe, limits=limits, rng=rng, say=say)
    _write(model, limits, features, patients.labels, folder)


def _fit(
    model: Any,
    patients: SimulatedMaps,
    recipe: Pretraining,
    *,
    limits: NormalLimits,
    rng: np.random.Generator,
    say: Say,
) -> None:
    import keras  # noqa: PLC0415

    steps = recipe.epochs * -(-len(patients.labels) // recipe.batch)
    study_network.compile_for(model, keras.optimizers.schedules.CosineDecay(recipe.learning_rate, steps), VIEWS_WEIGHT)
    answers, weights = study_network.targets(patients.labels, balanced(patients.labels))
    for epoch in range(recipe.epochs):
        given = inputs(augmented(patients.maps, rng), limits)
        course = model.fit(given, answers, sample_weight=weights, batch_size=recipe.batch, epochs=1, verbose=0)
        say(f"simulated patients, epoch {epoch + 1:3d}/{recipe.epochs}  loss {course.history['loss'][0]:.4f}")


def _write(model: Any, limits: NormalLimits, features: Floats, labels: NDArray[np.intp], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    weights = {f"{k:03d}": values for k, values in enumerate(model.get_weights())}
    np.savez(folder / "network.npz", **weights)
    study_head.save(study_network.head(model), folder / "head.npz")
    study_input.save(limits, folder / "limits.npz")
    np.savez(folder / "features.npz", features=features, labels=labels)
    (folder / "done").touch()


def read(folder: Path) -> Pretrained:
    """What was written to ``folder``, with a network of its own."""
    head = study_head.load(folder / "head.npz")
    model = study_network.build(head.mean, head.deviation)
    with np.load(folder / "network.npz", allow_pickle=False) as arrays:
        model.set_weights([arrays[name] for name in sorted(arrays.files)])
    with np.load(folder / "features.npz", allow_pickle=False) as arrays:
        features, labels = arrays["features"], arrays["labels"]
    return Pretrained(
        model=model,
        head=head,
        limits=study_input.load(folder / "limits.npz"),
        features=features,
        labels=labels,
    )


def _key(recipe: Pretraining, *, seed: int) -> str:
    population = populations.named(recipe.population)
    inside = f"{_VERSION} {study_input.STUDY_INPUT_VERSION} {study_features.names()} {population!r} {recipe!r} {seed}"
    return f"pretrained-{hashlib.sha256(inside.encode()).hexdigest()[:16]}"
