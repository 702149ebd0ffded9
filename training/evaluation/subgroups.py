"""The figures of parts of the patients: by whatever the data set knows of them."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from core.types import LABELS, Label
from models.figures import Proportion, Record
from training.evaluation.answers import Answers, Cohort

LEAST = 5
"""No figure is given of fewer patients."""

_BANDS: Mapping[str, tuple[tuple[float, str], ...]] = {
    "age_years": ((60, "below 60"), (75, "60 to 74"), (np.inf, "75 and above")),
    "severity_stress": ((0.3, "below 0.3"), (0.45, "0.3 to 0.45"), (np.inf, "0.45 and above")),
    "extent_percent": ((10, "below 10 %"), (20, "10 to 20 %"), (np.inf, "20 % and above")),
    "ef_stress": ((40, "below 40 %"), (55, "40 to 55 %"), (np.inf, "55 % and above")),
    "edv_stress_ml": ((70, "below 70 ml"), (120, "70 to 120 ml"), (np.inf, "120 ml and above")),
}
_AS_THEY_ARE = ("sex", "territory", "territories", "layout", "site", "protocol", "provenance")
_NAMES = {
    "age_years": "age",
    "severity_stress": "severity at stress",
    "extent_percent": "extent of the defect",
    "ef_stress": "EF at stress",
    "edv_stress_ml": "EDV at stress",
}
_SIMULATED = {"severity_stress", "extent_percent", "territory", "territories"}


class Group(Record):
    """Patients that share a fact; proportions are None where fewer than five patients count."""

    fact: str
    value: str
    n: int
    labels: Mapping[Label, int]
    accuracy: Proportion | None
    sensitivity: Proportion | None
    """Abnormal patients that were called abnormal, whichever of the two."""
    specificity: Proportion | None
    """Normal patients that were called normal."""


def groups(cohort: Cohort, answers: Answers) -> tuple[Group, ...]:
    """Every fact of the data set with at least two values, in the order of sex, age, territory and so on."""
    found: list[Group] = []
    for fact in ("sex", "age_years", *(f for f in (*_AS_THEY_ARE, *_BANDS) if f not in {"sex", "age_years"})):
        values = [_value(row, fact) for row in cohort.facts]
        known = _in_order(fact, {value for value in values if value})
        if len(known) > 1:
            name = _NAMES.get(fact, fact)
            if fact in _SIMULATED and cohort.source == "simulated":
                name = f"{name} (simulated)"
            found += [_group(name, value, values, cohort, answers) for value in known]
    return tuple(found)


def _value(row: Mapping[str, str | float], fact: str) -> str:
    value = row.get(fact, "")
    if fact == "territory" and "+" in str(value):
        return "several"
    if fact not in _BANDS:
        return f"{value:g}" if isinstance(value, float) else value
    if not isinstance(value, float) or (fact in {"severity_stress", "extent_percent"} and value == 0):
        return ""
    return next(name for above, name in _BANDS[fact] if value < above)


def _in_order(fact: str, values: set[str]) -> list[str]:
    return [name for _, name in _BANDS[fact] if name in values] if fact in _BANDS else sorted(values)


def _group(fact: str, value: str, values: Sequence[str], cohort: Cohort, answers: Answers) -> Group:
    inside = np.array([other == value for other in values])
    truth, given = cohort.labels[inside], answers.labels[:, inside]
    abnormal = truth > 0
    return Group(
        fact=fact,
        value=value,
        n=int(inside.sum()),
        labels={label: int((truth == i).sum()) for i, label in enumerate(LABELS)},
        accuracy=_share(given == truth),
        sensitivity=_share(given[:, abnormal] > 0),
        specificity=_share(given[:, ~abnormal] == 0),
    )


def _share(hits: NDArray[np.bool_]) -> Proportion | None:
    """Of patients, averaged over repeats and rounded to whole ones; None of fewer than five."""
    repeats, n = hits.shape
    return Proportion.of(round(float(hits.sum()) / repeats), n) if n >= LEAST else None
