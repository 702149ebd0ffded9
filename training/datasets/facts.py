"""What a label table says of a patient beside the label: measurements and sex, never a name or a date."""

import math
from collections.abc import Mapping

from training.datasets.dataset import Fact

_SIMULATED = {"seed", "index", "severity_stress"}
_NO_FACTS = frozenset({"patient_id", "label", "study", "seed", "index"})
_MEASURED = ("tpd", "sss", "srs", "sds", "ef", "edv", "esv", "extent", "severity", "motion", "thickening", "age_years")


def is_simulated(row: Mapping[str, str]) -> bool:
    """The simulator's own table, or one whose export says that the study came from it."""
    return row.keys() >= _SIMULATED or row.get("simulated") == "yes"


def facts_of(row: Mapping[str, str]) -> dict[str, Fact]:
    """Of a simulated patient everything, of a real one numbers of known columns and the sex."""
    simulated = row.keys() >= _SIMULATED
    found: dict[str, Fact] = {}
    for key, said in row.items():
        text = said.strip() if isinstance(said, str) else ""
        if key in _NO_FACTS or not text:
            continue
        number = _number(text)
        if number is not None and (simulated or key.startswith(_MEASURED)):
            found[key] = number
        elif number is None and (simulated or (key == "sex" and text.upper() in {"F", "M", "O"})):
            found[key] = text
    return found


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None
