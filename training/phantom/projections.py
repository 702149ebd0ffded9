"""The raw projections of a simulated study: the heart put into a torso and seen by a turning camera."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import affine_transform
from scipy.sparse import csr_matrix

from training.phantom.anatomy import MATRIX, PATIENT_AXES, SLICES
from training.phantom.imaging import Scan

Floats = NDArray[np.float64]

VIEWS = 30
START_DEGREES = 225.0
STEP_DEGREES = 6.0
COUNTS_PER_VIEW = 130_000
"""As in a real study of 30 views: 3.9 million counts."""
_TORSO_MM = (170.0, 115.0)
_HEART_MM = (35.0, -35.0, 0.0)
"""The heart's place in the torso: to the left and to the front of the middle."""
_ATTENUATION_PER_MM = 0.012


def angles_degrees() -> Floats:
    """Where the detector stands in each view: 0 behind the patient, 90 at the left (PS3.3 C.8.4.15)."""
    return np.asarray(START_DEGREES - STEP_DEGREES * np.arange(VIEWS), dtype=np.float64)


def _torso(scan: Scan) -> Floats:
    """The study's expected activity in the patient's axes, shape (MATRIX, MATRIX, MATRIX): slices from head to foot."""
    voxel = scan.acquisition.voxel_mm
    half = (MATRIX - 1) / 2
    to_patient = np.array([[0, 0, -1.0], [0, 1, 0], [1, 0, 0]]) * voxel
    to_stack = np.array([-PATIENT_AXES[2], -PATIENT_AXES[1], PATIENT_AXES[0]]) / voxel
    matrix = to_stack @ to_patient
    middle = np.array([(SLICES - 1) / 2, half, half])
    offset = middle - to_stack @ (to_patient @ np.full(3, half) + np.array(_HEART_MM))
    background = scan.acquisition.background
    placed = affine_transform(scan.expected, matrix, offset, output_shape=(MATRIX,) * 3, order=1, cval=background)
    x, y = _plane(voxel)
    body = (x / _TORSO_MM[0]) ** 2 + (y / _TORSO_MM[1]) ** 2 <= 1
    return np.where(body[None], np.clip(placed, 0, None), 0.0)


def _plane(voxel_mm: float) -> tuple[Floats, Floats]:
    """Left and posterior coordinates of a transaxial plane in mm."""
    across = (np.arange(MATRIX) - (MATRIX - 1) / 2) * voxel_mm
    x, y = np.meshgrid(across, across)
    return x, y


@lru_cache(maxsize=4)
def _camera(voxel_mm: float) -> csr_matrix:
    """What each bin of each view sees of a plane, attenuated; shape (VIEWS * MATRIX, MATRIX * MATRIX)."""
    x, y = (axis.ravel() for axis in _plane(voxel_mm))
    rows, columns, weights = [], [], []
    for view, angle in enumerate(np.radians(angles_degrees())):
        towards = (np.sin(angle), np.cos(angle))
        bins = (-x * np.cos(angle) + y * np.sin(angle)) / voxel_mm + (MATRIX - 1) / 2
        kept = np.exp(-_ATTENUATION_PER_MM * _depth_mm(x, y, towards))
        low = np.floor(bins).astype(np.intp)
        for bin_, share in ((low, 1 - (bins - low)), (low + 1, bins - low)):
            inside = (bin_ >= 0) & (bin_ < MATRIX)
            rows.append(view * MATRIX + bin_[inside])
            columns.append(np.flatnonzero(inside))
            weights.append((share * kept)[inside])
    parts = np.concatenate(weights), (np.concatenate(rows), np.concatenate(columns))
    return csr_matrix(parts, shape=(VIEWS * MATRIX, MATRIX * MATRIX))


def _depth_mm(x: Floats, y: Floats, towards: tuple[float, float]) -> Floats:
    """How much of the elliptical torso lies between each place and the detector."""
    a, b = _TORSO_MM
    quadratic = (towards[0] / a) ** 2 + (towards[1] / b) ** 2
    linear = x * towards[0] / a**2 + y * towards[1] / b**2
    rest = (x / a) ** 2 + (y / b) ** 2 - 1
    root = np.sqrt(np.clip(linear**2 - quadratic * rest, 0, None))
    return np.clip((root - linear) / quadratic, 0, None)


def project(scan: Scan, *, rng: np.random.Generator) -> NDArray[np.uint16]:
    """Noisy projections, shape (VIEWS, MATRIX, MATRIX): rows from head to foot, ``COUNTS_PER_VIEW`` on average."""
    planes = _torso(scan).reshape(MATRIX, MATRIX * MATRIX)
    seen = np.asarray(_camera(scan.acquisition.voxel_mm) @ planes.T).reshape(VIEWS, MATRIX, MATRIX).transpose(0, 2, 1)
    expected = seen * (COUNTS_PER_VIEW * VIEWS / seen.sum())
    return np.asarray(rng.poisson(expected), dtype=np.uint16)
