"""The study network: one small MobileNet for all three views, their features and the quantities into one decision.

Needs Keras. The backbone is MobileNet V1 (Howard et al., 2017), narrow, with one of its five equal blocks and without
its last two strides: an image of SIZE pixels already has the resolution of a polar map. Its feature maps are 7 x 7.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.types import LABELS, REQUIRED_VIEWS
from models.study_head import Head
from models.study_input import SIZE

Floats = NDArray[np.float32]

WIDTH = 0.25
"""MobileNet's alpha: 0.25 gives 256 channels."""
HIDDEN = 32
_BLOCKS = (
    (64, 1),
    (128, 2),
    (128, 1),
    (256, 2),
    (256, 1),
    (512, 1),
    (512, 1),
    (1024, 1),
    (1024, 1),
)
"""Channels before WIDTH and stride of every depthwise separable block."""


def build(feature_mean: Floats, feature_deviation: Floats, *, dropout: float = 0.3) -> Any:
    """A Keras model from ``images`` (n, 3, SIZE, SIZE, 3) and ``features`` (n, F) to one decision.

    Outputs: ``study_logits`` (n, 3), ``view_logits`` (n, 3 views, 3), ``feature_maps`` (n, 3 views, 7, 7, channels).
    Features are standardised inside, by the mean and deviation given.
    """
    from keras import Input, Model, layers, ops  # noqa: PLC0415 - importing models must not load TensorFlow

    views, labels = len(REQUIRED_VIEWS), len(LABELS)
    images = Input((views, SIZE, SIZE, 3), name="images")
    quantities = Input((len(feature_mean),), name="features")
    together = ops.reshape(images, (-1, SIZE, SIZE, 3))
    maps = backbone()(together)
    maps = ops.reshape(maps, (-1, views, *maps.shape[1:]))
    pooled = ops.mean(maps, axis=(2, 3))
    scale = layers.Normalization(mean=feature_mean, variance=np.square(feature_deviation), name="standardised")
    standard = scale(quantities)
    both = layers.Concatenate(name="joined")([layers.Flatten()(pooled), standard])
    hidden = layers.Dense(HIDDEN, activation="relu", name="hidden")(layers.Dropout(dropout, name="thinned")(both))
    last = layers.Concatenate(name="evidence")([layers.Dropout(dropout, name="thinned_hidden")(hidden), standard])
    study = layers.Dense(labels, name="study_logits")(last)
    own = [layers.Dense(labels, name=f"view_logits_{k}")(pooled[:, k]) for k in range(views)]
    outputs = {
        "study_logits": study,
        "view_logits": ops.stack(own, axis=1),
        "feature_maps": maps,
    }
    return Model({"images": images, "features": quantities}, outputs, name="perfuscope_study")


def backbone() -> Any:
    """The shared layers: (n, SIZE, SIZE, 3) to (n, 7, 7, 1024 * WIDTH)."""
    from keras import Input, Model, layers  # noqa: PLC0415

    inputs = Input((SIZE, SIZE, 3))
    x = layers.Conv2D(int(32 * WIDTH), 3, strides=2, padding="same", use_bias=False, name="conv_0")(inputs)
    x = layers.ReLU(6.0, name="conv_0_relu")(layers.BatchNormalization(momentum=0.9, name="conv_0_bn")(x))
    for k, (channels, stride) in enumerate(_BLOCKS, start=1):
        x = layers.DepthwiseConv2D(3, strides=stride, padding="same", use_bias=False, name=f"deep_{k}")(x)
        x = layers.ReLU(6.0, name=f"deep_{k}_relu")(layers.BatchNormalization(momentum=0.9, name=f"deep_{k}_bn")(x))
        x = layers.Conv2D(int(channels * WIDTH), 1, use_bias=False, name=f"point_{k}")(x)
        x = layers.ReLU(6.0, name=f"point_{k}_relu")(layers.BatchNormalization(momentum=0.9, name=f"point_{k}_bn")(x))
    return Model(inputs, x, name="backbone")


def freeze(model: Any, *, whole_backbone: bool) -> None:
    """Train the head only, or the backbone with it; a BatchNorm never: its moving means would drift under ``fit``."""
    from keras import layers  # noqa: PLC0415

    for layer in model.get_layer("backbone").layers:
        layer.trainable = not whole_backbone and not isinstance(layer, layers.BatchNormalization)


def compile_for(model: Any, learning_rate: Any, views_weight: float) -> None:
    """Get the model ready to learn; the loss of the views' own logits weighs ``views_weight`` of the study's."""
    import keras  # noqa: PLC0415

    loss = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.05)
    model.compile(
        optimizer=keras.optimizers.AdamW(learning_rate, weight_decay=1e-3),
        loss={"study_logits": loss, "view_logits": loss},
        loss_weights={"study_logits": 1.0, "view_logits": views_weight},
    )


def targets(
    labels: NDArray[np.intp], weights: NDArray[np.float32]
) -> tuple[dict[str, NDArray[np.float32]], dict[str, NDArray[np.float32]]]:
    """Answers and weights by output, for labels (n,) and a weight a patient (n,): a view's answer is its patient's."""
    views = len(REQUIRED_VIEWS)
    answers = np.eye(len(LABELS), dtype=np.float32)[labels]
    return (
        {"study_logits": answers, "view_logits": np.repeat(answers[:, None], views, axis=1)},
        {"study_logits": weights, "view_logits": np.repeat(weights[:, None], views, axis=1)},
    )


def head(model: Any) -> Head:
    """The weights of everything above the feature maps."""
    mean, variance = (np.asarray(getattr(model.get_layer("standardised"), name)) for name in ("mean", "variance"))
    views = [model.get_layer(f"view_logits_{k}").get_weights() for k in range(len(REQUIRED_VIEWS))]
    hidden, study = model.get_layer("hidden").get_weights(), model.get_layer("study_logits").get_weights()
    return Head(
        mean=mean.ravel().astype(np.float32),
        deviation=np.sqrt(variance).ravel().astype(np.float32),
        hidden_kernel=hidden[0],
        hidden_bias=hidden[1],
        study_kernel=study[0],
        study_bias=study[1],
        view_kernels=np.stack([w[0] for w in views]),
        view_biases=np.stack([w[1] for w in views]),
    )


def put_head(model: Any, head: Head) -> None:
    """Write ``head``'s weights into the model; the features' standards stay as they are."""
    model.get_layer("hidden").set_weights([head.hidden_kernel, head.hidden_bias])
    model.get_layer("study_logits").set_weights([head.study_kernel, head.study_bias])
    for k in range(len(REQUIRED_VIEWS)):
        model.get_layer(f"view_logits_{k}").set_weights([head.view_kernels[k], head.view_biases[k]])
