"""From a trained Keras network to LiteRT files: 32-bit floats, and 8-bit integers within. Needs TensorFlow."""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models import mobilenet
from models.chatter import quiet_stderr
from models.preprocess import scale

_SHOWN = 120
"""Crops that show the converter the range of each layer's values."""


def to_litert(model: Any) -> bytes:
    """The LiteRT file of a network: input (1, 224, 224, 3), outputs logits (1, 3) and feature map (1, 7, 7, 1024)."""
    return _converted(model, None)


def to_int8(model: Any, crops: NDArray[np.uint8]) -> bytes:
    """The same with weights and layers in 8-bit integers; what goes in and comes out stays 32-bit floats.

    ``crops``, shape (n, 224, 224, 3), are training images: their values set the ranges.
    """
    chosen = crops[np.linspace(0, len(crops) - 1, min(_SHOWN, len(crops))).astype(int)]

    def examples() -> Iterator[list[NDArray[np.float32]]]:
        for crop in chosen:
            yield [scale(crop[np.newaxis])]

    def quantise(converter: Any) -> None:
        import tensorflow as tf  # noqa: PLC0415

        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = examples

    return _converted(model, quantise)


def _converted(model: Any, prepare: Callable[[Any], None] | None) -> bytes:
    import keras  # noqa: PLC0415 - importing this module must not load TensorFlow
    import tensorflow as tf  # noqa: PLC0415

    exported = mobilenet.logits_and_features(model)
    shape = tf.TensorSpec((1, *model.input.shape[1:]), tf.float32, name="pixels")
    archive = keras.export.ExportArchive()
    archive.track(exported)
    archive.add_endpoint("serve", lambda pixels: _named(exported(pixels, training=False)), input_signature=[shape])
    with tempfile.TemporaryDirectory() as folder, quiet_stderr():
        archive.write_out(folder, verbose=False)
        converter = tf.lite.TFLiteConverter.from_saved_model(str(Path(folder)))
        if prepare:
            prepare(converter)
        return bytes(converter.convert())


def _named(outputs: Sequence[Any]) -> dict[str, Any]:
    return dict(zip(("logits", "features"), outputs, strict=True))
