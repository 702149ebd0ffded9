"""Keeping the greetings that native code prints on file descriptor 2 out of logs and terminals."""

import logging
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


def load_tensorflow() -> None:
    """Load TensorFlow and Keras so that they print nothing of their own, now or later; call it before the first import.

    What goes wrong in them still comes as an exception. ``TF_CPP_MIN_LOG_LEVEL`` is left as it is where it is set.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # read once, when the library is loaded; 3 is: fatal only
    with quiet_stderr():
        import keras  # noqa: F401, PLC0415 - importing this module must not load TensorFlow
        import tensorflow as tf  # noqa: PLC0415

        tf.zeros(())  # the first tensor looks for a GPU, and greets too
    logging.getLogger("tensorflow").setLevel(logging.ERROR)  # it calls a part of a model a retraced function
