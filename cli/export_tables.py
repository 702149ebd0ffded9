"""What lies beside exported studies: the label table, and the report of what was searched and left out."""

import csv
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core import DISCLAIMER, __version__
from core.errors import PerfuscopeError
from core.types import LABELS, Label

if TYPE_CHECKING:
    from db.exports import Material
    from dicom_node.exporting import StudyExport

TRUTH = "truth.csv"
REPORT = "leak-report.json"
COLUMNS = (
    *("patient_id", "label", "label_source", "simulated", "status"),
    *(f"p_{label.value}" for label in LABELS),
    "model",
)


@dataclass(frozen=True, slots=True)
class Labels:
    """Where labels come from: the site's own table by patient ID, or else the model's results."""

    given: Mapping[str, Label] | None = field(default=None, repr=False)

    @classmethod
    def read(cls, path: Path | None) -> "Labels":
        """From a CSV file with the columns patient_id and label; PerfuscopeError for a file that is no such table."""
        if path is None:
            return cls()
        rows = _rows(path)
        if not rows or not {"patient_id", "label"} <= rows[0].keys():
            msg = f"{path.name} needs the columns patient_id and label, and one row a patient"
            raise PerfuscopeError(msg)
        found: dict[str, Label] = {}
        for line, row in enumerate(rows, start=2):
            patient_id, said = (row["patient_id"] or "").strip(), (row["label"] or "").strip().lower()
            if not patient_id:
                msg = f"{path.name}, line {line}: no patient_id"
                raise PerfuscopeError(msg)
            if said not in set(Label):
                msg = f"{path.name}, line {line}: label must be one of {', '.join(Label)}"
                raise PerfuscopeError(msg)
            if found.setdefault(patient_id, Label(said)) != said:
                msg = f"{path.name}, line {line}: the patient has another label above"
                raise PerfuscopeError(msg)
        return cls(found)

    def of(self, material: "Material") -> dict[str, Any] | None:
        """The label's part of a study's row in truth.csv; None without a label."""
        said = material.said
        row: dict[str, Any] = {}
        if said is not None:
            row = {"status": said.status.value, "model": said.model}
            row |= {f"p_{name}": f"{p:.6f}" for name, p in said.probabilities.as_dict().items()}
        if self.given is None:
            return {**row, "label": said.label.value, "label_source": "model"} if said else None
        label = self.given.get(material.patient_id.reveal().strip())
        return {**row, "label": label.value, "label_source": "given"} if label else None


def _rows(path: Path) -> list[dict[str, Any]]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            return list(csv.DictReader(file))
    except (UnicodeError, csv.Error):
        msg = f"{path.name} cannot be read as a CSV table in UTF-8"
        raise PerfuscopeError(msg) from None


@dataclass(slots=True)
class Done:
    """What an export has done so far."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    studies: list["StudyExport"] = field(default_factory=list)

    def add(self, one: "StudyExport", label: Mapping[str, Any] | None) -> None:
        """Count a study; one that is not left out gets its row."""
        self.studies.append(one)
        if one.patient and label is not None:
            self.rows.append({"patient_id": one.patient, "simulated": "yes" if one.simulated else "no", **label})

    def write(self, out: Path, options: Mapping[str, Any]) -> dict[str, Any]:
        """Write truth.csv, in the order of pseudonyms, and leak-report.json; the report."""
        with (out / TRUTH).open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, COLUMNS, restval="", lineterminator="\n")
            writer.writeheader()
            writer.writerows(sorted(self.rows, key=lambda row: str(row["patient_id"])))
        report = self._report(options)
        (out / REPORT).write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
        return report

    def _report(self, options: Mapping[str, Any]) -> dict[str, Any]:
        left_out = [item for one in self.studies for item in one.left_out]
        return {
            "made_by": f"Perfuscope {__version__}",
            "made_on": datetime.now(UTC).date().isoformat(),
            "disclaimer": DISCLAIMER,
            "profile": "PS3.15 E.1 Basic Application Confidentiality Profile, Clean Pixel Data Option",
            "options": dict(options),
            "patients": len(self.rows),
            "labels": dict(Counter(row["label"] for row in self.rows)),
            "labels_from": "the model: no truth" if not self._given else "the table that was given",
            "files": sum(one.files for one in self.studies),
            "searched_for": {
                "words_of_original_headers": sum(one.words for one in self.studies),
                "found": sum(one.leaks for one in self.studies),
            },
            "left_out": dict(Counter(item.why for item in left_out).most_common()),
            "left_out_one_by_one": [
                {
                    "study": str(item.study_id),
                    "object": str(item.instance_id) if item.instance_id else None,
                    "why": item.why,
                }
                for item in left_out
            ],
        }

    @property
    def _given(self) -> bool:
        return any(row["label_source"] == "given" for row in self.rows)
