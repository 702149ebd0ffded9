"""How processes begin and end: loaded quickly, and never left running when a supervisor or worker is killed."""

import ctypes
import gc
import os
import platform
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

_PR_SET_PDEATHSIG = 1


def end_with_parent(parent: int) -> None:
    """Have this process killed when ``parent`` dies, however it dies: by the kernel on Linux, else by watching.

    The caller says who its parent is: a child that starts slowly may find itself adopted by another one already.
    """
    if platform.system() == "Linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it died in between
            os.kill(os.getpid(), signal.SIGKILL)
        return
    threading.Thread(target=_watch, args=(parent,), name="parent-watch", daemon=True).start()


@contextmanager
def loading() -> Iterator[None]:
    """While modules load: nothing looks for garbage, of which there is none and which takes a sixth of the time.

    Nor is what was loaded ever looked through again, which would hold up one answer in twenty by 0.2 s.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.5)
    os.kill(os.getpid(), signal.SIGKILL)
