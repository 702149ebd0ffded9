"""From a stored object to a crop: read, know the view by header and by pixels, cut out what may be kept."""

import re
import warnings
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from pydicom import Dataset, dcmread
from pydicom.filereader import read_file_meta_info

from core.errors import Rejected, Unavailable
from core.maps import Maps
from core.pixels import RgbImage
from core.types import Reason, View
from dicom_node.decode import MAX_PIXELS, PYDICOM_ERRORS, SUPPORTED_SYNTAXES, decode
from dicom_node.layouts import KEYWORDS, Crop, Header, Layout, Match, crop, maps_of, recognise
from dicom_node.measured import InMemory, too_deep
from dicom_node.rules import DEFAULT_RULES, ViewRule, text

MAX_FILE_BYTES = 2 * MAX_PIXELS

SCREEN_CLASSES = frozenset(
    {
        "1.2.840.10008.5.1.4.1.1.7",  # Secondary Capture Image Storage
        "1.2.840.10008.5.1.4.1.1.7.2",  # Multi-frame Grayscale Byte
        "1.2.840.10008.5.1.4.1.1.7.3",  # Multi-frame Grayscale Word
        "1.2.840.10008.5.1.4.1.1.7.4",  # Multi-frame True Color
    }
)
"""SOP classes a screen may come in (PS3.4 B.5); single-bit captures hold no coloured map."""

_NO_SCREEN = frozenset({Reason.WRONG_SIZE, Reason.UNKNOWN_LAYOUT})


@dataclass(frozen=True, slots=True)
class Prepared:
    """A screen whose header and pixels name the same view, and what is kept of it."""

    view: View
    crop: Crop
    layout: Layout = field(repr=False)
    """The one that knew the screen, with its SHA-256 and whether it came with Perfuscope."""
    rule_rank: int
    """Place of the rule that named the view; of several candidates the lowest goes first."""
    acquired_at: str = field(repr=False)
    """``YYYYMMDDHHMMSS.ffffff`` as the header has it, or empty; later text is the newer acquisition."""
    screen_pixels: RgbImage = field(repr=False, compare=False)
    """The whole screen, name and all, for checks within the identified zone; shape (rows, columns, 3)."""

    @property
    def maps(self) -> Maps:
        """Where the crop's polar maps lie, and the scale that they are drawn in."""
        return maps_of(self.crop, self.layout)

    @property
    def layout_name(self) -> str:
        """The layout's name."""
        return self.layout.name

    @property
    def layout_version(self) -> int:
        """The layout's version."""
        return self.layout.version


@dataclass(frozen=True, slots=True)
class Listed:
    """An object that is kept and shown in the list, but not classified."""

    reason: Reason
    acquired_at: str = field(default="", repr=False)


def is_candidate(sop_class_uid: str) -> bool:
    """Whether objects of this SOP class may be screens and deserve a look."""
    return sop_class_uid in SCREEN_CLASSES


def prepare(
    path: Path, *, layouts: Iterable[Layout], rules: Iterable[ViewRule] = DEFAULT_RULES, sender_ae: str = ""
) -> Prepared | Listed:
    """The crop of a stored screen, if header and pixels agree on its view.

    ``sender_ae`` is the AE title that sent it, for rules that are for some senders only; empty: for nobody's own.

    Listed: the header says not attenuation corrected; or no rule matches it and the pixels show no known screen.
    Raises Rejected for quarantine: UNDECODABLE, TOO_LARGE, WRONG_SIZE, UNKNOWN_LAYOUT, VIEW_MISMATCH (also where
    no rule matches but the pixels show a view). Raises Unavailable if the file cannot be read.
    """
    ds = read(path)
    rank, rule, acquired_at = _said(ds, rules, sender_ae)
    if rule is not None and rule.view is None:
        return Listed(Reason.NOT_CORRECTED, acquired_at)
    try:
        pixels = decode(ds)
        match, cut = screen(pixels, layouts=layouts, header=header_of(ds))
    except Rejected as rejected:
        if rule is None and rejected.reason in _NO_SCREEN:
            return Listed(rejected.reason, acquired_at)
        raise
    said = rule.view if rule else None
    if said != match.view:
        raise Rejected(Reason.VIEW_MISMATCH, f"header {said or 'names none'}, pixels {match.view}")
    return Prepared(
        view=match.view,
        crop=cut,
        layout=match.layout,
        rule_rank=rank,
        acquired_at=acquired_at,
        screen_pixels=pixels,
    )


def screen(pixels: RgbImage, *, layouts: Iterable[Layout], header: Header | None = None) -> tuple[Match, Crop]:
    """Recognise and crop an image of shape (rows, columns, 3); raises Rejected as ``recognise`` does."""
    match = recognise(pixels, layouts, header)
    return match, crop(pixels, match)


def header_of(ds: Dataset) -> Header:
    """What layouts may ask of a header; raises Rejected (UNDECODABLE) where it cannot be read."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return {keyword: text(ds, keyword) for keyword in KEYWORDS}
        except PYDICOM_ERRORS:
            raise Rejected(Reason.UNDECODABLE, "not a readable header") from None


def read(path: Path) -> Dataset:
    """A stored object; raises Rejected (TOO_LARGE, UNDECODABLE), and Unavailable if the file cannot be read."""
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise Rejected(Reason.TOO_LARGE)
        content = path.read_bytes()  # a length that lies about the file cannot ask a BytesIO for gigabytes
    except OSError:
        raise Unavailable("file_unreadable") from None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydicom's warnings print attribute values
        try:
            # A deflated data set would be unpacked by reading it, so its syntax is looked at before.
            syntax = read_file_meta_info(path).TransferSyntaxUID
            if syntax in SUPPORTED_SYNTAXES:
                ds = dcmread(InMemory(content))
                if not too_deep(ds):
                    return ds
                raise Rejected(Reason.UNDECODABLE, "sequences nested too deep")
        except PYDICOM_ERRORS:
            raise Rejected(Reason.UNDECODABLE, "not a readable DICOM file") from None
    raise Rejected(Reason.UNDECODABLE, "transfer syntax not supported")


def _said(ds: Dataset, rules: Iterable[ViewRule], sender_ae: str) -> tuple[int, ViewRule | None, str]:
    """What the header says: the first rule that matches and its place, and when the image was acquired."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            matching = ((rank, rule) for rank, rule in enumerate(rules) if rule.matches(ds, sender_ae=sender_ae))
            rank, rule = next(matching, (-1, None))
            return rank, rule, _acquired_at(ds)
        except PYDICOM_ERRORS:
            raise Rejected(Reason.UNDECODABLE, "not a readable header") from None


def _acquired_at(ds: Dataset) -> str:
    whole = re.fullmatch(r"(\d{8})(\d{0,6}(?:\.\d{1,6})?)(?:[-+]\d{4})?", text(ds, "AcquisitionDateTime").strip())
    if whole:
        return _sortable(whole[1], whole[2])
    for source in ("Acquisition", "Content", "Series"):
        date, time = text(ds, f"{source}Date").strip(), text(ds, f"{source}Time").strip()
        if re.fullmatch(r"\d{8}", date):
            return _sortable(date, time)
    return ""


def _sortable(date: str, time: str) -> str:
    """Padded with zeros, so that texts compare as times do; a time that is none counts as midnight."""
    clock = re.fullmatch(r"(\d{0,6})(?:\.(\d{1,6}))?", time)
    seconds, fraction = (clock[1], clock[2] or "") if clock else ("", "")
    return f"{date}{seconds:0<6}.{fraction:0<6}"
