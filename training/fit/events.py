"""The figures of a run as TensorBoard reads them. TensorBoard itself is not needed to write them. Needs TensorFlow."""

import shutil
from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from core.errors import PerfuscopeError
from training.fit.course import Course

_TAGS = {
    "loss": "loss/training",
    "validation_loss": "loss/validation",
    "accuracy": "accuracy/training",
    "validation_accuracy": "accuracy/validation",
    "learning_rate": "learning_rate",
}


class Events:
    """A folder with one event file, begun anew by each process and told all epochs so far."""

    def __init__(self, folder: Path):
        """Replaces what an earlier process left in ``folder``; PerfuscopeError if it cannot."""
        import tensorflow as tf  # noqa: PLC0415 - importing this module must not load TensorFlow

        shutil.rmtree(folder, ignore_errors=True)
        self._tf: Any = tf
        self._folder = folder
        self._told = 0
        self._writer: Any = tf.summary.create_file_writer(str(folder))

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, at: TracebackType | None) -> None:
        """Close the file."""
        self._writer.close()

    def update(self, courses: Sequence[Course]) -> None:
        """Write the epochs that are new, numbered on through the stages; PerfuscopeError if the disk is full."""
        epochs = list(chain.from_iterable(course.epochs for course in courses))
        try:
            with self._writer.as_default():
                for number in range(self._told, len(epochs)):
                    for name, tag in _TAGS.items():
                        self._write(tag, getattr(epochs[number], name), number + 1)
            self._writer.flush()
        except self._tf.errors.OpError as error:
            raise PerfuscopeError(f"{self._folder} cannot be written: is the disk full?") from error
        self._told = len(epochs)

    def _write(self, tag: str, value: float, step: int) -> None:
        """A scalar, as TensorBoard's own plugin marks it."""
        metadata = self._tf.compat.v1.SummaryMetadata(
            plugin_data=self._tf.compat.v1.SummaryMetadata.PluginData(plugin_name="scalars"), data_class=1
        )
        self._tf.summary.write(tag, self._tf.constant(value, self._tf.float32), step=step, metadata=metadata)
