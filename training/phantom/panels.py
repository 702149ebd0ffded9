"""Panels of a screen that show images: polar maps, slices and lit surfaces."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import map_coordinates

from core.pixels import RgbImage
from training.phantom.anatomy import PATIENT_AXES, Ventricle
from training.phantom.palette import TEAL, Scale, coloured
from training.phantom.polar import ANGLES, RINGS, PolarMap

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class MapStyle:
    """How a page draws its polar maps: how large, the ring around them, and the colour scale of all its images."""

    radius_px: int
    ring_px: int
    """The ring's outer radius."""
    ring_colour: tuple[int, int, int]
    scale: Scale = TEAL


GREY_RINGS = MapStyle(radius_px=145, ring_px=147, ring_colour=(112, 112, 112))


@lru_cache(maxsize=4)
def _disc(style: MapStyle) -> tuple[NDArray[np.bool_], NDArray[np.bool_], Floats]:
    """Which pixels of a square of 2 * ring_px + 1 are map and ring, and the map indices (2, n) of the former."""
    offset = np.arange(-style.ring_px, style.ring_px + 1, dtype=np.float64)
    dx, dy = np.meshgrid(offset, -offset)
    distance = np.hypot(dx, dy)
    inside = distance <= style.radius_px
    ring = ~inside & (distance <= style.ring_px)
    rows = np.clip(distance[inside] / style.radius_px * RINGS - 0.5, 0, RINGS - 1)
    columns = np.arctan2(dy, dx)[inside] % (2 * np.pi) * ANGLES / (2 * np.pi) - 0.5
    return inside, ring, np.stack([rows, columns])


def paint_map(pixels: RgbImage, values: PolarMap, *, centre: tuple[int, int], style: MapStyle = GREY_RINGS) -> None:
    """Paint a polar map of values 0..1 and its ring around ``centre`` (column, row)."""
    inside, ring, where = _disc(style)
    (x, y), reach = centre, style.ring_px
    square = pixels[y - reach : y + reach + 1, x - reach : x + reach + 1]
    square[inside] = coloured(map_coordinates(values, where, order=1, mode="grid-wrap"), style.scale)
    square[ring] = style.ring_colour


def paint_slice(pixels: RgbImage, values: Floats, *, box: tuple[int, int, int, int], scale: Scale = TEAL) -> None:
    """Paint a slice of counts 0..1, enlarged smoothly, into ``box`` (left, top, right, bottom)."""
    left, top, right, bottom = box
    image = Image.fromarray(np.ascontiguousarray(values, dtype=np.float32))
    large = image.resize((right - left, bottom - top), Image.Resampling.BICUBIC)
    pixels[top:bottom, left:right] = coloured(np.asarray(large), scale)


@dataclass(frozen=True, slots=True)
class Shape:
    """A half-ellipsoid to be lit: equatorial radius, length of the half-axis and of the skirt below it, in mm."""

    radius_mm: float
    length_mm: float
    base_mm: float

    @classmethod
    def of(cls, ventricle: Ventricle, *, inwards_mm: float = 0.0) -> "Shape":
        """The mid-wall surface, or what it becomes when the wall moves inwards."""
        return cls(ventricle.radius_mm - inwards_mm, ventricle.length_mm - inwards_mm, ventricle.base_mm)


@dataclass(frozen=True, slots=True)
class _Hits:
    """Where the rays of a panel meet a shape: pixels hit (rows, columns), and for each one p, theta and brightness."""

    seen: NDArray[np.bool_]
    p: Floats
    theta: Floats
    light: Floats


@lru_cache(maxsize=8)
def _rays(width: int, height: int) -> tuple[Floats, Floats]:
    """Heart coordinates of a panel's pixels, shape (3, height, width), 1 mm a pixel; the direction to the viewer."""
    columns = np.arange(width) - (width - 1) / 2
    rows = (height - 1) / 2 - np.arange(height)
    left, head = PATIENT_AXES[:, 0], PATIENT_AXES[:, 2]
    origin = left[:, None, None] * columns[None, None, :] + head[:, None, None] * rows[None, :, None]
    return origin, -PATIENT_AXES[:, 1]


def _meet(shape: Shape, size: tuple[int, int], *, mm_per_px: float) -> _Hits:
    """Meet a shape, seen from the patient's front, with parallel rays (ray-ellipsoid intersection)."""
    origin, viewer = _rays(*size)
    scale = np.array([shape.radius_mm, shape.radius_mm, shape.length_mm])
    middle = np.array([0.0, 0.0, (shape.length_mm - shape.base_mm) / 2])
    start = (origin * mm_per_px + middle[:, None, None]) / scale[:, None, None]
    way = viewer / scale
    a = float(way @ way)
    b = np.tensordot(way, start, axes=1)
    root = b * b - a * ((start * start).sum(axis=0) - 1)
    crossed = root > 0
    depth = np.sqrt(root[crossed])
    near, far = ((start[:, crossed] + way[:, None] * ((-b[crossed] + sign * depth) / a)) for sign in (1, -1))
    floor = -shape.base_mm / shape.length_mm
    outside, inside = near[2] >= floor, far[2] >= floor
    point = np.where(outside, near, far)
    seen = np.zeros(crossed.shape, dtype=bool)
    seen[crossed] = outside | inside
    kept = outside | inside
    point, facing = point[:, kept], np.where(outside, 1.0, -1.0)[kept]
    return _Hits(
        seen, *_texture(point, floor), _lit(point / scale[:, None] * facing, viewer) * np.where(facing > 0, 1, 0.55)
    )


def _texture(point: Floats, floor: float) -> tuple[Floats, Floats]:
    """Polar coordinates of places on the unit sphere."""
    lowest = np.arccos(floor)
    p = np.arccos(np.clip(point[2], -1, 1)) / lowest
    return p, np.arctan2(point[1], point[0]) % (2 * np.pi)


def _lit(normal: Floats, viewer: Floats) -> Floats:
    """Brightness of surfaces with these normals under a lamp above the viewer's left shoulder."""
    unit = normal / (np.linalg.norm(normal, axis=0) + 1e-12)
    lamp = viewer + 0.5 * PATIENT_AXES[:, 2] - 0.3 * PATIENT_AXES[:, 0]
    bright = 0.3 + 0.75 * np.clip(lamp / np.linalg.norm(lamp) @ unit, 0, None)
    return np.asarray(np.clip(bright, 0, 1), dtype=np.float64)


def paint_surface(
    pixels: RgbImage,
    values: PolarMap,
    *,
    shape: Shape,
    box: tuple[int, int, int, int],
    mm_per_px: float,
    mesh: Shape | None = None,
    scale: Scale = TEAL,
) -> None:
    """Paint a lit surface that carries a polar map of values 0..1, and the wires of another shape around it."""
    left, top, right, bottom = box
    panel = pixels[top:bottom, left:right]
    hits = _meet(shape, (right - left, bottom - top), mm_per_px=mm_per_px)
    where = [np.clip(hits.p * RINGS - 0.5, 0, RINGS - 1), hits.theta * ANGLES / (2 * np.pi) - 0.5]
    colour = coloured(map_coordinates(values, where, order=1, mode="grid-wrap"), scale).astype(np.float64)
    panel[hits.seen] = np.rint(colour * hits.light[:, None]).astype(np.uint8)
    if mesh is not None:
        _paint_mesh(panel, _meet(mesh, (right - left, bottom - top), mm_per_px=mm_per_px))


def _paint_mesh(panel: RgbImage, hits: _Hits) -> None:
    """Draw meridians every 30 degrees and circles every sixth of the way, half transparent."""
    off_meridian = np.abs((np.degrees(hits.theta) + 15) % 30 - 15) * np.sin(np.clip(hits.p, 0, 1) * np.pi / 2)
    off_circle = np.abs((hits.p * 6 + 0.5) % 1 - 0.5)
    wire = (off_meridian < 0.9) | (off_circle < 0.045)
    rows, columns = (axis[wire] for axis in np.nonzero(hits.seen))
    panel[rows, columns] = panel[rows, columns] // 2 + np.array([62, 84, 70], dtype=np.uint8)
