"""A LiteRT network in one thread of one process: float arrays in by name or shape, float arrays out."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.errors import PerfuscopeError
from models.chatter import quiet_stderr

Floats = NDArray[np.float32]


class Interpreter:
    """A loaded network; make it after a fork. PerfuscopeError, naming the model, if the file is no network."""

    def __init__(self, path: Path, *, name: str, threads: int) -> None:
        from ai_edge_litert import interpreter  # noqa: PLC0415 - native code: only where it is used

        self._name = name
        with quiet_stderr():
            try:
                self._native = interpreter.Interpreter(model_path=str(path), num_threads=threads)
                self._native.allocate_tensors()
            except (ValueError, RuntimeError) as error:
                raise PerfuscopeError(f"LiteRT cannot load the model of {name}.") from error

    def input(self, shape: tuple[int, ...]) -> Any:
        """The key of the one input of that shape; PerfuscopeError without one. -1 stands for any number."""
        return self._find(self._native.get_input_details(), shape)

    def output(self, shape: tuple[int, ...]) -> Any:
        """The key of the one output of that shape; PerfuscopeError without one. -1 stands for any number."""
        return self._find(self._native.get_output_details(), shape)

    def run(self, inputs: Mapping[Any, Floats]) -> None:
        """One pass with these inputs by key."""
        for key, values in inputs.items():
            self._native.set_tensor(key, values)
        self._native.invoke()

    def read(self, key: Any) -> Floats:
        """An output of the last pass, copied."""
        return np.array(self._native.get_tensor(key), dtype=np.float32)

    def _find(self, tensors: list[dict[str, Any]], shape: tuple[int, ...]) -> Any:
        for tensor in tensors:
            found = tuple(int(n) for n in tensor["shape"])
            fits = len(found) == len(shape) and all(b in {a, -1} for a, b in zip(found, shape, strict=True))
            if fits and tensor["dtype"] is np.float32:
                return tensor["index"]
        raise PerfuscopeError(f"The model of {self._name} has no 32-bit float tensor of shape {shape}.")
