"""Pictures that no model of ours was made for, drawn from nothing: each kind by a seed, each at the size asked for."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from core.pixels import RgbImage

Floats = NDArray[np.float64]


def _waves(rng: np.random.Generator, size: int, *, smooth: int) -> Floats:
    """A smooth random field from 0 to 1, shape (size, size)."""
    coarse = rng.random((smooth, smooth)) * 255
    field = Image.fromarray(coarse.astype(np.uint8)).resize((size, size), Image.Resampling.BICUBIC)
    return np.asarray(field, dtype=np.float64) / 255


def _coloured(*channels: Floats) -> RgbImage:
    return np.clip(np.stack(channels, axis=-1) * 255, 0, 255).astype(np.uint8)


def blank(rng: np.random.Generator, size: int) -> RgbImage:
    """One colour: black, white, or any."""
    colour = [(0, 0, 0), (255, 255, 255), rng.integers(0, 256, 3)][int(rng.integers(3))]
    return np.full((size, size, 3), colour, dtype=np.uint8)


def noise(rng: np.random.Generator, size: int) -> RgbImage:
    """Every pixel by itself."""
    return rng.integers(0, 256, (size, size, 3), dtype=np.uint8)


def gradient(rng: np.random.Generator, size: int) -> RgbImage:
    """A straight run from one colour to another, as of a clear sky."""
    angle, ends = rng.random() * 6.28, rng.random((2, 3))
    x, y = np.meshgrid(np.linspace(-1, 1, size), np.linspace(-1, 1, size))
    run = (x * np.cos(angle) + y * np.sin(angle) + 1.5) / 3
    return _coloured(*(ends[0, k] + run * (ends[1, k] - ends[0, k]) for k in range(3)))


def texture(rng: np.random.Generator, size: int) -> RgbImage:
    """Stripes over coloured clouds, as of bark, cloth or grass."""
    x, _ = np.meshgrid(np.arange(size), np.arange(size))
    stripes = 0.5 + 0.3 * np.sin(x * rng.uniform(0.05, 0.6) + 8 * _waves(rng, size, smooth=6))
    return _coloured(*(stripes * (0.4 + 0.6 * _waves(rng, size, smooth=9)) for _ in range(3)))


def scene(rng: np.random.Generator, size: int) -> RgbImage:
    """A photograph's stand-in: sky, ground, a sun, houses and trees, softened and grained."""
    image = Image.fromarray(gradient(rng, size))
    draw, horizon = ImageDraw.Draw(image), int(size * rng.uniform(0.45, 0.7))
    draw.rectangle((0, horizon, size, size), fill=tuple(rng.integers(40, 160, 3).tolist()))
    for _ in range(9):
        left, height, width = rng.integers(0, size), rng.integers(size // 12, size // 3), rng.integers(20, size // 5)
        box = (int(left), horizon - int(height), int(left + width), horizon + int(height) // 4)
        colour = tuple(rng.integers(0, 256, 3).tolist())
        (draw.rectangle if rng.random() < 0.6 else draw.ellipse)(box, fill=colour)
    soft = np.asarray(image.filter(ImageFilter.GaussianBlur(1.5)), dtype=np.float64)
    return np.clip(soft + rng.normal(0, 6, soft.shape), 0, 255).astype(np.uint8)


def chest_film(rng: np.random.Generator, size: int) -> RgbImage:
    """Grey: two dark lungs crossed by ribs, a bright middle and diaphragm."""
    image = Image.new("L", (size, size), 130)
    draw = ImageDraw.Draw(image)
    for middle in (0.3, 0.7):
        at = middle + rng.uniform(-0.02, 0.02)
        draw.ellipse(tuple(size * v for v in (at - 0.17, 0.12, at + 0.17, 0.78)), fill=45)
        for rib in range(8):
            top = 0.12 + rib * 0.085
            draw.arc(tuple(size * v for v in (at - 0.2, top, at + 0.2, top + 0.2)), 190, 350, fill=95, width=size // 60)
    draw.ellipse(tuple(size * v for v in (0.42, 0.4, 0.68, 0.8)), fill=185)
    draw.rectangle(tuple(size * v for v in (0.47, 0.05, 0.53, 0.95)), fill=170)
    grey = np.asarray(image.filter(ImageFilter.GaussianBlur(size / 90)), dtype=np.float64) / 255
    grey += rng.normal(0, 0.03, grey.shape)
    return _coloured(grey, grey, grey)


def bone_scan(rng: np.random.Generator, size: int) -> RgbImage:
    """Black on white or white on black: skull, spine, ribs, pelvis, limbs as counts, and a hot spot or two."""
    counts = Image.new("L", (size, size), 0)
    draw, middle = ImageDraw.Draw(counts), size / 2
    draw.ellipse((middle - size * 0.06, size * 0.03, middle + size * 0.06, size * 0.15), outline=190, width=size // 45)
    draw.line((middle, size * 0.14, middle, size * 0.55), fill=200, width=size // 30)
    for rib in range(7):
        top = size * (0.18 + 0.035 * rib)
        draw.arc((middle - size * 0.14, top, middle + size * 0.14, top + size * 0.12), 180, 360, fill=120, width=3)
    draw.ellipse((middle - size * 0.13, size * 0.5, middle + size * 0.13, size * 0.62), outline=190, width=size // 30)
    for side in (-1, 1):
        draw.line((middle + side * size * 0.09, size * 0.6, middle + side * size * 0.1, size * 0.97), fill=130, width=9)
        draw.line(
            (middle + side * size * 0.15, size * 0.2, middle + side * size * 0.22, size * 0.55), fill=110, width=7
        )
    for _ in range(int(rng.integers(1, 3))):
        x, y = rng.uniform(0.4, 0.6) * size, rng.uniform(0.15, 0.6) * size
        draw.ellipse((x - 8, y - 8, x + 8, y + 8), fill=255)
    blurred = np.asarray(counts.filter(ImageFilter.GaussianBlur(size / 160)), dtype=np.float64)
    grey = rng.poisson(blurred / 4 + 1) / 70
    grey = grey if rng.random() < 0.5 else 1 - grey
    return _coloured(grey, grey, grey)


def page(rng: np.random.Generator, size: int) -> RgbImage:
    """Lines of letters on paper, or on a dark screen."""
    dark = rng.random() < 0.5
    image = Image.new("L", (size, size), 0 if dark else 255)
    draw = ImageDraw.Draw(image)
    for line in range(10, size - 10, 16):
        letters = "".join(chr(int(c)) if c < 123 else " " for c in rng.integers(97, 128, int(rng.integers(20, 90))))
        draw.text((12, line), letters, fill=255 if dark else 0)
    grey = np.asarray(image, dtype=np.float64) / 255
    return _coloured(grey, grey, grey)


KINDS: dict[str, Callable[[np.random.Generator, int], RgbImage]] = {
    "blank": blank,
    "noise": noise,
    "gradient": gradient,
    "texture": texture,
    "scene": scene,
    "chest film": chest_film,
    "bone scan": bone_scan,
    "text page": page,
}


def mirrored(pixels: RgbImage) -> RgbImage:
    """Left and right changed over."""
    return np.ascontiguousarray(pixels[:, ::-1])


def upside_down(pixels: RgbImage) -> RgbImage:
    """Turned by half."""
    return np.ascontiguousarray(pixels[::-1, ::-1])
