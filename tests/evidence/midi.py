"""Scores the export against an answer key in the ten actions of the MIDI-B benchmark.

python tests/evidence/midi.py [--instances 300] [--seed 1]

Prints a table of passed and asked by action as JSON, and the first failures.
"""

import argparse
import io
import json
import sys
import warnings
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from pydicom import Dataset, dcmread

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2]))
    sys.path.insert(0, str(Path(__file__).parents[1]))

from evidence.midi_instances import Act, Instance, instances, values

from dicom_node import layouts
from dicom_node.decode import decode
from dicom_node.deidentify import Dates, Key, export_object

KEY = Key(bytes(range(32)))


@dataclass
class Score:
    """Checks passed and asked, by action, and what failed."""

    asked: Counter[str] = field(default_factory=Counter)
    passed: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    by_modality: Counter[str] = field(default_factory=Counter)

    def as_dict(self) -> dict[str, Any]:
        actions = {act.value: {"passed": self.passed[act], "asked": self.asked[act]} for act in Act}
        return {"instances": self.by_modality.total(), "modalities": dict(self.by_modality), "actions": actions}


@dataclass
class Seen:
    """What earlier instances were turned into: one original, one replacement, and the other way round."""

    forth: dict[tuple[str, str], str] = field(default_factory=dict)
    back: dict[tuple[str, str], str] = field(default_factory=dict)

    def consistent(self, kind: str, old: str, new: str) -> bool:
        return self.forth.setdefault((kind, old), new) == new and self.back.setdefault((kind, new), old) == old


@dataclass(frozen=True)
class Pair:
    """An instance and what came out of it, as read back from its file."""

    source: Instance
    before: Dataset
    after: Dataset
    content: bytes
    seen: Seen

    @cached_property
    def text(self) -> str:
        """The whole file as text, in small letters: it is searched for every identifier."""
        return self.content.decode("latin-1").casefold()

    @cached_property
    def kept(self) -> np.ndarray:
        """Which pixels of a screen the layout keeps."""
        return _kept(self.before)


def _all(pair: Pair, path: str, holds: Callable[[Any, Any], bool]) -> bool:
    """Whether the path has the same number of values on both sides and each pair of them holds."""
    old, new = values(pair.before, path), values(pair.after, path)
    return len(old) == len(new) > 0 and all(holds(a, b) for a, b in zip(old, new, strict=True))


def _removed(pair: Pair, path: str, text: str | None) -> bool:
    if path == "file":
        return str(text).casefold() not in pair.text
    return all(str(text) not in str(value) for value in values(pair.after, path))


def _shifted(pair: Pair, path: str) -> bool:
    """The same number of days for everything of the patient, and not none; what follows the day stays."""

    def moved(old: Any, new: Any) -> bool:
        days = (_day(new) - _day(old)).days
        same = pair.seen.forth.setdefault(("days", pair.source.patient.patient_id), str(days)) == str(days)
        return days != 0 and same and str(new)[8:] == str(old)[8:]

    return _all(pair, path, moved)


def _day(value: Any) -> date:
    text = str(value)
    return date(int(text[:4]), int(text[4:6]), int(text[6:8]))


def _uid_changed(old: Any, new: Any) -> bool:
    return old != new and str(new).startswith("2.25.") and len(str(new)) <= 64


def _kept(screen: Dataset) -> np.ndarray:
    pixels = decode(screen)
    match = layouts.recognise(pixels, layouts.shipped())
    mask = np.zeros(pixels.shape[:2], bool)
    for panel in match.screen.panels:
        rows, columns = np.ogrid[: mask.shape[0], : mask.shape[1]]
        right, down = columns - panel.centre[0], rows - panel.centre[1]
        # A tile is 2 * radius wide: of the last column and row nothing is kept.
        mask |= (right**2 + down**2 <= panel.radius**2) & (right < panel.radius) & (down < panel.radius)
    return mask


def _pixels_retained(pair: Pair) -> bool:
    if pair.source.modality != "OT":
        return bool(pair.before.PixelData == pair.after.PixelData)
    mask = pair.kept
    return bool(np.array_equal(decode(pair.before)[mask], decode(pair.after)[mask]))


def _pixels_hidden(pair: Pair) -> bool:
    """In the identity box nothing is left, and outside the circles only what the layout draws."""
    pixels = decode(pair.after)
    layout = layouts.recognise(pixels, layouts.shipped()).layout
    outside = pixels[~pair.kept]
    drawn = np.zeros(len(outside), bool)
    for colour in ((0, 0, 0), (255, 255, 255), layout.ring.colour):
        drawn |= (outside == colour).all(axis=1)
    return not pixels[layout.identity_box.slices].any() and bool(drawn.all())


def _passes(pair: Pair, act: Act, path: str, text: str | None) -> bool:
    checks: dict[Act, Callable[[], bool]] = {
        Act.TAG_RETAINED: lambda: len(values(pair.after, path)) >= len(values(pair.before, path)) > 0,
        Act.TEXT_NOTNULL: lambda: (
            bool(values(pair.after, path)) and all(str(v or "") for v in values(pair.after, path))
        ),
        Act.TEXT_RETAINED: lambda: _all(pair, path, lambda old, new: bool(old == new)),
        Act.TEXT_REMOVED: lambda: _removed(pair, path, text),
        Act.DATE_SHIFTED: lambda: _shifted(pair, path),
        Act.UID_CHANGED: lambda: _all(pair, path, _uid_changed),
        Act.UID_CONSISTENT: lambda: _all(pair, path, lambda old, new: pair.seen.consistent("uid", str(old), str(new))),
        Act.PATID_CONSISTENT: lambda: _all(
            pair, path, lambda old, new: pair.seen.consistent("patient", str(old), str(new))
        ),
        Act.PIXELS_HIDDEN: lambda: _pixels_hidden(pair),
        Act.PIXELS_RETAINED: lambda: _pixels_retained(pair),
    }
    return checks[act]()


def score(sources: Iterable[Instance]) -> Score:
    """Exports each instance by itself, with moved dates, and asks the key."""
    found, seen = Score(), Seen()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for source in sources:
            found.by_modality[source.modality] += 1
            pair = _pair(source, seen)
            for act, path, text in source.key:
                found.asked[act] += 1
                if _passes(pair, act, path, text):
                    found.passed[act] += 1
                else:
                    found.failures.append(f"{source.modality} {source.ds.SOPInstanceUID}: {act} {path} {text or ''}")
    return found


def _pair(source: Instance, seen: Seen) -> Pair:
    before = dcmread(io.BytesIO(_written(source.ds)))
    content = _written(export_object(before, layouts=layouts.shipped(), key=KEY, dates=Dates.MODIFIED).ds)
    return Pair(source, dcmread(io.BytesIO(_written(source.ds))), dcmread(io.BytesIO(content)), content, seen)


def _written(ds: Dataset) -> bytes:
    file = io.BytesIO()
    ds.save_as(file, enforce_file_format=True)
    return file.getvalue()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--instances", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    found = score(instances(asked.instances, seed=asked.seed))
    sys.stdout.write(json.dumps(found.as_dict()) + "\n")
    sys.stderr.write("\n".join(found.failures[:40]) + "\n")


if __name__ == "__main__":
    main()
