"""Images as a stage wants them: labelled, weighted, varied, and as the frozen layers show them.

What the frozen layers say of an image is kept where it will be asked for again and there is room. Random choices are
functions of the seed, the stage and the epoch, so a run that goes on after a kill draws what it would have drawn.
"""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from core.types import LABELS, REQUIRED_VIEWS
from training.datasets import Dataset
from training.fit import augment as augmenting
from training.fit.frozen import Floats, Frozen
from training.fit.recipe import Augment

MOST_KEPT_BYTES = 3 * 2**29
"""Of a subset's activations in memory; with TensorFlow and the images a run stays below 4 GB."""

Index = NDArray[np.intp]


class Batch(NamedTuple):
    """Activations, one-hot labels and weights."""

    inputs: Floats
    labels: Floats
    weights: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Samples:
    """Every view of every patient as a sample of its own."""

    images: NDArray[np.uint8]
    labels: NDArray[np.intp]
    weights: Floats

    @classmethod
    def of(cls, data: Dataset, *, weighted: bool) -> "Samples":
        """The samples of ``data``; weighted, every label weighs the same, and a sample 1 on average."""
        labels = np.repeat(data.labels, len(REQUIRED_VIEWS))
        counts = np.bincount(labels, minlength=len(LABELS))
        weights = len(labels) / (len(LABELS) * np.maximum(counts, 1))
        each = weights[labels] if weighted else np.ones(len(labels))
        return cls(data.pixels.reshape(-1, *data.pixels.shape[2:]), labels, each.astype(np.float32))


class Feed:
    """Batches of one subset for one stage; ``augment`` None gives the images as they are."""

    def __init__(self, samples: Samples, frozen: Frozen, *, batch: int, seed: int, augment: Augment | None = None):
        """Takes the frozen layers as a function; nothing is computed yet."""
        self.samples = samples
        self._frozen = frozen
        self._batch = batch
        self._seed = seed
        self._augment = augment
        self._kept: dict[tuple[int, int], Floats] = {}
        self._bytes = 0

    def __len__(self) -> int:
        """Batches an epoch."""
        return len(range(0, len(self.samples.labels), self._batch))

    def in_order(self) -> Iterator[Batch]:
        """The samples from first to last."""
        return self._ahead(np.arange(len(self.samples.labels)), variant=0)

    def shuffled(self, epoch: int) -> Iterator[Batch]:
        """The samples of an epoch, from 1, in that epoch's order and variants."""
        order = np.random.default_rng((self._seed, 0, epoch)).permutation(len(self.samples.labels))
        variants = self._augment.variants if self._augment else 1
        return self._ahead(order, variant=(epoch - 1) % variants if variants else epoch - 1)

    def _ahead(self, order: Index, *, variant: int) -> Iterator[Batch]:
        """Batches in ``order``; while one trains, the next is made."""
        parts = [order[i : i + self._batch] for i in range(0, len(order), self._batch)]
        with ThreadPoolExecutor(max_workers=1) as maker:
            coming: Future[Batch] = maker.submit(self._make, parts[0], variant)
            for part in parts[1:]:
                batch = coming.result()
                coming = maker.submit(self._make, part, variant)
                yield batch
            yield coming.result()

    def _make(self, part: Index, variant: int) -> Batch:
        labels = np.eye(len(LABELS), dtype=np.float32)[self.samples.labels[part]]
        return Batch(self._activations(part, variant), labels, self.samples.weights[part])

    def _activations(self, part: Index, variant: int) -> Floats:
        missing = [int(i) for i in part if (int(i), variant) not in self._kept]
        fresh: dict[int, Floats] = {}
        if missing:
            fresh = dict(zip(missing, self._frozen(self._images(missing, variant)), strict=True))
            self._keep(fresh, variant)
        return np.stack([fresh[int(i)] if int(i) in fresh else self._kept[int(i), variant] for i in part])

    def _keep(self, fresh: dict[int, Floats], variant: int) -> None:
        if self._augment is not None and self._augment.variants == 0:
            return  # no variant comes twice
        for image, activations in fresh.items():
            if self._bytes + activations.nbytes <= MOST_KEPT_BYTES:
                self._kept[image, variant] = activations.copy()  # a view would keep its whole batch
                self._bytes += activations.nbytes

    def _images(self, which: list[int], variant: int) -> NDArray[np.uint8]:
        images = self.samples.images[which]
        if self._augment is None:
            return images
        changes = [augmenting.draw(self._augment, seed=self._seed, epoch=variant, image=i) for i in which]
        pairs = zip(images, changes, strict=True)
        return np.stack([augmenting.apply(image, change, self._augment) for image, change in pairs])
