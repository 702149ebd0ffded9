"""Deciding on candidates: one by one, by name and time, and always open to another thought."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from core.errors import PerfuscopeError
from training.datasets import duplicates
from training.datasets import manifest as manifests
from training.datasets.manifest import CANDIDATES, Candidate, Decision, Manifest, Patient
from training.datasets.synthetic import joined

_WORDS = {"accept": True, "accepted": True, "a": True, "reject": False, "rejected": False, "r": False}


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A real patient whose screen is near a candidate's, and how far it is: 0 the same, 1 nothing in common."""

    patient: Patient
    distance: float


def pending(manifest: Manifest) -> list[Candidate]:
    """The candidates on which nobody decided."""
    return [candidate for candidate in manifest.candidates if candidate.decision is None]


def neighbours(manifest: Manifest, candidate: Candidate, *, count: int = 3) -> list[Neighbour]:
    """The real patients who train and whose crop of the same view is nearest, the nearest first.

    Only of those who train: whoever reviews must not choose after the patients that test.
    """
    real = [p for p in manifest.patients if p.provenance.kind == "original" and p.subset == "train"]
    hashes = [crop.hash for patient in real if (crop := patient.views[candidate.view].crop) is not None]
    apart = duplicates.distances(candidate.crop.hash, hashes)
    order = sorted(range(len(real)), key=lambda k: apart[k])[:count]
    return [Neighbour(real[k], float(apart[k])) for k in order]


def decide(folder: Path, file: str, *, accepted: bool | None, by: str) -> Manifest:
    """Write down what a person said of the candidate in ``file``; None takes a decision back.

    The manifest is saved at once, so that a review may stop and go on at any time.
    """
    manifest = manifests.load(folder)
    after = _decided(manifest, file, accepted=accepted, by=by)
    manifests.save(folder, after)
    return after


def decide_by_table(folder: Path, table: Path, *, command: str) -> Manifest:
    """The decisions of a CSV file with the columns file, decision (accept or reject) and by: all of them or none."""
    try:
        with table.open(newline="", encoding="utf-8-sig") as opened:
            rows = list(csv.DictReader(opened))
    except (UnicodeError, csv.Error):
        raise PerfuscopeError(f"{table} cannot be read as a CSV table in UTF-8.") from None
    if not rows or not {"file", "decision", "by"} <= rows[0].keys():
        raise PerfuscopeError(f"{table} needs the columns file, decision and by, and one row a candidate.")
    manifest = manifests.load(folder)
    for line, row in enumerate(rows, start=2):
        said, by = (row["decision"] or "").strip().lower(), (row["by"] or "").strip()
        if said not in _WORDS:
            raise PerfuscopeError(f"{table}, line {line}: decision must be accept or reject.")
        if not by:
            raise PerfuscopeError(f"{table}, line {line}: by must say who decided.")
        try:
            manifest = _decided(manifest, (row["file"] or "").strip(), accepted=_WORDS[said], by=by)
        except PerfuscopeError as error:
            raise PerfuscopeError(f"{table}, line {line}: {error}") from None
    after = manifest.also(command)
    manifests.save(folder, after)
    return after


def _decided(manifest: Manifest, file: str, *, accepted: bool | None, by: str) -> Manifest:
    name = Path(file).name
    place = next((k for k, one in enumerate(manifest.candidates) if Path(one.crop.file).name == name), None)
    if place is None:
        raise PerfuscopeError(f"{file or 'an empty name'} is no candidate; candidates are the files in {CANDIDATES}.")
    said = None
    if accepted is not None:
        said = Decision(accepted=accepted, by=by, at=datetime.now(UTC).replace(microsecond=0))
    candidates = list(manifest.candidates)
    candidates[place] = candidates[place].model_copy(update={"decision": said})
    return joined(manifest.model_copy(update={"candidates": tuple(candidates)}))


def tally(candidates: Sequence[Candidate]) -> tuple[int, int, int]:
    """How many were accepted, rejected, and wait."""
    said = [candidate.decision for candidate in candidates]
    accepted = sum(one is not None and one.accepted for one in said)
    waiting = sum(one is None for one in said)
    return accepted, len(said) - accepted - waiting, waiting
