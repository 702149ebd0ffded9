"""From a trained Keras network to LiteRT files: 32-bit floats, and 8-bit integers within. Needs TensorFlow."""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models import mobilenet
from models.chatter import quiet_stderr
from models.preprocess import scale

_SHOWN = 120
"""Crops that show the converter the range of each layer's values."""


@dataclass(frozen=True, slots=True)
class Saved:
    """A network as TensorFlow saved it, which takes as long as to convert it."""

    folder: Path

    def to_litert(self) -> bytes:
        """The LiteRT file: input (1, 224, 224, 3), outputs logits (1, 3) and feature map (1, 7, 7, 1024)."""
        return self._converted(None)

    def to_int8(self, crops: NDArray[np.uint8]) -> bytes:
        """The same with weights and layers in 8-bit integers; what goes in and comes out stays 32-bit floats.

        ``crops``, shape (n, 224, 224, 3), are training images: their values set the ranges.
        """
        chosen = crops[np.linspace(0, len(crops) - 1, min(_SHOWN, len(crops))).astype(int)]

        def examples() -> Iterator[list[NDArray[np.float32]]]:
            for crop in chosen:
                yield [scale(crop[np.newaxis])]

        def quantise(converter: Any) -> None:
            import tensorflow as tf  # noqa: PLC0415 - importing this module must not load TensorFlow

            converter.optimizations = [tf.lite.Optimize.DEFAULT]
            converter.representative_dataset = examples

        return self._converted(quantise)

    def _converted(self, prepare: Callable[[Any], None] | None) -> bytes:
        import tensorflow as tf  # noqa: PLC0415

        with quiet_stderr():
            converter = tf.lite.TFLiteConverter.from_saved_model(str(self.folder))
            if prepare:
                prepare(converter)
            return bytes(converter.convert())


@contextmanager
def saved(model: Any) -> Iterator[Saved]:
    """The network in a folder that goes with the context."""
    import keras  # noqa: PLC0415
    import tensorflow as tf  # noqa: PLC0415

    exported = mobilenet.logits_and_features(model)
    shape = tf.TensorSpec((1, *model.input.shape[1:]), tf.float32, name="pixels")
    archive = keras.export.ExportArchive()
    archive.track(exported)
    archive.add_endpoint("serve", lambda pixels: _named(exported(pixels, training=False)), input_signature=[shape])
    with tempfile.TemporaryDirectory() as folder:
        with quiet_stderr():
            archive.write_out(folder, verbose=False)
        yield Saved(Path(folder))


def _named(outputs: Sequence[Any]) -> dict[str, Any]:
    return dict(zip(("logits", "features"), outputs, strict=True))
