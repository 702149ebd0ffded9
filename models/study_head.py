"""The study network's head in NumPy, and exact Grad-CAM of each view from its feature map and the head's weights.

Selvaraju et al., Grad-CAM, ICCV 2017. A map shows which places of a view speak for a label of the study: the gradient
of the study's logit by the view's pooled channels is a product of matrices once it is known which hidden units are on.
"""

from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.polar import ANGLES, RINGS

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Head:
    """Everything above the feature maps, for 3 views of c channels, F features, h hidden units and 3 labels.

    Pooled views and standardised features -> ReLU (h,), joined by the features once more -> study logits; each pooled
    view -> its own logits.
    """

    mean: Floats
    deviation: Floats
    hidden_kernel: Floats
    """Shape (3 * c + F, h)."""
    hidden_bias: Floats
    study_kernel: Floats
    """Shape (h + F, 3)."""
    study_bias: Floats
    view_kernels: Floats
    """Shape (3 views, c, 3)."""
    view_biases: Floats

    def study_logits(self, feature_maps: Floats, features: Floats) -> Floats:
        """The study's logits: maps (..., 3, rows, columns, c) and features (..., F) become (..., 3)."""
        evidence = self.evidence(feature_maps.mean(axis=(-3, -2)), features)
        return np.asarray(evidence @ self.study_kernel + self.study_bias, dtype=np.float32)

    def view_logits(self, feature_maps: Floats) -> Floats:
        """Each view's own logits, shape (..., 3 views, 3)."""
        pooled = feature_maps.mean(axis=(-3, -2))
        return np.asarray(np.einsum("...vc,vcl->...vl", pooled, self.view_kernels) + self.view_biases, dtype=np.float32)

    def evidence(self, pooled: Floats, features: Floats) -> Floats:
        """What the last layer weighs, (..., h + F): hidden units of pooled maps (..., 3, c), standardised features."""
        standard = (features - self.mean) / self.deviation
        flat = pooled.reshape(*pooled.shape[:-2], -1)
        hidden = np.maximum(np.concatenate([flat, standard], axis=-1) @ self.hidden_kernel + self.hidden_bias, 0)
        return np.asarray(np.concatenate([hidden, standard], axis=-1), dtype=np.float32)

    def activation(self, feature_maps: Floats, features: Floats) -> Floats:
        """One study's class activation maps, shape (3 views, rows, columns, 3): 0 to 1, one a view and label.

        A view that speaks for a label nowhere is all 0 there.
        """
        maps = self.unscaled_activation(feature_maps, features)
        peaks = maps.max(axis=(1, 2), keepdims=True)
        return np.asarray(maps / np.where(peaks > 0, peaks, 1), dtype=np.float32)

    def unscaled_activation(self, feature_maps: Floats, features: Floats) -> Floats:
        """Grad-CAM before it is scaled: the positive part of the channels weighed by the mean gradient."""
        views, rows, columns, channels = feature_maps.shape
        hidden = self.evidence(feature_maps.mean(axis=(1, 2)), features)[: len(self.hidden_bias)]
        through = self.hidden_kernel[: views * channels] @ (self.study_kernel[: len(hidden)] * (hidden > 0)[:, None])
        weights = through.reshape(views, channels, -1) / (rows * columns)
        return np.asarray(np.maximum(np.einsum("vrck,vkl->vrcl", feature_maps, weights), 0), dtype=np.float32)

    def with_study_layer(self, kernel: Floats, bias: Floats) -> "Head":
        """The same head with another last layer."""
        return replace(self, study_kernel=kernel.astype(np.float32), study_bias=bias.astype(np.float32))

    def divided(self, study: float, views: float) -> "Head":
        """The head whose study logits and view logits are divided by temperatures."""
        return replace(
            self,
            study_kernel=self.study_kernel / np.float32(study),
            study_bias=self.study_bias / np.float32(study),
            view_kernels=self.view_kernels / np.float32(views),
            view_biases=self.view_biases / np.float32(views),
        )


def save(head: Head, path: Path) -> None:
    """Write the head as ``.npz``; the same head gives the same bytes."""
    np.savez(path, **{field.name: getattr(head, field.name) for field in fields(Head)})


def load(path: Path) -> Head:
    """Read what ``save`` wrote; ValueError or KeyError if the file is something else."""
    with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
        return Head(**{field.name: np.asarray(arrays[field.name], dtype=np.float32) for field in fields(Head)})


def peak_in(activation: Floats, area: NDArray[np.bool_]) -> bool:
    """Whether a map's maximum, shape (rows, columns), lies in an area of the polar map, shape (RINGS, ANGLES).

    A cell of the map is wide: its middle counts. False for a map that shows nothing.
    """
    if not activation.any():
        return False
    row, column = np.unravel_index(int(activation.argmax()), activation.shape)
    x = (column + 0.5) / activation.shape[1] * 2 - 1
    y = 1 - (row + 0.5) / activation.shape[0] * 2
    ring = min(int(np.hypot(x, y) * RINGS), RINGS - 1)
    angle = int((np.arctan2(y, x) % (2 * np.pi)) / (2 * np.pi) * ANGLES) % ANGLES
    return bool(area[ring, angle])


def share_in(activations: Floats, areas: NDArray[np.bool_]) -> float:
    """In how many of n maps the maximum lies in its patient's area: (n, rows, columns) and (n, RINGS, ANGLES)."""
    return float(np.mean([peak_in(one, area) for one, area in zip(activations, areas, strict=True)]))
