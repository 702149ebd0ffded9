"""The layers that a stage does not train, as one function from images to activations.

LiteRT computes them two to three times as fast as Keras, to the last digits alike, but has to be converted to first:
it does so where a run shows many images to them.
"""

import tempfile
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models import mobilenet
from models.chatter import quiet_stderr
from models.preprocess import scale

Floats = NDArray[np.float32]
Frozen = Callable[[NDArray[np.uint8]], Floats]
"""From images, shape (n, 224, 224, 3), to the activations of the last frozen layer."""

WORTH_CONVERTING = 2_000
"""Images to be seen from which a conversion pays for itself."""
_BATCH = 16


def frozen_part(model: Any, start: int, *, images: int) -> Frozen:
    """The layers below ``start``, for a run that shows ``images`` images to them."""
    part = mobilenet.segment(model, 0, start)
    return _converted(part) if images >= WORTH_CONVERTING else lambda pixels: _by_keras(part, pixels)


def _by_keras(part: Any, pixels: NDArray[np.uint8]) -> Floats:
    pieces = [part.predict_on_batch(scale(pixels[i : i + 48])) for i in range(0, len(pixels), 48)]
    return np.concatenate(pieces)


def _converted(part: Any) -> Frozen:
    """The part as a LiteRT function of batches; the last batch is filled up with black."""
    from ai_edge_litert.interpreter import Interpreter  # noqa: PLC0415

    with quiet_stderr():
        interpreter = Interpreter(model_content=_litert(part), num_threads=2)
        interpreter.allocate_tensors()
    source, result = interpreter.get_input_details()[0]["index"], interpreter.get_output_details()[0]["index"]

    def run(pixels: NDArray[np.uint8]) -> Floats:
        pieces = []
        for start in range(0, len(pixels), _BATCH):
            batch = scale(pixels[start : start + _BATCH])
            filled = np.zeros((_BATCH, *batch.shape[1:]), np.float32)
            filled[: len(batch)] = batch
            interpreter.set_tensor(source, filled)
            interpreter.invoke()
            pieces.append(interpreter.get_tensor(result)[: len(batch)])
        return np.concatenate(pieces)

    return run


def _litert(part: Any) -> bytes:
    import keras  # noqa: PLC0415 - importing this module must not load TensorFlow
    import tensorflow as tf  # noqa: PLC0415

    shape = tf.TensorSpec((_BATCH, *part.input.shape[1:]), tf.float32)
    archive = keras.export.ExportArchive()
    archive.track(part)
    archive.add_endpoint("serve", lambda pixels: part(pixels, training=False), input_signature=[shape])
    with tempfile.TemporaryDirectory() as folder:
        archive.write_out(folder, verbose=False)
        return bytes(tf.lite.TFLiteConverter.from_saved_model(folder).convert())
