"""Exact Grad-CAM without TensorFlow: the gradient of a logit through the dense head is three matrix products.

Selvaraju et al., Grad-CAM, ICCV 2017. The pooled gradient of a logit with respect to channel k of the last
feature map is its gradient with respect to the pooled value of k, divided by the number of positions.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Head:
    """The dense head: pooled (1024,) -> ReLU (128,) -> ReLU (256,) -> logits (3,)."""

    kernels: tuple[Floats, Floats, Floats]
    biases: tuple[Floats, Floats, Floats]

    def logits(self, features: Floats) -> Floats:
        """The logits, shape (3,), of a last feature map of shape (7, 7, 1024)."""
        *_, hidden = self._hidden(features)
        return np.asarray(hidden @ self.kernels[2] + self.biases[2], dtype=np.float32)

    def activation(self, features: Floats) -> Floats:
        """The class activation maps, shape (7, 7, 3): one a label, from 0 to 1, all 0 where nothing speaks for it."""
        maps = np.maximum(features @ self._gradients(features).T, 0)
        peaks = maps.max(axis=(0, 1))
        return np.asarray(maps / np.where(peaks > 0, peaks, 1), dtype=np.float32)

    def _hidden(self, features: Floats) -> tuple[Floats, Floats]:
        first = np.maximum(features.mean(axis=(0, 1)) @ self.kernels[0] + self.biases[0], 0)
        return first, np.maximum(first @ self.kernels[1] + self.biases[1], 0)

    def _gradients(self, features: Floats) -> Floats:
        """The weight of each channel for each logit, shape (3, 1024)."""
        first, second = self._hidden(features)
        at_second = self.kernels[2].T * (second > 0)
        at_first = (at_second @ self.kernels[1].T) * (first > 0)
        return np.asarray(at_first @ self.kernels[0].T / (features.shape[0] * features.shape[1]), dtype=np.float32)


def save(head: Head, path: Path) -> None:
    """Write the head as ``.npz``; the same head gives the same bytes."""
    (k0, k1, k2), (b0, b1, b2) = head.kernels, head.biases
    np.savez(path, kernel_0=k0, kernel_1=k1, kernel_2=k2, bias_0=b0, bias_1=b1, bias_2=b2)


def load(path: Path) -> Head:
    """Read what ``save`` wrote; ValueError or KeyError if the file is something else."""
    with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
        kernels = [np.asarray(arrays[f"kernel_{i}"], dtype=np.float32) for i in range(3)]
        biases = [np.asarray(arrays[f"bias_{i}"], dtype=np.float32) for i in range(3)]
    return Head(kernels=(kernels[0], kernels[1], kernels[2]), biases=(biases[0], biases[1], biases[2]))
