"""Two proofs that exports give nobody away: canaries in every attribute, and an answer key in ten actions."""

import io
import warnings
from typing import Any

from evidence import midi
from evidence.midi_instances import instances
from planting import Canaries, as_unknown_vr, full
from pydicom import Dataset, dcmread

from dicom_node.deidentify import Dates, Key, deidentify

INSTANCES = 300
_KEY = Key(bytes(range(32)))
_UNREADABLE = (0x00041130, 0x00280400, 0x00280402, 0x10000010)
"""pydicom writes these, and refuses to read them in a data set."""


def canaries() -> dict[str, Any]:
    """How many canaries were planted and how many are left, as built, as read from a file, and in VR UN."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return {"sets": [_hunt(kind, dates) for kind in ("built", "read from a file", "in VR UN") for dates in Dates]}


def _hunt(kind: str, dates: Dates) -> dict[str, Any]:
    planted = Canaries()
    ds = as_unknown_vr(planted) if kind == "in VR UN" else full(planted)
    lost = 0
    if kind != "built":
        lost = sum(ds.pop(tag, None) is not None for tag in _UNREADABLE)
        ds = dcmread(io.BytesIO(_written(ds)), force=True)
    clean = deidentify(ds, key=_KEY, dates=dates)
    file = io.BytesIO()
    clean.save_as(file, enforce_file_format=True)
    left = planted.left_in(file.getvalue(), clean, times=dates is Dates.REMOVED)
    asked = len(planted) - lost - (len(planted.temporal) if dates is Dates.MODIFIED else 0)
    return {"kind": kind, "dates": dates.value, "planted": asked, "left": len(left)}


def _written(ds: Dataset) -> bytes:
    file = io.BytesIO()
    ds.save_as(file, implicit_vr=False, little_endian=True)
    return file.getvalue()


def answer_key() -> dict[str, Any]:
    """The answer key in the ten actions of MIDI-B."""
    return midi.score(instances(INSTANCES)).as_dict()


def canaries_page(step: dict[str, Any]) -> list[str]:
    lines = ["## Canaries in de-identified headers", ""]
    lines += [
        f"{step['at']}: a unique value in every attribute of PS3.15 Table E.1-1 (2026c) that pydicom knows, at the "
    ]
    lines += [
        "top and nested one, two and three deep, in private groups, overlays, curves, file meta, preamble, unknown "
    ]
    lines += ["and foreign attributes. Where dates are moved, dates and times are not counted: they stay, moved.", ""]
    lines += ["| Data set | Dates | Planted | Left |", "|---|---|---|---|"]
    lines += [f"| {one['kind']} | {one['dates']} | {one['planted']} | {one['left']} |" for one in step["sets"]]
    return [*lines, ""]


def answer_key_page(step: dict[str, Any]) -> list[str]:
    shares = ", ".join(f"{number} {modality}" for modality, number in step["modalities"].items())
    lines = ["## An answer key in the ten actions of MIDI-B", ""]
    lines += [f"{step['at']}: {step['instances']} invented instances ({shares}), exported with moved dates.", ""]
    lines += ["| Action | Passed | Asked | Share |", "|---|---|---|---|"]
    for action, found in step["actions"].items():
        share = found["passed"] / max(found["asked"], 1)
        lines += [f"| {action} | {found['passed']} | {found['asked']} | {share:.2%} |"]
    return [*lines, ""]
