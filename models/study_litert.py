"""The network of kind "study": one decision a patient, from polar maps set against normal limits, by LiteRT."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.errors import Rejected
from core.types import LABELS, REQUIRED_VIEWS, Reason, View
from models import study_features, study_input
from models.card import StudyInput
from models.litert import Interpreter
from models.network import Seen, SeenView
from models.study_head import Head
from models.study_input import NormalLimits

Floats = NDArray[np.float32]

_VIEWS = len(REQUIRED_VIEWS)


@dataclass(frozen=True, slots=True, eq=False)
class StudyNetwork:
    """Inputs images (1, 3, S, S, 3), features (1, F); outputs study logits, view logits and feature maps.

    Rejected(MAPS_MISSING) without polar maps.
    """

    interpreter: Interpreter
    limits: NormalLimits
    head: Head
    _inputs: tuple[Any, Any]
    _outputs: tuple[Any, Any, Any]

    reads_maps = True

    @classmethod
    def of(cls, interpreter: Interpreter, size: StudyInput, *, limits: NormalLimits, head: Head) -> "StudyNetwork":
        """PerfuscopeError unless the tensors are those of the kind."""
        images = interpreter.input((1, _VIEWS, size.size, size.size, 3))
        features = interpreter.input((1, len(size.features)))
        study, views = interpreter.output((1, len(LABELS))), interpreter.output((1, _VIEWS, len(LABELS)))
        maps = interpreter.output((1, _VIEWS, -1, -1, -1))
        return cls(interpreter, limits, head, (images, features), (study, views, maps))

    def study(self, _pixels: NDArray[np.uint8], maps: Floats | None) -> Seen:
        """What it says of a patient with all views."""
        return self._run(*self._prepared(maps))

    def view(self, view: View, _pixels: NDArray[np.uint8], maps: Floats | None) -> SeenView:
        """The view's own logits; the other views' images and the features of the whole are zeros."""
        place = REQUIRED_VIEWS.index(view)
        images, features = self._prepared(maps)
        alone = np.zeros_like(images)
        alone[:, place] = images[:, place]
        return self._run(alone, np.zeros_like(features)).views[place]

    def _prepared(self, maps: Floats | None) -> tuple[Floats, Floats]:
        """Images (1, 3, S, S, 3) and features (1, F)."""
        if maps is None or np.isnan(maps).any():
            raise Rejected(Reason.MAPS_MISSING)
        together = maps[np.newaxis]
        scores = self.limits.scores(together)
        return study_input.images(scores), study_features.features(scores, together)

    def _run(self, images: Floats, features: Floats) -> Seen:
        self.interpreter.run(dict(zip(self._inputs, (images, features), strict=True)))
        study, views, maps = (self.interpreter.read(key)[0] for key in self._outputs)
        activation = self.head.activation(maps, features[0])
        return Seen(
            study,
            tuple(SeenView(views[i], activation[i], maps[i].mean(axis=(0, 1))) for i in range(_VIEWS)),
        )
