"""A source of DICOM studies, one folder a patient, with a table of labels as `simulate` and `export` write it."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from core.errors import PerfuscopeError, Rejected
from core.pixels import RgbImage
from core.types import Reason, View
from dicom_node.layouts import Layout
from dicom_node.prepare import Prepared, prepare
from dicom_node.rules import ViewRule
from training.datasets.crops import may_be_screen
from training.datasets.importing import Draft, Load, Material, missing
from training.datasets.studies import Truth, truths

_DAMAGED = {Reason.UNDECODABLE, Reason.TOO_LARGE}


def material(source: Path, table: Path, *, layouts: Sequence[Layout], rules: Sequence[ViewRule]) -> Material:
    """The patients that the table names; PerfuscopeError for a table that is none, or a patient without a folder."""
    rows = truths(source, table)
    for truth in rows:
        if not truth.folder.is_dir():
            raise PerfuscopeError(f"{table.name} names {truth.patient}, but {truth.folder} is no folder.")
    return Material(
        patients=[(truth.patient, partial(_draft, truth, layouts, rules)) for truth in rows],
        left_out={},
        source="simulated" if all(truth.simulated for truth in rows) else "clinical",
        where=source,
    )


def _draft(truth: Truth, layouts: Sequence[Layout], rules: Sequence[ViewRule]) -> Draft:
    views: dict[View, Load] = {}
    for path in filter(may_be_screen, sorted(truth.folder.glob("*.dcm"))):
        prepared = _prepared(path, layouts, rules)
        if prepared is None:
            continue
        if prepared.view in views:
            raise Rejected(Reason.AMBIGUOUS, prepared.view.value)
        views[prepared.view] = partial(_pixels, prepared.screen_pixels)
    if gone := missing(views):
        raise Rejected(Reason.INCOMPLETE, f"without {', '.join(gone)}")
    return Draft(truth.patient, truth.label, views, dict(truth.facts))


def _prepared(path: Path, layouts: Sequence[Layout], rules: Sequence[ViewRule]) -> Prepared | None:
    try:
        found = prepare(path, layouts=layouts, rules=rules)
    except Rejected as rejected:
        if rejected.reason in _DAMAGED:
            raise PerfuscopeError(f"{path} cannot be used: {rejected.reason.sentence}.") from None
        raise Rejected(rejected.reason, f"{path.name} {rejected.detail}".strip()) from None
    return found if isinstance(found, Prepared) else None


def _pixels(pixels: RgbImage) -> RgbImage:
    return pixels
