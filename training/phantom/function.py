"""Wall motion, thickening and volumes, measured on the gated stacks as a quantification program would."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import erf, erfinv

from training.phantom.anatomy import Ventricle, surface
from training.phantom.imaging import Scan
from training.phantom.polar import AREA, P, PolarMap, Profiles, brightest, normalised, profiles, segment_means, smoothed

Floats = NDArray[np.float64]

_ASSUMED_WALL_MM = 10.0
_ASSUMED_SIGMA_MM = 5.4
_MOTION_STEPS_MM = (4.0, 3.0, 2.0, 1.0, 0.0)
_THICKENING_STEPS_PERCENT = (20.0, 14.0, 8.0)
ABNORMAL_MOTION_MM = 3.0
ABNORMAL_THICKENING_PERCENT = 14.0


@dataclass(frozen=True, slots=True)
class Gated:
    """What a gated screen shows: four polar maps, the counts that 1.0 stands for, volumes in ml, scores."""

    perfusion_ed: PolarMap
    perfusion_es: PolarMap
    counts_ed: float
    counts_es: float
    motion_mm: PolarMap
    thickening_percent: PolarMap
    edv_ml: float
    esv_ml: float
    area_cm2: float
    motion_scores: NDArray[np.intp]
    thickening_scores: NDArray[np.intp]

    @property
    def ef_percent(self) -> float:
        """Ejection fraction."""
        return 100 * (1 - self.esv_ml / self.edv_ml)

    @property
    def motion_extent_percent(self) -> float:
        """Share of the map that moves less than ``ABNORMAL_MOTION_MM``."""
        return 100 * float(AREA[self.motion_mm < ABNORMAL_MOTION_MM].sum())

    @property
    def thickening_extent_percent(self) -> float:
        """Share of the map that thickens less than ``ABNORMAL_THICKENING_PERCENT``."""
        return 100 * float(AREA[self.thickening_percent < ABNORMAL_THICKENING_PERCENT].sum())


def measure(scan: Scan, ventricle: Ventricle) -> Gated:
    """Measure one gated acquisition: surfaces from the counts' centre, thickening from their rise (partial volume)."""
    taken = scan.acquisition
    ed = profiles(scan.end_diastole, ventricle, voxel_mm=taken.voxel_mm, centre_mm=taken.centre_mm)
    es = profiles(scan.end_systole, ventricle, voxel_mm=taken.voxel_mm, centre_mm=taken.centre_mm)
    peak_ed, peak_es = ed.peak(), es.peak()
    ratio = smoothed(peak_es / peak_ed, rings=2.6, angles=5.0)
    wall_es = _thickness_mm(ratio)
    inner_ed = ed.middle_mm() - _ASSUMED_WALL_MM / 2
    inner_es = es.middle_mm() - wall_es / 2
    motion = inner_ed - inner_es
    thickening = 100 * (wall_es / _ASSUMED_WALL_MM - 1)
    edv, esv = _volume_ml(ventricle, inner_ed), _volume_ml(ventricle, inner_es)
    return Gated(
        perfusion_ed=normalised(peak_ed),
        perfusion_es=normalised(peak_es),
        counts_ed=brightest(peak_ed),
        counts_es=brightest(peak_es),
        motion_mm=motion,
        thickening_percent=thickening,
        edv_ml=edv,
        esv_ml=esv,
        area_cm2=_area_cm2(ventricle),
        motion_scores=_scored(segment_means(motion), _MOTION_STEPS_MM),
        thickening_scores=_scored(segment_means(thickening), _THICKENING_STEPS_PERCENT),
    )


def cavity_ml(ventricle: Ventricle, sampled: Profiles) -> float:
    """The cavity's volume in ml on one stack's profiles, the wall taken as ``_ASSUMED_WALL_MM`` thick."""
    return _volume_ml(ventricle, sampled.middle_mm() - _ASSUMED_WALL_MM / 2)


def _thickness_mm(ratio: Floats) -> Floats:
    """The thickness that explains a rise of the peak count in a wall of ``_ASSUMED_WALL_MM`` under a Gaussian blur."""
    scale = 2 * np.sqrt(2) * _ASSUMED_SIGMA_MM
    recovered = np.clip(ratio * erf(_ASSUMED_WALL_MM / scale), 0.2, 0.94)
    return np.asarray(scale * erfinv(recovered), dtype=np.float64)


def _volume_ml(ventricle: Ventricle, offset_mm: PolarMap) -> float:
    """The volume inside a surface ``offset_mm`` outside the mid-wall one: half the integral of r squared."""
    wall = surface(ventricle, P)
    r = np.clip(wall.r[:, None] + offset_mm * wall.normal_r[:, None], 0, None)
    z = wall.z[:, None] + offset_mm * wall.normal_z[:, None]
    apex_z = float(ventricle.length_mm + offset_mm[0].mean())
    r = np.vstack([np.zeros((1, r.shape[1])), r])
    z = np.vstack([np.full((1, z.shape[1]), apex_z), z])
    slabs = (r[1:] ** 2 + r[:-1] ** 2) / 2 * (z[:-1] - z[1:])
    return float(slabs.sum() * np.pi / r.shape[1]) / 1000


def _area_cm2(ventricle: Ventricle) -> float:
    """The mid-wall surface's area at end diastole."""
    wall = surface(ventricle, np.linspace(0, 1, 65))
    steps = np.hypot(np.diff(wall.r), np.diff(wall.z))
    return float((np.pi * (wall.r[1:] + wall.r[:-1]) * steps).sum()) / 100


def _scored(means: Floats, steps: tuple[float, ...]) -> NDArray[np.intp]:
    """Segment scores: one point for every step that the mean stays below."""
    return np.asarray(np.sum([means < step for step in steps], axis=0), dtype=np.intp)
