"""Logistic regressions on a part of what a screen holds: how much of an answer could be read off the text alone."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from core.types import LABELS
from training.evaluation.answers import Floats

_SIDE = 28
_COMPONENTS = 40
_PRINTED = (
    *("tpd_stress", "tpd_rest", "sss", "srs", "ef_stress", "ef_rest", "edv_stress_ml", "edv_rest_ml"),
    *("esv_stress_ml", "esv_rest_ml", "motion_extent_stress", "motion_extent_rest"),
    *("thickening_extent_stress", "thickening_extent_rest"),
)
"""What the screens print, by its column in truth.csv."""


def printed_numbers(facts: Sequence[Mapping[str, str | float]]) -> Floats | None:
    """The printed numbers that every patient has, shape (n, numbers); None where there are none."""
    names = [name for name in _PRINTED if facts and all(isinstance(row.get(name), float) for row in facts)]
    return np.array([[float(row[name]) for name in names] for row in facts]) if names else None


def small(pixels: NDArray[np.uint8]) -> Floats:
    """Crops (n, 3, rows, columns, 3) at 28 x 28 pixels, flat: shape (n, places)."""
    shape = (_SIDE, _SIDE)
    rows = [
        [np.asarray(Image.fromarray(crop).resize(shape, Image.Resampling.BOX)) for crop in views] for views in pixels
    ]
    return np.asarray(rows, dtype=np.float64).reshape(len(pixels), -1) / 255


def out_of_fold(
    inputs: Floats, labels: NDArray[np.intp], repeat: Sequence[tuple[NDArray[np.intp], NDArray[np.intp]]]
) -> Floats:
    """Probabilities (n, 3) of a logistic regression, fitted for each fold on the patients outside it.

    Inputs are standardised, reduced to principal components and weighted for balance; weights are those of the labels.
    """
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # noqa: PLC0415 - scikit-learn's own

    found = np.zeros((len(labels), len(LABELS)))
    with threadpool_limits(1):  # threads that wait for each other cost more than such small sums
        for fit_on, answer in repeat:
            model = _regression(min(_COMPONENTS, len(fit_on) - 1, inputs.shape[1]))
            model.fit(inputs[fit_on], labels[fit_on])
            found[np.ix_(answer, model.classes_)] = model.predict_proba(inputs[answer])
    return found


def _regression(components: int):  # type: ignore[no-untyped-def]  # scikit-learn publishes no types
    from sklearn.decomposition import PCA  # noqa: PLC0415 - slow to load, and an extra
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415
    from sklearn.pipeline import make_pipeline  # noqa: PLC0415
    from sklearn.preprocessing import StandardScaler  # noqa: PLC0415

    return make_pipeline(
        StandardScaler(),
        PCA(components, random_state=0, svd_solver="full"),
        StandardScaler(),
        LogisticRegression(C=0.1, class_weight="balanced", max_iter=2000),
    )
