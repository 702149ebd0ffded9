"""Figures as SVG that takes its colours from the page, so that they are legible by day, by night and on paper."""

import io
import re
from collections.abc import Callable
from typing import Any

from core.types import LABELS

INK, QUIET, RULE, GROUND, ACCENT = "#000001", "#000002", "#000003", "#000004", "#000005"
LABEL_COLOURS = {label.value: f"#00001{i}" for i, label in enumerate(LABELS)}
_VARIABLES = {
    INK: "var(--ink)",
    QUIET: "var(--quiet)",
    RULE: "var(--rule)",
    GROUND: "var(--card)",
    ACCENT: "var(--accent)",
    **{colour: f"var(--{label})" for label, colour in LABEL_COLOURS.items()},
}
"""Colours nobody would draw with stand for the page's variables."""

_STYLE = {
    "svg.fonttype": "none",  # text stays text: it can be searched, and takes the page's font
    "font.size": 9.5,
    "text.color": INK,
    "axes.edgecolor": RULE,
    "axes.labelcolor": QUIET,
    "axes.facecolor": "none",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": QUIET,
    "ytick.color": QUIET,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "grid.color": RULE,
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
    "legend.frameon": False,
}


def svg(draw: Callable[[Any], None], *, name: str, title: str, width: float = 4.6, height: float = 3.8) -> str:
    """What ``draw`` makes of axes, as an SVG element; ``name`` keeps its ids apart from other figures' on the page."""
    import matplotlib as mpl  # noqa: PLC0415 - slow to load, and an extra
    from matplotlib.figure import Figure  # noqa: PLC0415

    with mpl.rc_context({**_STYLE, "svg.hashsalt": name}):
        figure = Figure(figsize=(width, height), layout="constrained")
        draw(figure.subplots())
        file = io.BytesIO()
        figure.savefig(file, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    return _inline(file.getvalue().decode(), name=name, title=title)


def _inline(text: str, *, name: str, title: str) -> str:
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r'(?<=\bid=")|(?<=url\(#)|(?<=href="#)', f"{name}-", text)
    for colour, variable in _VARIABLES.items():
        text = text.replace(colour, variable)
    text = re.sub(r' (width|height)="[\d.]+pt"', "", text, count=2)
    return text.replace("<svg ", f'<svg role="img" aria-label="{title}" ', 1)


def square(axes: Any, x: str, y: str) -> None:
    """Both axes from 0 to 1, with a quiet grid."""
    axes.set(xlim=(0, 1), ylim=(0, 1.005), xlabel=x, ylabel=y, aspect="equal")
    axes.grid(visible=True)
    ticks = (0, 0.25, 0.5, 0.75, 1)
    axes.set_xticks(ticks, ["0", ".25", ".5", ".75", "1"])
    axes.set_yticks(ticks, ["0", ".25", ".5", ".75", "1"])
