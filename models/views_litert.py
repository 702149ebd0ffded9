"""The network of kind "views": one image, one decision; a study's logits are the mean of its views'."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.types import LABELS, REQUIRED_VIEWS, View
from models.explain import Head
from models.litert import Interpreter
from models.network import Seen, SeenView
from models.preprocess import SIZE, scale

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class ViewsNetwork:
    """Input (1, 224, 224, 3); outputs logits (1, 3) and last feature map (1, 7, 7, 1024)."""

    interpreter: Interpreter
    head: Head
    _keys: tuple[Any, Any, Any]

    reads_maps = False

    @classmethod
    def of(cls, interpreter: Interpreter, head: Head) -> "ViewsNetwork":
        """PerfuscopeError unless the tensors are those of the kind."""
        outputs = interpreter.output((1, len(LABELS))), interpreter.output((1, 7, 7, 1024))
        return cls(interpreter, head, (interpreter.input((1, SIZE, SIZE, 3)), *outputs))

    def study(self, pixels: NDArray[np.uint8], _maps: Floats | None) -> Seen:
        """The mean of the views' logits."""
        views = tuple(self._seen(view) for view in pixels)
        return Seen(np.stack([view.logits for view in views]).mean(axis=0), views)

    def view(self, view: View, pixels: NDArray[np.uint8], _maps: Floats | None) -> SeenView:
        """What it says of one image."""
        return self._seen(pixels[REQUIRED_VIEWS.index(view)])

    def run(self, tensor: Floats) -> tuple[Floats, Floats]:
        """Logits (3,) and last feature map (7, 7, 1024) of one tensor (224, 224, 3)."""
        image, logits, features = self._keys
        self.interpreter.run({image: tensor[np.newaxis]})
        return self.interpreter.read(logits)[0], self.interpreter.read(features)[0]

    def _seen(self, pixels: NDArray[np.uint8]) -> SeenView:
        logits, features = self.run(scale(pixels))
        return SeenView(logits, self.head.activation(features), features.mean(axis=(0, 1)))
