"""The network: MobileNet V1 (Howard et al., 2017) with the dense head of the original work. Needs Keras.

The network is one chain of layers, so any part of it can be run alone with the same weights: the frozen
part once for all images, the trained part again and again.
"""

from pathlib import Path
from typing import Any

from core.types import LABELS
from models.explain import Head
from models.preprocess import SIZE

BASE_LAYERS = 86
"""Layers of the convolutional base; the pooling layer comes next."""

HEAD_FROM = BASE_LAYERS + 1
"""Index of the head's first dense layer."""

FINE_TUNED_FROM = 60
"""Index of the first base layer that stage 2 trains."""

DENSE = ("dense_128", "dense_256", "logits")
"""Names of the head's dense layers."""


def build(weights: Path | str | None, *, dropout: tuple[float, float] = (0.3, 0.4)) -> Any:
    """A Keras model from (n, 224, 224, 3) in -1..1 to (n, 3) probabilities, its base frozen.

    ``weights`` is ``"imagenet"`` (Keras downloads and caches them), the path of a weights file for the base
    without top, or None (random). The dense layer ``logits`` comes before the softmax.
    """
    from keras import Model, applications, layers  # noqa: PLC0415 - importing models must not load TensorFlow

    source = None if weights is None else str(weights)
    base = applications.MobileNet(weights=source, include_top=False, input_shape=(SIZE, SIZE, 3))
    x = layers.GlobalAveragePooling2D(name="pooled")(base.output)
    x = layers.Dense(128, activation="relu", name=DENSE[0])(x)
    x = layers.Dropout(dropout[0], name="dropout_1")(x)
    x = layers.Dense(256, activation="relu", name=DENSE[1])(x)
    x = layers.Dropout(dropout[1], name="dropout_2")(x)
    x = layers.Dense(len(LABELS), name=DENSE[2])(x)
    model = Model(base.input, layers.Softmax(name="probabilities")(x), name="perfuscope_mobilenet")
    freeze(model, below=HEAD_FROM)
    return model


def freeze(model: Any, *, below: int, norms: str = "frozen") -> None:
    """Train only the layers from index ``below`` on, and of those a BatchNorm only where ``norms`` is ``trained``.

    ``trainable = False`` is the one thing that keeps a BatchNorm in inference mode under ``fit``: calling the
    base with ``training=False`` does not, and its moving means would drift.
    """
    from keras import layers  # noqa: PLC0415

    for index, layer in enumerate(model.layers):
        held = norms == "frozen" and isinstance(layer, layers.BatchNormalization)
        layer.trainable = index >= below and not held


def segment(model: Any, start: int, stop: int | None = None) -> Any:
    """Layers ``start`` to ``stop`` (exclusive) of the chain as a model of its own that shares their weights."""
    from keras import Input, Model  # noqa: PLC0415

    inner = [layer for layer in model.layers[start:stop] if layer is not model.layers[0]]
    x = inputs = Input(shape=inner[0].input.shape[1:])
    for layer in inner:
        x = layer(x)
    return Model(inputs, x)


def logits_and_features(model: Any) -> Any:
    """The model that is exported: the same input, outputs logits (n, 3) and last feature map (n, 7, 7, 1024)."""
    from keras import Model  # noqa: PLC0415

    return Model(model.input, [model.get_layer(DENSE[2]).output, model.layers[BASE_LAYERS - 1].output])


def divide_logits(model: Any, temperature: float) -> None:
    """Fold a temperature into the last dense layer: from now on the model's logits are divided by it."""
    layer = model.get_layer(DENSE[2])
    layer.set_weights([weights / temperature for weights in layer.get_weights()])


def head(model: Any) -> Head:
    """The weights of the dense head, for the class activation maps."""
    (k0, b0), (k1, b1), (k2, b2) = (model.get_layer(name).get_weights() for name in DENSE)
    return Head(kernels=(k0, k1, k2), biases=(b0, b1, b2))
