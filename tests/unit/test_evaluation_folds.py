"""Cross-validation: nobody is judged by who learned from them, folds are kept, and a stopped run goes on."""

import numpy as np
import pytest

from core.errors import PerfuscopeError
from training.datasets import Dataset
from training.evaluation import baselines as beside
from training.evaluation import bootstrap, cross_validation, folds, report
from training.evaluation.answers import Cohort
from training.evaluation.cross_validation import Plan, divide

PLAN = Plan(repeats=3, folds=2, seed=5)


def patients(n=36, prefix="TEST"):
    labels = np.arange(n) % 3
    pixels = np.random.default_rng(1).integers(0, 256, (n, 3, 8, 8, 3), dtype=np.uint8)
    tpd = np.stack([5.0 * labels, 4.0 * labels], axis=1)
    names = tuple(f"{prefix}-{i}" for i in range(n))
    return Dataset(names, labels, pixels, tpd, {}, "0" * 64, "simulated", facts=tuple({"sex": "F"} for _ in names))


class Trainer:
    """Counts its trainings; its predictor knows the labels with some noise."""

    def __init__(self, *, breaks_after=None):
        self.seen, self.tested, self.breaks_after = [], [], breaks_after

    def __call__(self, train, validation, seed):
        if len(self.seen) == self.breaks_after:
            raise KeyboardInterrupt
        self.seen.append((set(train.patients), set(validation.patients), seed))

        def predict(data):
            self.tested.append(set(data.patients))
            noise = np.random.default_rng(seed).normal(0, 1, (len(data.patients), 3, 3))
            views = 1.5 * np.eye(3)[data.labels][:, None] + noise
            return views.mean(axis=1), views

        return predict


def run(data, trainer, folder, **more):
    return cross_validation.cross_validation(data, trainer, PLAN, run=folder, identity={"recipe": "test"}, **more)


def test_every_patient_is_tested_once_a_repeat_by_a_network_that_never_met_it(tmp_path):
    data, trainer, told = patients(), Trainer(), []
    found = run(data, trainer, tmp_path, progress=lambda done, total: told.append((done, total)))
    assert found.study.shape == (3, 36, 3)
    assert found.views.shape == (3, 36, 3, 3)
    assert len(trainer.seen) == 6
    assert len({seed for _, _, seed in trainer.seen}) == 6
    for (train, validation, _), tested in zip(trainer.seen, trainer.tested, strict=True):
        assert not train & validation
        assert not (train | validation) & tested
        assert train | validation | tested == set(data.patients)
    assert told == [(i + 1, 6) for i in range(6)]


def test_a_stopped_run_goes_on_and_ends_the_same(tmp_path):
    data = patients()
    whole = run(data, Trainer(), tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        run(data, Trainer(breaks_after=2), tmp_path / "stopped")
    (tmp_path / "stopped" / "fold-1-2.json").write_text('[{"patient": "TEST-1"', encoding="utf-8")  # cut short
    rest = Trainer()
    again = run(data, rest, tmp_path / "stopped")
    assert len(rest.seen) == 5
    assert (again.study == whole.study).all()
    assert (again.views == whole.views).all()


def test_another_run_is_not_mixed_with_the_one_that_is_there(tmp_path):
    run(patients(), Trainer(), tmp_path)
    with pytest.raises(PerfuscopeError, match="another recipe, data set or division"):
        run(patients(39), Trainer(), tmp_path)


def test_every_label_is_in_every_fold_and_groups_stay_together():
    labels = patients().labels
    groups = [f"P{i // 6}-{i % 3}" for i in range(36)]
    found = divide(labels, PLAN, groups=groups)
    assert len({tuple(row) for row in found}) > 1
    for row in found:
        assert all(set(labels[row == k]) == {0, 1, 2} for k in (0, 1))
        assert all(len({row[i] for i in range(36) if groups[i] == group}) == 1 for group in groups)


@pytest.mark.parametrize("few", [1, 2, 3])
def test_too_few_patients_of_a_label_are_one_sentence(few):
    labels = np.array([0] * 20 + [1] * 20 + [2] * few)
    with pytest.raises(PerfuscopeError, match=f"^{few} patients with infarction are too few for 2 folds"):
        divide(labels, PLAN, groups=[str(i) for i in range(len(labels))])


@pytest.mark.parametrize("text", ["5", "x2", "0x2", "5x1", "5 x two", "-1x2"])
def test_a_division_that_is_none_says_how_to_write_one(text):
    with pytest.raises(PerfuscopeError, match="such as 5x2"):
        Plan.of(text, seed=1)
    assert Plan.of("5x2", seed=1) == Plan(5, 2, 1)


def test_pooled_folds_make_a_report_with_their_spread(tmp_path):
    data = patients(60)
    pooled = run(data, Trainer(), tmp_path)
    cohort = Cohort.of(data, name="folds")
    answers = folds.answers("test", pooled, data.labels)
    assert answers.study.sum(axis=-1) == pytest.approx(1)
    others = beside.contenders(cohort, rule=None, folds=pooled.folds())
    about = report.About(
        kind="cross-validation",
        model={"name": "Recipe test"},
        command="told",
        review_below=None,
        folds=folds.each_fold(pooled, data.labels, answers),
        temperature=folds.temperature(pooled, data.labels, answers),
    )
    found = report.report(cohort, answers, others, about=about, drawn=bootstrap.draws(data.labels, count=50))
    assert (found.repeats, len(found.folds)) == (3, 6)
    assert sum(fold.n for fold in found.folds) == 3 * 60
    assert found.study.scores.accuracy.n == 60
    assert np.mean([fold.accuracy for fold in found.folds]) == pytest.approx(
        found.study.scores.accuracy.value, abs=0.02
    )
    assert {other.name: other.scores.n for other in found.baselines if other.scores}["TPD rule"] == 60
    assert "mean of 3 repeats on held-out folds" in found.summary
    assert found.study.scores.auc.low < found.study.scores.auc.value
