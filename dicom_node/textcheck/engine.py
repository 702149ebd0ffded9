"""The text reader: RapidOCR, in one thread, silent, and loaded only by the process that asks for it."""

import importlib.util
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any

import numpy as np

from core.errors import Unavailable
from core.pixels import RgbImage
from dicom_node.layouts import Box

_DISTRIBUTION = "rapidocr-onnxruntime"
_MODULE = "rapidocr_onnxruntime"
_LOGGERS = ("RapidOCR", "OrtInferSession")

LEAST_SIDE = 608
"""Pixels to which an image's shorter side is enlarged before texts are looked for; the time goes with its square."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line that was read, and where. Its text may name a patient: it belongs in no log and no record."""

    text: str = field(repr=False)
    box: Box
    confidence: float
    """0 to 1."""


@dataclass(frozen=True, slots=True)
class Engine:
    """A loaded reader. It keeps nothing of what it reads."""

    name: str
    version: str
    _run: Callable[..., tuple[Any, Any]] = field(repr=False)

    def read(self, pixels: RgbImage) -> tuple[Line, ...]:
        """The lines on an image of shape (rows, columns, 3), surest or not.

        Raises Unavailable("ocr_failed") if the reader breaks, which is never the same as no text.
        """
        try:
            found, _ = self._run(np.ascontiguousarray(pixels[..., ::-1]))
            return tuple(_line(*one) for one in found or ())
        except Exception:  # noqa: BLE001 - native code and its wrapper raise anything, and their texts may tell what was read
            raise Unavailable("ocr_failed") from None


def installed() -> bool:
    """Whether the ``ocr`` extra is there; nothing is loaded."""
    return importlib.util.find_spec(_MODULE) is not None


def load_engine(*, threads: int = 1) -> Engine | None:
    """The reader, or None where the ``ocr`` extra is not installed; about 0.3 s and 200 MB.

    ``threads`` holds for the reader and, in the whole process, for OpenCV. Raises Unavailable("ocr_failed") if it is
    installed and does not start.
    """
    if not installed():
        return None
    try:
        return Engine(name=_MODULE, version=version(_DISTRIBUTION), _run=_start(threads))
    except Exception:  # noqa: BLE001 - a broken installation is no missing one
        raise Unavailable("ocr_failed") from None


def _start(threads: int) -> Callable[..., tuple[Any, Any]]:
    import cv2  # noqa: PLC0415 - native code: only where it is used
    from rapidocr_onnxruntime import RapidOCR  # noqa: PLC0415 - see cv2

    for name in _LOGGERS:  # it gives each a handler of its own that writes everything to stderr
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.addHandler(logging.NullHandler())
        logger.propagate, logger.disabled = False, True
    cv2.setNumThreads(threads)
    reader: Callable[..., tuple[Any, Any]] = RapidOCR(
        intra_op_num_threads=threads,
        inter_op_num_threads=1,
        det_limit_side_len=LEAST_SIDE,
        use_cls=False,
        text_score=0.0,
    )
    return reader


def _line(corners: list[list[float]], text: str, confidence: float) -> Line:
    xs, ys = zip(*corners, strict=True)
    box = Box(int(min(xs)), int(min(ys)), int(max(xs)) + 1, int(max(ys)) + 1)
    return Line(text=str(text), box=box, confidence=float(confidence))
