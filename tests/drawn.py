"""Screens drawn from a layout alone, in milliseconds: captions, rings, and smooth maps of nobody."""

from pathlib import Path

import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter, zoom

from core.types import REQUIRED_VIEWS, View
from dicom_node import layouts

LAYOUT = next(layout for layout in layouts.shipped() if layout.name == "qps-qgs-1280")


def screen(view: View, seed: int):
    """A screen of the first shipped layout, shape (1024, 1280, 3), with something like a name in its identity box."""
    rng = np.random.default_rng([seed, list(View).index(view)])
    (shown,) = (one for one in LAYOUT.views if one.view is view)
    pixels = np.zeros((LAYOUT.rows, LAYOUT.columns, 3), np.uint8)
    for caption in shown.captions:
        pixels[caption.box.slices][caption.template] = 220
    for panel in shown.panels:
        pixels[panel.outline(LAYOUT.ring.width)] = LAYOUT.ring.colour
        coarse = gaussian_filter(rng.normal(size=(40, 40)), 2)
        noise = zoom(coarse / coarse.std(), 2 * panel.radius / 40, order=1)
        values = np.clip(0.7 + 0.12 * noise, 0, 1)
        kept = panel.kept().astype(bool)
        square = pixels[panel.tile.slices]
        square[kept] = LAYOUT.palette.table()[np.rint(255 * values).astype(int)][kept]
    pixels[20:60, 1000:1250] = rng.integers(0, 2, (40, 250, 1)) * 255
    return pixels


def class_folders(home: Path, *, each: int = 3, spellings=("{}_qps.png", "{} Stress QGS.png", "{}_rqgs.png")) -> Path:
    """``Normal``, ``ischemia`` and ``INFARCTION`` with ``each`` patients, numbered from 1 on."""
    patient = 0
    for label in ("Normal", "ischemia", "INFARCTION"):
        (home / label).mkdir(parents=True)
        for _ in range(each):
            patient += 1
            for view, name in zip(REQUIRED_VIEWS, spellings, strict=True):
                Image.fromarray(screen(view, patient)).save(home / label / name.format(patient), compress_level=1)
    return home
