"""How the images of a study are taken: camera, position, dose, and what stands in the way."""

from dataclasses import dataclass

import numpy as np

GATES = 8


@dataclass(frozen=True, slots=True)
class Acquisition:
    """How one of the two images of a study was taken; activities are in units of the normal wall's."""

    at_stress: bool
    voxel_mm: float
    centre_mm: tuple[float, float, float]
    resolution_mm: float
    filter_mm: float
    counts: float
    background: float
    breast: float
    diaphragm: float
    gut: float
    gut_mm: tuple[float, float, float]
    right_ventricle: float


def draw_acquisitions(rng: np.random.Generator, *, female: bool) -> tuple[Acquisition, Acquisition]:
    """Stress and rest of one study: the same camera and body, another position, dose and a little other attenuation."""
    breast = rng.uniform(0.0, 0.22) if female else rng.uniform(0.0, 0.05)
    diaphragm = rng.uniform(0.0, 0.10) if female else rng.uniform(0.0, 0.22)
    camera = {
        "voxel_mm": float(rng.choice([6.4, 6.51, 6.8])),
        "resolution_mm": float(np.clip(rng.normal(9.5, 0.8), 8, 12)),
        "filter_mm": rng.uniform(6.5, 9.0),
        "background": rng.uniform(0.05, 0.12),
        "right_ventricle": rng.uniform(0.1, 0.3),
    }
    return (
        _draw(rng, camera, at_stress=True, counts=rng.uniform(90, 240), attenuation=(breast, diaphragm)),
        _draw(rng, camera, at_stress=False, counts=rng.uniform(60, 180), attenuation=(breast, diaphragm)),
    )


def _draw(
    rng: np.random.Generator,
    camera: dict[str, float],
    *,
    at_stress: bool,
    counts: float,
    attenuation: tuple[float, float],
) -> Acquisition:
    gut = rng.uniform(0.5, 1.3) if rng.random() < (0.2 if at_stress else 0.3) else rng.uniform(0.05, 0.4)
    return Acquisition(
        at_stress=at_stress,
        centre_mm=(rng.normal(0, 3), rng.normal(0, 3), rng.normal(0, 3)),
        counts=counts,
        breast=attenuation[0] * rng.uniform(0.75, 1.25),
        diaphragm=attenuation[1] * rng.uniform(0.75, 1.25),
        gut=gut,
        gut_mm=(rng.uniform(-35, 25), rng.uniform(-85, -66), rng.uniform(-15, 35)),
        **camera,
    )
