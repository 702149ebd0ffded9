"""From the trained study network to its LiteRT file. Needs TensorFlow."""

import tempfile
from typing import Any

from core.types import REQUIRED_VIEWS
from models.chatter import quiet_stderr
from models.study_input import SIZE

OUTPUTS = ("study_logits", "view_logits", "feature_maps")


def to_litert(model: Any) -> bytes:
    """One file for one patient: inputs ``images`` (1, 3, S, S, 3), ``features`` (1, F), outputs as OUTPUTS names them.

    Shapes of the outputs: (1, 3), (1, 3 views, 3) and (1, 3 views, 7, 7, channels).
    """
    import keras  # noqa: PLC0415 - importing this module must not load TensorFlow
    import tensorflow as tf  # noqa: PLC0415

    images = tf.TensorSpec((1, len(REQUIRED_VIEWS), SIZE, SIZE, 3), tf.float32, name="images")
    features = tf.TensorSpec((1, model.get_layer("standardised").mean.shape[-1]), tf.float32, name="features")

    def serve(images: Any, features: Any) -> dict[str, Any]:
        found = model({"images": images, "features": features}, training=False)
        return {name: found[name] for name in OUTPUTS}

    archive = keras.export.ExportArchive()
    archive.track(model)
    archive.add_endpoint("serve", serve, input_signature=[images, features])
    with tempfile.TemporaryDirectory() as folder, quiet_stderr():
        archive.write_out(folder, verbose=False)
        return bytes(tf.lite.TFLiteConverter.from_saved_model(folder).convert())
