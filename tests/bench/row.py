"""What a measurement says, and how several sides are measured in the same minutes."""

import statistics
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One line of the table; ``aim`` is what it is meant to be, never a pass or fail."""

    what: str
    figure: str
    beside: str = ""
    aim: str = ""


def alternating(sides: dict[str, Callable[[], float]], *, rounds: int) -> dict[str, float]:
    """Median of each side's figure; they take turns, so that all see the same machine, each first once in a while."""
    taken: dict[str, list[float]] = {name: [] for name in sides}
    names = list(sides)
    for number in range(rounds):
        turn = number % len(names)
        for name in names[turn:] + names[:turn]:
            taken[name].append(sides[name]())
    return {name: statistics.median(figures) for name, figures in taken.items()}
