"""How the images of a study are taken: camera, position, dose, motion, and what stands in the way."""

from dataclasses import dataclass

import numpy as np

from training.phantom.population import DEFAULT, Body, Camera, Population

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
    breast_degrees: float = 95.0
    """Where around the wall the breast's shadow is deepest."""
    diaphragm_degrees: float = 262.0
    misregistered: float = 0.0
    """Share of the anterolateral wall's counts that a misplaced attenuation map takes."""
    liver: float = 0.0
    motion_mm: float = 0.0
    """How far along the body's axis the patient moved, and stayed."""
    moved_share: float = 0.0
    """The share of the acquisition after that."""


def draw_acquisitions(
    rng: np.random.Generator, *, female: bool, population: Population = DEFAULT
) -> tuple[Acquisition, Acquisition]:
    """Stress and rest of one study: the same camera and body, another position, dose and attenuation."""
    body, camera = population.body, population.camera
    mean, sd = camera.resolution_mean_sd_mm
    same = {
        "voxel_mm": float(rng.choice(camera.voxel_mm)),
        "resolution_mm": mean + sd * float(np.clip(rng.normal(), -1.9, 2.8)),
        "filter_mm": rng.uniform(*camera.filter_mm),
        "background": rng.uniform(*camera.background),
        "right_ventricle": rng.uniform(*camera.right_ventricle),
        "liver": rng.uniform(*camera.liver),
    }
    sex = 0 if female else 1
    shadows = rng.uniform(*body.breast[sex]), rng.uniform(*body.diaphragm[sex])
    loops = [_gut(rng, camera, hot_share=share) for share in camera.gut_share]
    stress, rest = (
        Acquisition(
            at_stress=at_stress,
            centre_mm=(rng.normal(0, 3), rng.normal(0, 3), rng.normal(0, 3)),
            **same,
            **_counts(rng, camera, at_stress=at_stress),
            **_shadows(rng, body, shadows),
            gut=gut[0],
            gut_mm=gut[1],
            **_motion(rng, camera),
        )
        for at_stress, gut in zip((True, False), loops, strict=True)
    )
    return stress, rest


def _counts(rng: np.random.Generator, camera: Camera, *, at_stress: bool) -> dict[str, float]:
    few = rng.uniform(*camera.low_factor) if rng.random() < camera.low_share else 1.0
    return {"counts": few * rng.uniform(*(camera.counts_stress if at_stress else camera.counts_rest))}


def _shadows(rng: np.random.Generator, body: Body, shadows: tuple[float, float]) -> dict[str, float]:
    misplaced = rng.random() < body.misregistered_share
    return {
        "breast": shadows[0] * rng.uniform(*body.shift),
        "diaphragm": shadows[1] * rng.uniform(*body.shift),
        "breast_degrees": 95 + body.turn_sd_degrees * rng.normal(),
        "diaphragm_degrees": 262 + body.turn_sd_degrees * rng.normal(),
        "misregistered": rng.uniform(*body.misregistered) if misplaced else 0.0,
    }


def _gut(rng: np.random.Generator, camera: Camera, *, hot_share: float) -> tuple[float, tuple[float, float, float]]:
    """Activity and place of the loop of gut below the heart."""
    hot = rng.random() < hot_share
    height = rng.uniform(*camera.hot_gut_mm) if hot else rng.uniform(-85, -66)
    activity = rng.uniform(*(camera.hot_gut if hot else camera.gut))
    return activity, (rng.uniform(-35, 25), height, rng.uniform(-15, 35))


def _motion(rng: np.random.Generator, camera: Camera) -> dict[str, float]:
    moved, way, share = rng.random() < camera.motion_share, rng.uniform(*camera.motion_mm), rng.uniform(0.2, 0.8)
    sign = 1 if rng.random() < 0.5 else -1
    return {"motion_mm": sign * way if moved else 0.0, "moved_share": share if moved else 0.0}
