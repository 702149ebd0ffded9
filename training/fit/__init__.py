"""Training by a recipe of kind ``views``: one image, one decision. Only ``fit`` and what it calls needs TensorFlow."""

from training.evaluation.calibration import calibrate
from training.fit.engine import Fitted, fit, fit_parts
from training.fit.network import logits, make_repeatable
from training.fit.trainer import trainer

__all__ = ["Fitted", "calibrate", "fit", "fit_parts", "logits", "make_repeatable", "trainer"]
