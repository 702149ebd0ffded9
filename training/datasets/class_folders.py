"""Screens sorted by hand: ``Normal/``, ``Ischemia/`` and ``Infarction/`` with pictures named ``<patient>_<view>``."""

import re
from collections import defaultdict
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from core.errors import PerfuscopeError, Rejected
from core.pixels import RgbImage
from core.types import Label, Reason, View
from dicom_node import prepare
from dicom_node.decode import decode
from models.figures import Source
from training.datasets import pictures
from training.datasets.importing import Draft, Material, missing

_CLASSES = {
    "normal": Label.NORMAL,
    "ischemia": Label.ISCHEMIA,
    "ischaemia": Label.ISCHEMIA,
    "infarction": Label.INFARCTION,
    "infarct": Label.INFARCTION,
}
_GAP = r"[\s_.\-]*"
_SPELLINGS = {
    View.STRESS_QGS: rf"(?:stress{_GAP}qgs|qgs{_GAP}stress|str{_GAP}qgs|s{_GAP}qgs)",
    View.REST_QGS: rf"(?:rest{_GAP}qgs|qgs{_GAP}rest|r{_GAP}qgs)",
    View.QPS: "qps",
}
_NAMES = {
    view: re.compile(rf"(?P<patient>.*[^\s_.\-])[\s_.\-]+{spelled}", re.IGNORECASE)
    for view, spelled in _SPELLINGS.items()
}
_PICTURES = {".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".gif", ".webp", ".dcm"}
_SAFE = re.compile(r"[^\w.\-]+")


def material(source: Path, *, made: Source) -> Material:
    """The patients in the class folders; PerfuscopeError for a folder that is no class, or a patient in two of them."""
    left_out: dict[str, str] = {}
    files: dict[str, dict[View, list[Path]]] = defaultdict(lambda: defaultdict(list))
    labels: dict[str, tuple[Label, Path]] = {}
    for label, path in _pictures(source):
        named = name_of(path)
        if named is None:
            left_out[f"{path.parent.name}/{path.name}"] = "its name does not end in _qps, _stress_qgs or _rest_qgs"
            continue
        patient, view = named
        before, other = labels.setdefault(patient.casefold(), (label, path))
        if before != label:
            msg = f"{path} and {other} put patient {patient} into two classes; a patient has one."
            raise PerfuscopeError(msg)
        files[patient.casefold()][view].append(path)
    return Material(_drafts(files, labels), left_out, made, source)


def name_of(path: Path) -> tuple[str, View] | None:
    """Patient and view from a file name: ``12_qps``, ``12 Stress QGS``, ``12-sqgs``; None if it names no view."""
    for view, pattern in _NAMES.items():
        found = pattern.fullmatch(path.stem.strip())
        if found:
            return _SAFE.sub("-", found["patient"]), view
    return None


def is_source(source: Path) -> bool:
    """Whether a folder has a class folder in it."""
    return source.is_dir() and any(entry.name.casefold() in _CLASSES for entry in source.iterdir() if entry.is_dir())


def _pictures(source: Path) -> list[tuple[Label, Path]]:
    found = []
    for folder in sorted(entry for entry in source.iterdir() if entry.is_dir() and entry.name[0] != "."):
        label = _CLASSES.get(folder.name.casefold())
        if label is None:
            raise PerfuscopeError(f"{folder} is no class; the class folders are Normal, Ischemia and Infarction.")
        files = sorted(path for path in folder.iterdir() if path.suffix.casefold() in _PICTURES and path.name[0] != ".")
        found += [(label, path) for path in files]
    return found


def _drafts(
    files: Mapping[str, Mapping[View, list[Path]]], labels: Mapping[str, tuple[Label, Path]]
) -> list[tuple[str, partial[Draft]]]:
    drafts = []
    for key, views in files.items():
        label, first = labels[key]
        patient = (name_of(first) or (key, View.QPS))[0]
        drafts.append((patient, partial(_draft, patient, label, views)))
    return drafts


def _draft(patient: str, label: Label, views: Mapping[View, list[Path]]) -> Draft:
    twice = [f"{view.value} ({', '.join(path.name for path in paths)})" for view, paths in views.items() if paths[1:]]
    if twice:
        raise Rejected(Reason.AMBIGUOUS, twice[0])
    if gone := missing(list(views)):
        raise Rejected(Reason.INCOMPLETE, f"without {', '.join(gone)}")
    return Draft(patient, label, {view: partial(load, paths[0]) for view, paths in views.items()})


def load(path: Path) -> RgbImage:
    """The pixels of a picture or DICOM file; PerfuscopeError names one that cannot be read."""
    content = pictures.content(path)
    if content[128:132] != b"DICM":
        return pictures.decoded(content, path)
    try:
        return decode(prepare.read(path))
    except Rejected as rejected:
        raise PerfuscopeError(f"{path} cannot be used: {rejected.reason.sentence}.") from None
