"""The trials of a sweep as one table and one picture."""

import csv
import io
from collections.abc import Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from training.fit.sweep import PICTURE, TABLE, Result
from training.fit.writing import write_text, write_whole

_PANELS = (("learning rate", "learning_rate"), ("dropout", "dropout"), ("trained from layer", "train_from_layer"))
_LOSS, _ACCURACY = "#1f5fa8", "#b5460f"


def write(results: Sequence[Result], out: Path, *, about: str) -> None:
    """Write ``sweep.csv`` and ``sweep.png`` to the folder ``out``; ``about`` says of whom the figures are."""
    text = io.StringIO()
    writer = csv.DictWriter(text, [field.name for field in fields(Result)], lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(result) for result in results)
    write_text(out / TABLE, text.getvalue())
    _draw(results, out / PICTURE, about=about)


def _draw(results: Sequence[Result], path: Path, *, about: str) -> None:
    import seaborn  # noqa: PLC0415 - drawing alone needs it
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415
    from matplotlib.figure import Figure  # noqa: PLC0415

    with seaborn.axes_style("whitegrid"), seaborn.plotting_context("notebook"):
        figure = Figure(figsize=(12, 6.4), layout="constrained")
        canvas = FigureCanvasAgg(figure)
        figure.suptitle(about)
        grid = figure.subplots(2, len(_PANELS), sharey="row")
        for column, (changed, name) in enumerate(_PANELS):
            shown = [r for r in results if r.changed in {changed, "nothing"}]
            shown.sort(key=lambda result: getattr(result, name))
            _panel(grid[0][column], shown, name, "validation_loss")
            _panel(grid[1][column], shown, name, "patient_balanced_accuracy")
            grid[1][column].set_xlabel(changed)
        grid[0][0].set_ylabel("validation loss")
        grid[1][0].set_ylabel("balanced accuracy\nof validation patients")
        grid[1][0].set_ylim(0, 1.02)
    write_whole(path, canvas.print_png)


def _panel(axes: Any, results: Sequence[Result], name: str, figure: str) -> None:
    """One figure by one thing changed, evenly spaced; the recipe's own is the filled point."""
    usable = [r for r in results if getattr(r, figure) is not None]
    places = {result.trial: place for place, result in enumerate(results)}
    colour = _LOSS if figure == "validation_loss" else _ACCURACY
    axes.plot([places[r.trial] for r in usable], [getattr(r, figure) for r in usable], color=colour, linewidth=1.2)
    for r in usable:
        filled = colour if r.changed == "nothing" else "white"
        axes.plot(places[r.trial], getattr(r, figure), "o", markersize=9, color=colour, markerfacecolor=filled)
    axes.set_xticks(range(len(results)), [_shown(getattr(r, name)) for r in results])
    axes.set_xlim(-0.4, len(results) - 0.6)


def _shown(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
