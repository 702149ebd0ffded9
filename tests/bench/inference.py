"""LiteRT against ``keras.Model.predict``, one image at a time."""

import os
import time
from collections.abc import Callable, Iterator

import numpy as np
from row import Row, alternating

from models import artifact
from models.classifier import Classifier

_ROUNDS = 20


def rows() -> Iterator[Row]:
    """The same network's forward pass on one image of 224 x 224."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from models import mobilenet

    tensor = np.random.default_rng(1).uniform(-1, 1, (224, 224, 3)).astype(np.float32)
    keras_model = mobilenet.build(None)
    classifier = Classifier(artifact.load(artifact.shipped()))
    works: dict[str, Callable[[], object]] = {
        "ours": lambda: classifier.run(tensor),
        "keras": lambda: keras_model.predict(tensor[np.newaxis], verbose=0),
    }
    for work in works.values():
        work()
    seconds = alternating({name: _timed(work) for name, work in works.items()}, rounds=_ROUNDS)
    yield Row("one image: keras.Model.predict", f"{seconds['keras'] * 1000:.1f} ms")
    ratio = seconds["keras"] / seconds["ours"]
    yield Row("one image: LiteRT, one thread", f"{seconds['ours'] * 1000:.1f} ms", f"{ratio:.1f} x keras", "15 x")


def _timed(work: Callable[[], object]) -> Callable[[], float]:
    def seconds() -> float:
        started = time.perf_counter()
        work()
        return time.perf_counter() - started

    return seconds
