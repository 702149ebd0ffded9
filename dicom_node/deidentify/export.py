"""One object on its way out: allowed at all, pixels clean, header de-identified, and a report of what that took."""

import warnings
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from pydicom import Dataset

from core.errors import Rejected
from core.types import Reason, View
from dicom_node import textcheck
from dicom_node.decode import PYDICOM_ERRORS
from dicom_node.deidentify import acquired, profile
from dicom_node.deidentify.dates import Dates
from dicom_node.deidentify.key import Key
from dicom_node.deidentify.leftovers import LeftoverReport
from dicom_node.deidentify.pixels import CleanScreen, check, clean_screen
from dicom_node.deidentify.profile import Pixels
from dicom_node.deidentify.refusal import Refusal, exportable, refused
from dicom_node.deidentify.sheets import sheets
from dicom_node.layouts import Layout
from dicom_node.prepare import SCREEN_CLASSES, header_of, read
from dicom_node.rules import DEFAULT_RULES, ViewRule, says_corrected
from dicom_node.textcheck import Engine

_DERIVATION = "Pixels outside the panels of the screen layout removed"


@dataclass(frozen=True, slots=True)
class Exported:
    """A de-identified object, ready to be saved with ``save_as(path, enforce_file_format=True)``."""

    ds: Dataset = field(repr=False)
    report: LeftoverReport
    view: View | None
    """The view of a screen; None for an acquired image."""


def export_object(
    source: Path | Dataset,
    *,
    layouts: Iterable[Layout],
    key: Key,
    dates: Dates = Dates.REMOVED,
    engine: Engine | None = None,
    rules: Iterable[ViewRule] = DEFAULT_RULES,
    sender_ae: str = "",
) -> Exported:
    """The object without identity, from a file or from a data set with file meta, which stays as it is.

    Raises Rejected: NOT_EXPORTABLE with a ``Refusal`` as its detail, or what ``decode`` and ``recognise`` raise, or
    VIEW_MISMATCH; Unavailable if the file cannot be read. With an ``engine`` what is kept is searched for text too.
    ``rules`` and ``sender_ae`` are as for ``prepare``.
    """
    ds = read(source) if isinstance(source, Path) else source
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydicom's warnings print attribute values
        try:
            sop_class = str(ds.get("SOPClassUID") or "")
            if code := exportable(sop_class):
                raise refused(code)
            if sop_class not in SCREEN_CLASSES:
                return _acquired(ds, key, dates=dates, engine=engine)
            rule = next((rule for rule in rules if rule.matches(ds, sender_ae=sender_ae)), None)
            return _screen(ds, tuple(layouts), key, dates=dates, engine=engine, rule=rule)
        except Rejected:
            raise
        except PYDICOM_ERRORS:
            raise refused(Refusal.UNREADABLE) from None


def _screen(
    ds: Dataset, layouts: tuple[Layout, ...], key: Key, *, dates: Dates, engine: Engine | None, rule: ViewRule | None
) -> Exported:
    screen = clean_screen(ds, layouts)
    if rule is not None and rule.view not in {None, screen.match.view}:
        raise Rejected(Reason.VIEW_MISMATCH, f"header {rule.view}, pixels {screen.match.view}")
    if engine:
        layout = screen.match.layout
        if textcheck.find_text(screen.crop, engine, allowed=layout.allowed_text, palette=layout.palette).found:
            raise refused(Refusal.TEXT_FOUND)
    made = profile.examined(screen.ds, of=ds, key=key, dates=dates, pixels=Pixels.CLEAN)
    made.ds.SeriesDescription = _description(screen, ds, rule)
    made.ds.DerivationDescription = _DERIVATION
    check(screen, layouts, header_of(made.ds))  # a layout may ask the header, which is another now
    return Exported(made.ds, made.report, screen.match.view)


def _description(screen: CleanScreen, ds: Dataset, rule: ViewRule | None) -> str:
    """Our own words for what pixels and header say: view and attenuation correction, as ``DEFAULT_RULES`` read them."""
    corrected = False if rule is not None and rule.view is None else says_corrected(ds)
    said = {True: " AC", False: " NAC", None: ""}[corrected]
    return f"{screen.match.view.caption}{said} de-identified"


def _acquired(ds: Dataset, key: Key, *, dates: Dates, engine: Engine | None) -> Exported:
    retained = acquired.retain_pixels(ds)
    if engine and any(textcheck.lines_on(sheet, engine) for sheet in sheets(acquired.frames(retained))):
        raise refused(Refusal.TEXT_FOUND)
    made = profile.examined(retained, of=ds, key=key, dates=dates, pixels=Pixels.CLEAN)
    return Exported(made.ds, made.report, None)
