"""A fixed text of a screen, by which the screen is known: never read as a text, only compared."""

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from dicom_node.layouts.box import Box
from dicom_node.layouts.errors import LayoutError

_MIN_LIT = 20


@dataclass(frozen=True, slots=True)
class Caption:
    """The pixels of a box that are lit where the screen shows its fixed text."""

    box: Box
    lit_from: int
    """A pixel is lit when its brightest channel is at least this."""
    agreement: float
    """Lit pixels in both over lit pixels in either (Jaccard index) that is needed."""
    bits: str = field(repr=False)
    """The box's pixels row by row, most significant bit first, padded with zeros to whole bytes, in hex."""

    def __post_init__(self) -> None:
        rows, columns = self.box.shape
        if rows < 1 or columns < 1:
            raise LayoutError("caption.box must be [left, top, right, bottom] with left < right, top < bottom")
        if not 1 <= self.lit_from <= 255:
            raise LayoutError("caption.lit_from must be from 1 to 255")
        if not 0.5 <= self.agreement <= 1:
            raise LayoutError("caption.agreement must be from 0.5 to 1")
        expected = 2 * math.ceil(rows * columns / 8)
        if len(self.bits) != expected or not set(self.bits) <= set("0123456789abcdef"):
            raise LayoutError(f"caption.bits must be {expected} lower-case hex digits for its box")
        if self.template.sum() < _MIN_LIT:
            raise LayoutError(f"caption.bits must have at least {_MIN_LIT} lit pixels")

    @property
    def template(self) -> NDArray[np.bool_]:
        """The lit pixels, shape (rows, columns) of the box."""
        rows, columns = self.box.shape
        flat = np.unpackbits(np.frombuffer(bytes.fromhex(self.bits), np.uint8), count=rows * columns)
        return flat.astype(bool).reshape(rows, columns)

    def excludes(self, other: "Caption") -> bool:
        """Whether no image can agree with both (the Jaccard distance is a metric: triangle inequality)."""
        if self.box != other.box or self.lit_from != other.lit_from:
            return False
        slack = (1 - self.agreement) + (1 - other.agreement)
        return 1 - jaccard(self.template, other.template) > slack


def jaccard(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> float:
    """Pixels set in both over pixels set in either, 0 to 1; 0 if none is set."""
    either = int(np.count_nonzero(a | b))
    return int(np.count_nonzero(a & b)) / either if either else 0.0
