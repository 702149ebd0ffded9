"""Where the limits of ``dicom_node.layouts.plausibility`` come from: simulated patients, all pages, lossy copies.

python tests/evidence/plausibility.py [--patients 240] [--seed 901] [--population default]

Prints, for each panel and copy, the figures nearest to a limit, and how many screens are refused (none should be).
"""

import argparse
import io
import multiprocessing
import os
import sys
from collections import Counter, defaultdict
from functools import partial
from itertools import combinations
from typing import Any

import numpy as np
from PIL import Image

from core.errors import Rejected
from core.pixels import RgbImage
from dicom_node import layouts
from dicom_node.layouts import plausibility
from training.phantom.cohort import simulate
from training.phantom.pages import PAGES
from training.phantom.population import POPULATIONS, named

COPIES: dict[str, dict[str, Any] | None] = {
    "as drawn": None,
    "JPEG 90": {"format": "JPEG", "quality": 90},
    "JPEG 75": {"format": "JPEG", "quality": 75},
    "JPEG 60": {"format": "JPEG", "quality": 60},
    "JPEG 2000 20:1": {"format": "JPEG2000", "quality_mode": "rates", "quality_layers": [20], "irreversible": True},
    "JPEG 2000 10:1": {"format": "JPEG2000", "quality_mode": "rates", "quality_layers": [10], "irreversible": True},
}
Row = dict[str, Any]


def copied(pixels: RgbImage, how: dict[str, Any] | None) -> RgbImage:
    if how is None:
        return pixels
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, **how)
    return np.asarray(Image.open(buffer).convert("RGB"))


def figures(pixels: RgbImage, layout: layouts.Layout, screen: layouts.ViewLayout) -> list[Row]:
    """A row a panel, and one for the two panels that are most alike."""
    samples = {panel.name: plausibility.sample(pixels, panel) for panel in screen.panels}
    rows: list[Row] = []
    for name, sample in samples.items():
        seen = plausibility.look(sample, layout.palette)
        rows.append({"panel": name, **{key: getattr(seen, key) for key in seen.__slots__}})
    alike = min(plausibility.difference(a, b) for a, b in combinations(samples.values(), 2))
    return [*rows, {"panel": "", "difference": alike}]


def of_patient(index: int, *, seed: int, population: str) -> list[Row]:
    rows: list[Row] = []
    for layout in layouts.shipped():
        if layout.name not in PAGES:
            continue
        patient = simulate(seed, index, layout=layout.name, population=named(population))
        for view, pixels in patient.screens.items():
            screen = next(screen for screen in layout.views if screen.view is view)
            for copy, how in COPIES.items():
                taken = copied(pixels, how)
                try:
                    said = layouts.recognise(taken, layouts.shipped())
                    verdict = "ok" if (said.name, said.view) == (layout.name, view) else "mistaken"
                except Rejected as rejected:
                    verdict = str(rejected)
                common = {"layout": layout.name, "label": patient.label.value, "copy": copy, "verdict": verdict}
                rows += [{**common, **row} for row in figures(taken, layout, screen)]
                rows.append({**common, "panel": None})
    return rows


def tell(rows: list[Row]) -> None:
    groups: dict[tuple[str, str, str], list[Row]] = defaultdict(list)
    for row in rows:
        if row["panel"]:
            groups[row["layout"], row["copy"], row["panel"]].append(row)
    for (layout, copy, panel), group in groups.items():
        least = {key: min(row[key] for row in group) for key in ("coloured", "spread")}
        most = {key: max(row[key] for row in group) for key in ("off_scale", "roughness")}
        said = "  ".join(f"{key} {value:.3f}" for key, value in (least | most).items())
        sys.stdout.write(f"{layout:13} {copy:15} {panel:13} {said}\n")
    for copy in COPIES:
        alike = min(row["difference"] for row in rows if row["panel"] == "" and row["copy"] == copy)
        sys.stdout.write(f"{copy:15} least difference of two panels {alike:.2f}\n")
    screens = [row for row in rows if row["panel"] is None]
    labels, verdicts = (dict(Counter(row[key] for row in screens)) for key in ("label", "verdict"))
    sys.stdout.write(f"{len(screens)} screens of {labels}: {verdicts}\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--patients", type=int, default=240)
    parser.add_argument("--seed", type=int, default=901)
    parser.add_argument("--population", choices=list(POPULATIONS), default="default")
    asked = parser.parse_args()
    with multiprocessing.get_context("spawn").Pool(os.cpu_count()) as pool:
        work = partial(of_patient, seed=asked.seed, population=asked.population)
        found = pool.imap(work, range(asked.patients), chunksize=4)
        tell([row for rows in found for row in rows])


if __name__ == "__main__":
    main()
