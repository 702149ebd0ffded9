"""A prediction as a picture for documents: the crop, the crop with its activation map over it, a bar a label."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.types import LABELS, Probabilities, RgbImage
from models import overlay

_COLOURS = ("#2b86bd", "#e69f00", "#d9480f")


@dataclass(frozen=True, slots=True, eq=False)
class Shown:
    """One row of the picture."""

    title: str
    crop: RgbImage
    activation: NDArray[np.float32]
    """For the label to explain, values 0 to 1, any shape (rows, columns)."""
    probabilities: Probabilities


def draw(rows: Sequence[Shown], path: Path, *, note: str) -> None:
    """Write a PNG with a row a prediction; ``note`` stands below (where the patients come from, for instance)."""
    from matplotlib.figure import Figure  # noqa: PLC0415 - slow to load, and an extra

    figure = Figure(figsize=(9.6, 3.1 * len(rows) + 0.4), layout="constrained", dpi=110)
    grid = figure.subplots(len(rows), 3, width_ratios=(1, 1, 1.2), squeeze=False)
    for shown, (image, over, bars) in zip(rows, grid, strict=True):
        image.imshow(shown.crop)
        image.set_title(shown.title, loc="left", fontsize=10)
        over.imshow(blended(shown.crop, shown.activation))
        over.set_title(f"activation for {shown.probabilities.label.value}", loc="left", fontsize=10)
        image.set_axis_off()
        over.set_axis_off()
        _bars(bars, shown.probabilities)
    figure.supxlabel(note, fontsize=9)
    figure.savefig(path, metadata={"Software": None})


def blended(crop: RgbImage, activation: NDArray[np.float32]) -> RgbImage:
    """A square crop in dark grey with the activation over it, as on the report page."""
    return overlay.laid_over(overlay.dimmed(crop, len(crop)), overlay.enlarged(activation, len(crop)), overlay.OPACITY)


def _bars(axes: Any, probabilities: Probabilities) -> None:
    values = [probabilities[label] for label in LABELS]
    axes.barh(range(len(LABELS)), values, color=_COLOURS, height=0.55)
    for i, value in enumerate(values):
        axes.text(min(value + 0.02, 0.86), i, f"{100 * value:.1f} %", va="center", fontsize=9)
    axes.set_yticks(range(len(LABELS)), [label.value for label in LABELS])
    axes.set(xlim=(0, 1), ylim=(len(LABELS) - 0.4, -0.6))
    axes.set_xticks([])
    axes.spines[:].set_visible(False)
