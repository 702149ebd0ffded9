"""A run's books: when a stage stops, what a checkpoint keeps, whose folder it is, and what a full disk leaves."""

import csv
import resource
import signal
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest

from core.errors import PerfuscopeError
from training import lineage, recipe
from training.datasets import Dataset
from training.fit import checkpoint, curves, engine, network, run_folder, sweep, sweep_table
from training.fit.checkpoint import Checkpoint
from training.fit.course import Course, Epoch, Step
from training.fit.feed import Feed, Samples
from training.fit.parts import check_labels, parts_of
from training.fit.recipe import Augment, Stage

STAGE = Stage(epochs=10, batch=4, learning_rate=1e-4, patience=2)
ORIGINAL = recipe.read(recipe.find("original"))
FACTS = {"data_set": "0" * 64, "split": "1" * 64, "weights_file": "none"}


def course(*losses, stage=1):
    return Course(stage, tuple(Epoch(stage, i, loss, 0.4, loss, 0.5, 1e-4, 1.0) for i, loss in enumerate(losses, 1)))


def state(*losses, size=5):
    weights = [np.arange(size, dtype=np.float32), np.ones((2, 2), np.float32)]
    return Checkpoint((course(*losses),), weights, weights[::-1], [np.array(3, dtype=np.int64)])


def patients(labels=(0, 1, 2) * 3):
    labels = np.array(labels, dtype=np.intp)
    pixels = np.random.default_rng(1).integers(0, 255, (len(labels), 3, 8, 8, 3), dtype=np.uint8)
    return Dataset(tuple(f"TEST-{i}" for i in range(len(labels))), labels, pixels, None, {}, "0" * 64, "simulated")


@contextmanager
def full_disk(after_bytes):
    """Files may not grow beyond a size, as on a disk that is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (after_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


def test_a_stage_is_over_when_patience_epochs_brought_nothing_better_or_all_are_done():
    assert not course().is_over(STAGE)
    assert not course(1.0, 0.9, 0.95).is_over(STAGE)
    assert course(1.0, 0.9, 0.95, 0.9).is_over(STAGE)  # as good is not better
    assert course(*np.linspace(1, 0.1, 10)).is_over(STAGE)


def test_the_best_epoch_is_the_first_lowest_and_never_one_without_a_number():
    assert course(float("nan"), 0.8, 0.7, 0.7).best.epoch == 3
    assert course(float("nan")).best is None
    assert course(float("nan")).best_loss == float("inf")
    assert course(float("nan"), float("nan")).is_over(STAGE)


def test_a_checkpoint_comes_back_to_the_bit(tmp_path):
    kept = state(1 / 3, 0.1)
    checkpoint.save(kept, tmp_path / "c.npz")
    found = checkpoint.load(tmp_path / "c.npz")
    assert found.courses == kept.courses
    for group in ("now", "best", "optimizer", "head"):
        ours, theirs = getattr(kept, group), getattr(found, group)
        assert [w.dtype for w in ours] == [w.dtype for w in theirs]
        assert all((a == b).all() for a, b in zip(ours, theirs, strict=True))
    assert checkpoint.load(tmp_path / "none.npz") is None


def test_a_damaged_checkpoint_is_one_sentence_that_names_it(tmp_path):
    (tmp_path / "checkpoint.npz").write_bytes(b"PK no zip")
    with pytest.raises(PerfuscopeError, match=r"checkpoint\.npz is no checkpoint"):
        checkpoint.load(tmp_path / "checkpoint.npz")


def test_a_full_disk_names_the_file_and_leaves_the_checkpoint_before(tmp_path):
    with run_folder.opened(tmp_path / "run", ORIGINAL, FACTS) as folder:
        folder.save(state(1.0))
        with (
            full_disk(20_000),
            pytest.raises(PerfuscopeError, match=r"run/checkpoint\.npz cannot be written: File too"),
        ):
            folder.save(state(1.0, 0.9, size=100_000))
        assert len(folder.load().courses[0].epochs) == 1
        assert not [path for path in folder.path.iterdir() if "partial" in path.name]


def test_the_log_holds_every_epoch_in_full(tmp_path):
    with run_folder.opened(tmp_path / "run", ORIGINAL, FACTS) as folder:
        folder.save(state(1 / 3, 0.1))
    with (tmp_path / "run" / "log.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["stage"], row["epoch"], float(row["validation_loss"])) for row in rows] == [
        ("1", "1", 1 / 3),
        ("1", "2", 0.1),
    ]


def test_a_run_belongs_to_one_recipe_one_data_set_and_one_process(tmp_path):
    home = tmp_path / "run"
    with (
        run_folder.opened(home, ORIGINAL, FACTS),
        pytest.raises(PerfuscopeError, match="in use by another training"),
        run_folder.opened(home, ORIGINAL, FACTS),
    ):
        pass
    other = ORIGINAL.model_copy(update={"seed": 8})
    for again, facts, what in ((other, FACTS, "recipe"), (ORIGINAL, {**FACTS, "data_set": "2" * 64}, "data_set")):
        with (
            pytest.raises(PerfuscopeError, match=f"run belongs to a training with another {what}; name another"),
            run_folder.opened(home, again, facts),
        ):
            pass
    with run_folder.opened(home, ORIGINAL, FACTS) as folder:
        assert folder.load() is None


def test_a_folder_with_other_things_is_left_alone(tmp_path):
    (tmp_path / "letter.txt").write_text("mine")
    with (
        pytest.raises(PerfuscopeError, match="is not the folder of a training"),
        run_folder.opened(tmp_path, ORIGINAL, FACTS),
    ):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]


def test_curves_are_drawn_of_one_stage_and_of_two(tmp_path):
    curves.draw([course(1.0, 0.8)], tmp_path / "one.png")
    curves.draw([course(1.0, 0.8), course(0.7, float("nan"), stage=2)], tmp_path / "two.png")
    assert all((tmp_path / name).read_bytes().startswith(b"\x89PNG") for name in ("one.png", "two.png"))


def shown(pixels):
    """Frozen layers that give each image's sum."""
    seen.append(len(pixels))
    return pixels.reshape(len(pixels), -1).sum(axis=1, keepdims=True).astype(np.float32)


seen = []


def epochs_of(feed, *numbers):
    return [np.concatenate([batch.inputs for batch in feed.shuffled(number)]) for number in numbers]


def test_a_feed_shuffles_by_seed_and_epoch_and_asks_the_frozen_layers_once():
    seen.clear()
    feed = Feed(Samples.of(patients(), weighted=True), shown, batch=4, seed=5)
    first, second = epochs_of(feed, 1, 2)
    assert len(feed) == 7
    assert sum(seen) == 27
    assert (first != second).any()
    assert (np.sort(first, axis=0) == np.sort(second, axis=0)).all()
    (again,) = epochs_of(Feed(Samples.of(patients(), weighted=True), shown, batch=4, seed=5), 2)
    assert (again == second).all()


def test_fresh_variants_are_never_kept_and_a_few_variants_come_again():
    samples = Samples.of(patients(), weighted=False)
    turned = Augment(rotation_degrees=15)
    seen.clear()
    fresh = [np.sort(e, axis=0) for e in epochs_of(Feed(samples, shown, batch=4, seed=5, augment=turned), 1, 2, 3)]
    assert sum(seen) == 3 * 27
    assert (fresh[0] != fresh[1]).any()
    seen.clear()
    two = turned.model_copy(update={"variants": 2})
    some = [np.sort(e, axis=0) for e in epochs_of(Feed(samples, shown, batch=4, seed=5, augment=two), 1, 2, 3)]
    assert sum(seen) == 2 * 27
    assert (some[0] == some[2]).all()
    assert (some[0] != some[1]).any()


def test_weights_make_every_label_weigh_the_same():
    samples = Samples.of(patients([0, 0, 0, 0, 1, 2]), weighted=True)
    sums = [samples.weights[samples.labels == label].sum() for label in range(3)]
    assert sums == pytest.approx([6, 6, 6])
    assert (Samples.of(patients(), weighted=False).weights == 1).all()


def test_a_data_set_that_is_split_keeps_its_subsets():
    divided = replace(patients(), subset=np.array(["train"] * 3 + ["validation"] * 3 + ["test"] * 3))
    found = parts_of(divided, ORIGINAL)
    assert [part.tolist() for part in (found.train, found.validation, found.test)] == [[0, 1, 2], [3, 4, 5], [6, 7, 8]]
    with pytest.raises(PerfuscopeError, match="3 patients of the data set are in no subset"):
        parts_of(replace(patients(), subset=np.array(["train"] * 6 + [""] * 3)), ORIGINAL)


def test_a_label_without_patients_in_a_part_is_one_sentence():
    with pytest.raises(PerfuscopeError, match="No patient with infarction is in the train part"):
        check_labels(patients([0, 1]), "train")
    divided = replace(patients([0, 1, 2, 0, 1]), subset=np.array(["train"] * 3 + ["validation"] * 2))
    with pytest.raises(PerfuscopeError, match="No patient with infarction is in the validation part"):
        parts_of(divided, ORIGINAL)
    with pytest.raises(PerfuscopeError, match="holds no patients"):
        parts_of(patients([]), ORIGINAL)
    with pytest.raises(PerfuscopeError, match="0 patients with infarction are too few to split"):
        parts_of(patients([0, 1] * 5), ORIGINAL)


def test_the_command_in_a_card_names_no_folders():
    typed = ["/opt/somewhere/bin/perfuscope", "train", "original", "--data", "/home/someone/COHORT", "--out=./x/NEW"]
    assert lineage.command(typed) == "perfuscope train original --data COHORT --out=NEW"


def test_the_lineage_names_data_recipe_and_commit(tmp_path):
    found = lineage.lineage(ORIGINAL, {"train": "a" * 64})
    assert found.manifests == {"train": "a" * 64}
    assert found.recipe_sha256 != lineage.lineage(ORIGINAL.model_copy(update={"seed": 8}), {}).recipe_sha256
    assert lineage.commit(tmp_path / "package") == "unknown"


def test_the_progress_bars_follow_stages_epochs_and_a_second_run():
    import io

    from rich.console import Console

    from cli.training_progress import watched

    console = Console(file=io.StringIO(), force_terminal=True, width=100)
    with watched(console) as watch:
        for stage, epoch in ((1, 1), (1, 2), (2, 1), (1, 1)):
            for batch in (1, 2):
                watch(Step(stage, epoch, 5, batch, 2))
    shown_text = console.file.getvalue()
    assert "stage 2, epochs at most" in shown_text
    assert "batches of the epoch" in shown_text


def result(trial, changed, loss, accuracy, **values):
    own = {"learning_rate": 1e-4, "dropout": "0.3, 0.4", "train_from_layer": 60, **values}
    return sweep.Result(trial, changed, validation_loss=loss, patient_balanced_accuracy=accuracy, **own)


def test_a_sweep_is_one_table_and_one_picture_also_with_a_trial_that_diverged(tmp_path):
    results = [
        result("recipe", "nothing", 0.9, 0.4),
        result("learning-rate-0.01", "learning rate", None, None, learning_rate=0.01),
        result("dropout-0.5-0.5", "dropout", 0.95, 0.5, dropout="0.5, 0.5"),
        result("from-layer-40", "trained from layer", 0.8, 0.45, train_from_layer=40),
    ]
    sweep_table.write(results, tmp_path, about="trials on invented figures")
    with (tmp_path / "sweep.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["trial"], row["validation_loss"]) for row in rows][:2] == [
        ("recipe", "0.9"),
        ("learning-rate-0.01", ""),
    ]
    assert (tmp_path / "sweep.png").read_bytes().startswith(b"\x89PNG")


def fake_training(calls):
    def fit_parts(train, validation, tried, *, folder, say, watch):
        calls.append(tried)
        if tried.stage_1.learning_rate == 0.01:
            raise engine.Diverged("The loss is no number.")
        epochs = (*course(1.0, 0.8).epochs, *course(0.7, stage=2).epochs)
        return engine.Fitted("network", None, 2, None, epochs)

    return fit_parts


def test_a_sweep_goes_on_by_trial_and_with_a_trial_that_diverges(tmp_path, monkeypatch):
    calls = []
    monkeypatch.setattr(engine, "fit_parts", fake_training(calls))
    monkeypatch.setattr(network, "forget_networks", lambda: None)
    monkeypatch.setattr(network, "logits", lambda model, data: np.eye(3)[data.labels][:, np.newaxis].repeat(3, axis=1))
    small = ORIGINAL.model_copy(update={"weights": "none"})
    first = sweep.sweep(patients(), small, tmp_path / "out", say=lambda line: None)
    started = [next(first), next(first)]
    first.close()
    found = list(sweep.sweep(patients(), small, tmp_path / "out", say=lambda line: None))
    assert found[:2] == started
    assert len(calls) == len(found) == len(sweep.trials(small)) == 8
    assert [r.validation_loss for r in found[:3]] == [0.7, None, 0.7]
    assert found[0].patient_balanced_accuracy == 1
    (tmp_path / "out" / "letter.txt").write_text("mine")
    with pytest.raises(PerfuscopeError, match="out holds other things than this recipe's trials"):
        list(sweep.sweep(patients(), small, tmp_path / "out", say=lambda line: None))
