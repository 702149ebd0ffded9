"""Work beside the window: one thread, in the order of asking; answers are handed over in Tk's own thread."""

import tkinter as tk
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from core.errors import PerfuscopeError

_LOOK_EVERY_MS = 30


@dataclass(frozen=True, slots=True)
class _Asked:
    future: Future[Any]
    done: Callable[[Any], None]
    failed: Callable[[str], None]


class Thread:
    """A ``presenter.Work``: runs jobs in its thread, and looks for their ends whenever Tk has time."""

    def __init__(self, root: tk.Misc) -> None:
        self._root = root
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="desk")
        self._asked: deque[_Asked] = deque()
        self._timer = root.after(_LOOK_EVERY_MS, self._look)

    def __call__(self, job: Callable[[], Any], *, done: Callable[[Any], None], failed: Callable[[str], None]) -> None:
        """Have ``job`` done; one of the others is told in Tk's thread."""
        self._asked.append(_Asked(self._pool.submit(job), done, failed))

    def stop(self) -> None:
        """Forget what was asked; a job that runs ends by itself."""
        self._root.after_cancel(self._timer)
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _look(self) -> None:
        self._timer = self._root.after(_LOOK_EVERY_MS, self._look)
        while self._asked and self._asked[0].future.done():
            _tell(self._asked.popleft())


def _tell(asked: _Asked) -> None:
    """Hand over how a job went; what is no fault of the input is a mistake of ours and surfaces."""
    error = asked.future.exception()
    if error is None:
        asked.done(asked.future.result())
    elif isinstance(error, PerfuscopeError):
        asked.failed(str(error))
    elif isinstance(error, OSError):
        asked.failed(f"A file cannot be used: {error.strerror or type(error).__name__}.")
    else:
        asked.failed(f"Perfuscope made a mistake ({type(error).__name__}) and has no result.")
        raise error
