"""Recipes: the original's numbers are the original's, every kind has its record, a wrong value is one sentence."""

import tomllib
from pathlib import Path

import pytest

from core.errors import PerfuscopeError
from training import recipe
from training.fit import sweep
from training.fit.run_folder import toml

HOME = Path(recipe.__file__).parent / "recipes"


@pytest.mark.parametrize("path", sorted(HOME.glob("*.toml")), ids=lambda path: path.stem)
def test_a_shipped_recipe_says_how_to_run_it_and_what_to_expect(path):
    head = "".join(line for line in path.read_text(encoding="utf-8").splitlines(keepends=True) if line[:1] == "#")
    assert f"perfuscope train {path.stem} --data" in head
    assert "simulated patients" in head
    assert recipe.find(path.stem) == path
    assert recipe.read(path).kind in recipe.KINDS


def test_the_original_is_the_original_to_the_letter():
    found = recipe.read(recipe.find("original"))
    assert (found.stage_1.batch, found.stage_2.batch, found.validation_batch, found.test_batch) == (16, 16, 10, 1)
    for stage in (found.stage_1, found.stage_2):
        assert (stage.epochs, stage.learning_rate, stage.patience) == (50, 1e-4, 6)
    assert found.dropout == (0.3, 0.4)
    assert found.train_from_layer == 60
    assert (found.split.train, found.split.validation, found.split.test) == (0.55, 0.2, 0.25)
    augment = found.augment
    assert (augment.by, augment.rotation_degrees, augment.shift, augment.brightness) == ("image", 15, 0.01, (0.8, 1.2))
    assert augment.variants == 0
    assert found.class_weights
    assert not found.weighted_validation
    assert (found.batch_norm, found.keep, found.weights) == ("trained", "last", "imagenet")


def test_the_trials_are_the_originals_and_change_one_thing_each():
    found = sweep.trials(recipe.read(recipe.find("original")))
    assert [trial.name for trial in found] == [
        "recipe",
        "learning-rate-0.01",
        "learning-rate-0.001",
        "learning-rate-5e-05",
        "dropout-0.2-0.2",
        "dropout-0.5-0.5",
        "from-layer-40",
        "from-layer-80",
    ]
    rates = {(trial.recipe.stage_1.learning_rate, trial.recipe.stage_2.learning_rate) for trial in found}
    assert rates == {(1e-4, 1e-4), (1e-2, 1e-2), (1e-3, 1e-3), (5e-5, 5e-5)}


@pytest.mark.parametrize("name", ["original", "simulated"])
def test_a_recipe_written_to_a_run_is_read_back_as_it_was(tmp_path, name):
    found = recipe.read(recipe.find(name))
    (tmp_path / "recipe.toml").write_text(toml(found.model_dump(mode="json", exclude_none=True)), encoding="utf-8")
    assert recipe.read(tmp_path / "recipe.toml") == found


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (('name = "mobilenet-original-1"', 'name = "a b"'), r"recipe\.toml: name: "),
        (("train = 0.55", "train = 0.90"), r"recipe\.toml: split: .*must add up to 1"),
        (("[stage_2]", "[other]"), r"recipe\.toml: stage_2: Field required"),
        (('kind = "views"', 'kind = "film"'), r"recipe\.toml: kind must be one of views.*, not 'film'"),
        (("seed = 7", "seed = -7"), r"recipe\.toml: seed: .*greater than or equal to 0"),
        (('by = "image"', 'by = "pixel"'), r"recipe\.toml: augment\.by: .*'image' or 'panel'"),
        (("[0.8, 1.2]", "[1.2, 0.8]"), r"recipe\.toml: augment: .*from the lower factor to the higher"),
        (("dropout = [0.3, 0.4]", "dropout = [0.3, 1.4]"), r"recipe\.toml: dropout\.1: .*less than or equal to 1"),
        (("seed = 7", "seed = "), r"recipe\.toml is not a TOML file"),
    ],
)
def test_a_wrong_recipe_says_what_is_wrong(tmp_path, change, sentence):
    text = (HOME / "original.toml").read_text(encoding="utf-8")
    assert change[0] in text
    (tmp_path / "recipe.toml").write_text(text.replace(*change), encoding="utf-8")
    with pytest.raises(PerfuscopeError, match=sentence):
        recipe.read(tmp_path / "recipe.toml")


def test_the_numbers_in_this_test_are_those_of_the_file():
    assert tomllib.loads((HOME / "original.toml").read_text(encoding="utf-8"))["sweep"]["learning_rates"] == [
        0.01,
        0.001,
        0.0001,
        0.00005,
    ]
