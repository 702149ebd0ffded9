"""How much of what could be asked for ever is asked: a part of it in ``make test``, all in ``make evidence``.

What is left out is spread over all there is.
"""

import os
from collections.abc import Iterable
from itertools import product
from typing import Any

WHOLE = os.environ.get("TEST_SIZE") == "whole"


def size(whole: int, small: int) -> int:
    """How many examples, patients or rounds."""
    return whole if WHOLE else small


def crossed(*axes: Iterable[Any], every: int) -> list[tuple[Any, ...]]:
    """Each value of each axis with each of the others; in ``make test`` one of so many combinations.

    Every value still occurs, where the others are at least so many together.
    """
    numbered = product(*(enumerate(axis) for axis in axes))
    told = [(sum(number for number, _ in one), tuple(value for _, value in one)) for one in numbered]
    return [values for number, values in told if WHOLE or number % every == 0]


def spread(values: dict[str, Any], every: int) -> dict[str, Any]:
    """All of them; in ``make test`` one of so many."""
    return {key: values[key] for number, key in enumerate(values) if WHOLE or number % every == 0}
