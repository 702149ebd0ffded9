"""The picture of a run: loss and accuracy by epoch, of training and of validation, dark on light."""

from collections.abc import Callable, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from training.fit.course import Course, Epoch
from training.fit.writing import write_whole

_TRAIN, _VALIDATION, _MARK = "#1f5fa8", "#b5460f", "#333333"


def draw(courses: Sequence[Course], path: Path) -> None:
    """Write the picture of the stages so far as a PNG; a dotted line parts them, a ring marks each best epoch."""
    import seaborn  # noqa: PLC0415 - drawing alone needs it
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415
    from matplotlib.figure import Figure  # noqa: PLC0415

    with seaborn.axes_style("whitegrid"), seaborn.plotting_context("notebook"):
        figure = Figure(figsize=(11, 4.4), layout="constrained")
        canvas = FigureCanvasAgg(figure)
        left, right = figure.subplots(1, 2)
        _panel(left, courses, "loss", (lambda e: e.loss, lambda e: e.validation_loss))
        _panel(right, courses, "accuracy of images", (lambda e: e.accuracy, lambda e: e.validation_accuracy))
        right.set_ylim(0, 1.02)
        handles, labels = left.get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), frameon=False)
    write_whole(path, canvas.print_png)


def _panel(axes: Any, courses: Sequence[Course], what: str, values: tuple[Callable[[Epoch], float], ...]) -> None:
    import seaborn  # noqa: PLC0415

    epochs = list(chain.from_iterable(course.epochs for course in courses))
    numbers = list(range(1, len(epochs) + 1))
    for value, colour, name in zip(values, (_TRAIN, _VALIDATION), ("training", "validation"), strict=True):
        seaborn.lineplot(x=numbers, y=[value(e) for e in epochs], ax=axes, color=colour, marker="o", label=name)
    begin = 0
    for course in courses:
        if begin:
            axes.axvline(begin + 0.5, color=_MARK, linestyle=":", linewidth=1.2)
        if course.best:
            spot = [begin + course.best.epoch], [values[1](course.best)]
            label = None if begin else "best epoch of a stage"
            axes.plot(*spot, "o", markersize=12, markerfacecolor="none", color=_MARK, label=label)
        begin += len(course.epochs)
    axes.get_legend().remove()
    axes.set(xlabel="epoch", title=what, ylabel="")
    axes.xaxis.get_major_locator().set_params(integer=True)
