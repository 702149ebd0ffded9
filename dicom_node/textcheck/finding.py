"""Whether anything is written in what a crop keeps."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from core.pixels import RgbImage
from dicom_node.layouts import Box, Crop, Palette
from dicom_node.textcheck.copies import COPIES
from dicom_node.textcheck.engine import Engine, Line
from dicom_node.textcheck.flattening import exact, flatten
from dicom_node.textcheck.marks import EXACT, LOSSY, marks

MARKS = "marks"
"""The way of looking that reads nothing: figures that stand out of a map."""

LEAST_CHARACTERS = 3
"""Letters and digits of a line that counts; on maps without any, two were read now and then, and surely."""

LEAST_CONFIDENCE = 0.8
"""Of a line that counts; the surest that was read on 660 maps without text, each on four copies, had 0.72."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where something is written, and on which copy it was seen."""

    panel: str
    """Empty between the panels."""
    box: Box
    """On the crop's canvas."""
    seen_on: str


@dataclass(frozen=True, slots=True)
class TextCheck:
    """What was looked at, how, and where text was found; never the text."""

    places: tuple[Place, ...]
    looked_at: tuple[str, ...]
    exact: bool
    """Whether the pixels were never compressed with loss, which makes the finer limits possible."""
    engine: str
    engine_version: str

    @property
    def found(self) -> bool:
        """Whether text is left that the layout does not allow."""
        return bool(self.places)

    def as_dict(self) -> dict[str, Any]:
        """For storage: codes, places and counts."""
        return {
            "found": self.found,
            "places": [{"panel": p.panel, "box": list(p.box), "seen_on": p.seen_on} for p in self.places],
            "looked_at": list(self.looked_at),
            "exact": self.exact,
            "engine": self.engine,
            "engine_version": self.engine_version,
        }


def find_text(crop: Crop, engine: Engine, *, allowed: Sequence[str], palette: Palette) -> TextCheck:
    """Look for writing in the kept circles, on copies of the crop and in what stands out of its maps.

    The quick way comes first. Unless the layout allows any text, looking ends with the first one that is found; what
    passes was looked at in every way.
    ``allowed`` are captions that may stand there, compared by their letters and digits; ``palette`` is the layout's.
    Raises Unavailable("ocr_failed") if the reader breaks.
    """
    flats = flatten(crop, palette)
    fine = exact(flats.values())
    captions = {_plain(text) for text in allowed}
    standing = marks(flats, EXACT if fine else LOSSY)
    looked_at = [MARKS]
    foreign: list[Place] = []
    fixed: list[Box] = []
    for name, copy in COPIES.items():
        if (foreign or standing) and not captions:
            break
        looked_at.append(name)
        for line in engine.read(copy(crop, flats.values())):
            if _plain(line.text) in captions:
                fixed.append(line.box)
            elif _counts(line):
                foreign.append(Place(_panel(crop, line.box), line.box, name))
    places = [*(Place(panel, box, MARKS) for panel, box in standing), *foreign]
    return TextCheck(
        places=tuple(place for place in places if not _covered(place.box, fixed)),
        looked_at=tuple(looked_at),
        exact=fine,
        engine=engine.name,
        engine_version=engine.version,
    )


def lines_on(pixels: RgbImage, engine: Engine) -> int:
    """How many lines of writing an image shows, read as it is and inverted; for images that no layout keeps parts of.

    Raises Unavailable("ocr_failed") if the reader breaks.
    """
    return sum(_counts(line) for copy in (pixels, 255 - pixels) for line in engine.read(copy))


def _counts(line: Line) -> bool:
    return len(_plain(line.text)) >= LEAST_CHARACTERS and line.confidence >= LEAST_CONFIDENCE


def _plain(text: str) -> str:
    return "".join(c for c in text.casefold() if c.isalnum())


def _panel(crop: Crop, box: Box) -> str:
    x, y = (box.left + box.right) / 2, (box.top + box.bottom) / 2
    return next((name for name, b in crop.boxes.items() if b.left <= x < b.right and b.top <= y < b.bottom), "")


def _covered(box: Box, captions: Iterable[Box]) -> bool:
    """Whether most of a box lies in a caption that may stand there."""
    area = (box.right - box.left) * (box.bottom - box.top)
    return any(_shared(box, caption) >= 0.5 * area for caption in captions)


def _shared(a: Box, b: Box) -> int:
    width = min(a.right, b.right) - max(a.left, b.left)
    height = min(a.bottom, b.bottom) - max(a.top, b.top)
    return max(width, 0) * max(height, 0)
