"""The original's trials: the recipe, and the recipe with one thing changed at a time. Needs TensorFlow.

Each trial is a run in a folder of its own; one that is done is not trained again, one that was killed goes on. Trials
are judged on the validation patients alone.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from core.errors import PerfuscopeError
from training.datasets import Dataset
from training.fit import engine, network, run_folder
from training.fit.course import Say, Watch, unheard
from training.fit.engine import Diverged, Fitted
from training.fit.identity import facts_of
from training.fit.parts import parts_of
from training.fit.recipe import ViewsRecipe
from training.fit.run_folder import RunFolder
from training.fit.writing import write_text

RESULT, TABLE, PICTURE = "result.json", "sweep.csv", "sweep.png"


@dataclass(frozen=True, slots=True)
class Trial:
    """A recipe to be tried and what is changed in it."""

    name: str
    changed: str
    recipe: ViewsRecipe


@dataclass(frozen=True, slots=True)
class Result:
    """How a trial went; the figures are of the validation patients, None where the loss was no number."""

    trial: str
    changed: str
    learning_rate: float
    dropout: str
    train_from_layer: int
    validation_loss: float | None = None
    image_accuracy: float | None = None
    patient_balanced_accuracy: float | None = None
    epochs: int = 0
    seconds: float = 0.0


def trials(recipe: ViewsRecipe) -> tuple[Trial, ...]:
    """The recipe itself, then other learning rates, dropouts and layers to train from; nothing twice."""
    found = {_values(recipe): Trial("recipe", "nothing", recipe)}
    for name, changed, tried in _changes(recipe):
        found.setdefault(_values(tried), Trial(name, changed, tried))
    return tuple(found.values())


def sweep(data: Dataset, recipe: ViewsRecipe, out: Path, *, say: Say, watch: Watch = unheard) -> Iterator[Result]:
    """Each trial's result as it is done, in the folder ``out`` a folder a trial; PerfuscopeError as ``fit`` raises."""
    parts = parts_of(data, recipe)
    _refuse_foreign(out, recipe)
    for trial in trials(recipe):
        with run_folder.opened(out / trial.name, trial.recipe, facts_of(data, parts, recipe)) as folder:
            done = _done(folder)
            if done is None:
                say(f"trial {trial.name}")
                done = _tried(trial, data.take(parts.train), data.take(parts.validation), folder, say=say, watch=watch)
                write_text(folder.path / RESULT, json.dumps(asdict(done), indent=1) + "\n")
                folder.forget_state()
        yield done


def _refuse_foreign(out: Path, recipe: ViewsRecipe) -> None:
    """PerfuscopeError if ``out`` holds other things than a sweep's."""
    known = {trial.name for trial in trials(recipe)} | {TABLE, PICTURE}
    if out.exists() and (not out.is_dir() or {entry.name for entry in out.iterdir()} - known):
        raise PerfuscopeError(f"{out} holds other things than this recipe's trials; name a new folder.")


def _changes(recipe: ViewsRecipe) -> Iterator[tuple[str, str, ViewsRecipe]]:
    for rate in recipe.sweep.learning_rates:
        stages = {
            name: getattr(recipe, name).model_copy(update={"learning_rate": rate}) for name in ("stage_1", "stage_2")
        }
        yield f"learning-rate-{rate:g}", "learning rate", recipe.model_copy(update=stages)
    for dropout in recipe.sweep.dropouts:
        yield "dropout-{:g}-{:g}".format(*dropout), "dropout", recipe.model_copy(update={"dropout": dropout})
    for layer in recipe.sweep.train_from_layers:
        yield f"from-layer-{layer}", "trained from layer", recipe.model_copy(update={"train_from_layer": layer})


def _values(recipe: ViewsRecipe) -> tuple[Any, ...]:
    return recipe.stage_1.learning_rate, recipe.stage_2.learning_rate, recipe.dropout, recipe.train_from_layer


def _done(folder: RunFolder) -> Result | None:
    path = folder.path / RESULT
    if not path.is_file():
        return None
    document = json.loads(path.read_text(encoding="utf-8"))
    return Result(**{field.name: document[field.name] for field in fields(Result)})


def _tried(trial: Trial, train: Dataset, validation: Dataset, folder: RunFolder, *, say: Say, watch: Watch) -> Result:
    network.forget_networks()
    recipe = trial.recipe
    told = Result(
        trial=trial.name,
        changed=trial.changed,
        learning_rate=recipe.stage_2.learning_rate,
        dropout="{:g}, {:g}".format(*recipe.dropout),
        train_from_layer=recipe.train_from_layer,
    )
    try:
        fitted = engine.fit_parts(train, validation, recipe, folder=folder, say=say, watch=watch)
    except Diverged as error:
        say(str(error))
        return told
    return _with_figures(told, fitted, validation)


def _with_figures(told: Result, fitted: Fitted, validation: Dataset) -> Result:
    kept = [epoch for epoch in fitted.epochs if epoch.stage == fitted.kept_stage]
    best = min(kept, key=lambda epoch: epoch.validation_loss)
    answers = network.logits(fitted.model, validation).mean(axis=1).argmax(axis=1)
    recalls = [(answers[validation.labels == label] == label).mean() for label in np.unique(validation.labels)]
    figures = {
        "validation_loss": round(best.validation_loss, 4),
        "image_accuracy": round(best.validation_accuracy, 4),
        "patient_balanced_accuracy": round(float(np.mean(recalls)), 4),
        "epochs": len(fitted.epochs),
        "seconds": round(sum(epoch.seconds for epoch in fitted.epochs), 1),
    }
    return Result(**{**asdict(told), **figures})
