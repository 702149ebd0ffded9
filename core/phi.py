"""An identified value that shows itself to nobody who does not ask for it by name."""

from collections.abc import Callable
from typing import TYPE_CHECKING, NoReturn, final

WITHHELD = "[withheld]"
"""What stands where a value would have been printed."""


@final
class Phi:
    """Text that could name a patient. ``reveal`` is the only way to it.

    Not a ``str``: a type checker finds every place that would use it as one. Whatever prints, formats, dumps or
    serialises it gets ``WITHHELD`` or a ``TypeError`` without the value. Empty text is false.
    """

    __slots__ = ("_tell",)
    _tell: Callable[[], str]  # a function, so that a dump of attributes has nothing to show

    def __init__(self, value: str) -> None:
        if not isinstance(value, str):
            raise TypeError("Phi is made of text")  # neither the value nor its type's name
        text = str(value)  # a UID or another kind of text becomes plain
        object.__setattr__(self, "_tell", lambda: text)

    def reveal(self) -> str:
        """The value. Whoever calls this answers for where it goes."""
        return self._tell()

    def __bool__(self) -> bool:
        return bool(self._tell())

    def __hash__(self) -> int:
        return hash((Phi, self._tell()))

    if not TYPE_CHECKING:  # a checker that knows of no __eq__ refuses comparison with text, which is never true

        def __eq__(self, other: object) -> bool:
            return self._tell() == other._tell() if isinstance(other, Phi) else NotImplemented

    def __repr__(self) -> str:
        return WITHHELD

    def __format__(self, _spec: str) -> str:
        return WITHHELD

    def __setattr__(self, _name: str, _value: object) -> NoReturn:
        raise TypeError("Phi does not change")

    def __delattr__(self, _name: str) -> NoReturn:
        raise TypeError("Phi does not change")

    def __copy__(self) -> "Phi":
        return self

    def __deepcopy__(self, _memo: object) -> "Phi":
        return self

    def __getstate__(self) -> NoReturn:
        raise TypeError("Phi is not serialised")

    def __reduce_ex__(self, _protocol: object) -> NoReturn:
        raise TypeError("Phi is not serialised")


NOTHING = Phi("")
"""Where a header says nothing."""
