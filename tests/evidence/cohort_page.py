"""Figures of models over cohorts: means, intervals, paired differences, and the section of docs/evidence.md."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

FIGURES = (
    "balanced accuracy",
    "AUC",
    "recall of normal",
    "recall of ischemia",
    "recall of infarction",
    "recall of ischemia at specificity 0.65",
    "specificity reached",
)
SPECIFICITY = 0.65
_DRAWS = 2000


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """A model's label of n patients, and how abnormal it thinks they are, in any unit."""

    labels: NDArray[np.intp]
    abnormality: NDArray[np.floating]
    truth: NDArray[np.intp]
    """The reader's labels."""

    def as_json(self) -> dict[str, Any]:
        """For a file."""
        values = [float(f"{v:.6g}") for v in self.abnormality]
        return {"truth": self.truth.tolist(), "labels": self.labels.tolist(), "abnormality": values}


def summary(rounds: list[dict[str, Any]]) -> dict[str, Any]:
    """Of every model on the common patients and on each cohort's own: means, intervals and differences."""
    names = list(rounds[0])
    places = ("common", "test")
    rows = {place: {name: np.array([_row(held[name], place) for held in rounds]) for name in names} for place in places}
    found: dict[str, Any] = {"cohorts": len(rounds), "figures": list(FIGURES)}
    found |= {place: {name: _interval(rows[place][name]) for name in names} for place in places}
    others = [name for name in names if name != "study"]
    found["study minus"] = {name: _interval(rows["common"]["study"] - rows["common"][name]) for name in others}
    found["AUC of study minus"] = {name: _two_way(rounds, name) for name in others}
    return found


def _row(held: dict[str, Any], place: str) -> list[float]:
    truth, labels = (np.array(held[place][key]) for key in ("truth", "labels"))
    score = np.array(held[place]["abnormality"])
    recalls = [float((labels[truth == k] == k).mean()) for k in range(3)]
    threshold = _threshold(held["validation"])
    above = score > threshold
    at = [float(above[truth == 1].mean()), float((~above[truth == 0]).mean())]
    return [float(np.mean(recalls)), auc(score, truth > 0), *recalls, *at]


def _threshold(validation: dict[str, Any]) -> float:
    """The lowest threshold that leaves SPECIFICITY of the normal validation patients at or below it."""
    score, truth = np.array(validation["abnormality"]), np.array(validation["truth"])
    return float(np.quantile(score[truth == 0], SPECIFICITY, method="higher"))


def auc(score: NDArray[np.floating], positive: NDArray[np.bool_]) -> float:
    """The chance that an abnormal patient has a higher score than a normal one, ties half."""
    ranks, n = rankdata(score), int(positive.sum())
    return float((ranks[positive].sum() - n * (n + 1) / 2) / (n * (len(score) - n)))


def _interval(rows: NDArray[np.floating]) -> list[list[float]]:
    """Mean and bounds of its 95 % interval over cohorts (bootstrap) of every figure."""
    rng = np.random.default_rng(1)
    means = rows[rng.integers(len(rows), size=(_DRAWS, len(rows)))].mean(axis=1)
    bounds = np.quantile(means, [0.025, 0.975], axis=0)
    return [[round(float(v), 4) for v in trio] for trio in zip(rows.mean(axis=0), *bounds, strict=True)]


def _two_way(rounds: list[dict[str, Any]], name: str) -> list[float]:
    """Mean and 95 % interval of the AUC's difference when both cohorts and common patients are drawn anew."""
    rng = np.random.default_rng(2)
    truth = np.array(rounds[0]["study"]["common"]["truth"]) > 0
    scores = {m: [np.array(held[m]["common"]["abnormality"]) for held in rounds] for m in ("study", name)}

    def difference(cohorts: NDArray[np.intp], patients: NDArray[np.intp]) -> float:
        pairs = [(scores["study"][k][patients], scores[name][k][patients]) for k in cohorts]
        return float(np.mean([auc(a, truth[patients]) - auc(b, truth[patients]) for a, b in pairs]))

    whole = difference(np.arange(len(rounds)), np.arange(len(truth)))
    drawn = [
        difference(rng.integers(len(rounds), size=len(rounds)), rng.integers(len(truth), size=len(truth)))
        for _ in range(300)
    ]
    return [round(v, 4) for v in (whole, *np.quantile(drawn, [0.025, 0.975]).tolist())]


def page(step: dict[str, Any]) -> list[str]:
    """Lines for docs/evidence.md."""
    lines = ["## Cohorts of the original's size", ""]
    lines += [f"{step.get('at', '')}: {step['cohorts']} cohorts of 87 simulated patients (63 normal, 20 ischemia, 4 "]
    lines += [
        "infarction), split 55/20/25; figures on simulated patients, no clinical evidence. Mean over cohorts and "
    ]
    lines += [f"95 % interval, on one common set of {step['patients']} fresh patients; `study` was pretrained on "]
    lines += [f"{step['simulated']} patients of the population `elsewhere`.", ""]
    lines += _table(step["common"], step["figures"])
    lines += ["", "On the cohorts' own test patients:", "", *_table(step["test"], step["figures"]), ""]
    lines += ["| `study` minus | balanced accuracy | AUC (cohorts and patients drawn anew) |", "|---|---|---|"]
    for name, trio in step["AUC of study minus"].items():
        lines += [f"| {name} | {_written(step['study minus'][name][0])} | {_written(trio)} |"]
    return [*lines, ""]


def _table(models: dict[str, list[list[float]]], figures: list[str]) -> list[str]:
    rows = [f"| {name} | " + " | ".join(_written(trio) for trio in trios) + " |" for name, trios in models.items()]
    return ["| Model | " + " | ".join(figures) + " |", "|---" * (len(figures) + 1) + "|", *rows]


def _written(trio: list[float]) -> str:
    return f"{trio[0]:.3f} ({trio[1]:.3f} to {trio[2]:.3f})"
