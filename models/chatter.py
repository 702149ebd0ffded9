"""Keeping the greetings that native code prints on file descriptor 2 out of logs and terminals."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quiet_stderr() -> Iterator[None]:
    """Send file descriptor 2 to nowhere for a moment: LiteRT and TensorFlow have no switch for all they print.

    It is the whole process' descriptor, so keep the moment short; exceptions come through as ever.
    """
    sys.stderr.flush()
    kept = os.dup(2)
    nothing = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nothing, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nothing)
