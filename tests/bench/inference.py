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
    shipped = artifact.load(artifact.find("mobilenet-sim-1"))
    one, two = Classifier(shipped), Classifier(shipped, threads=2)
    works: dict[str, Callable[[], object]] = {
        "one thread, as a worker has": lambda: one.run(tensor),
        "two threads": lambda: two.run(tensor),
        "keras": lambda: keras_model.predict(tensor[np.newaxis], verbose=0),
    }
    for work in works.values():
        work()
    seconds = alternating({name: _timed(work) for name, work in works.items()}, rounds=_ROUNDS)
    yield Row("one image: keras.Model.predict", f"{seconds['keras'] * 1000:.1f} ms")
    for name in works:
        if name != "keras":
            ratio = seconds["keras"] / seconds[name]
            yield Row(f"one image: LiteRT, {name}", f"{seconds[name] * 1000:.1f} ms", f"{ratio:.1f} x keras", "15 x")


def _timed(work: Callable[[], object]) -> Callable[[], float]:
    def seconds() -> float:
        started = time.perf_counter()
        work()
        return time.perf_counter() - started

    return seconds
