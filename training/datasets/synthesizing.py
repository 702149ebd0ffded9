"""New ischemia and infarction from a normal patient's crops: colours to counts, a defect put in, counts to colours."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from core.errors import PerfuscopeError
from core.pixels import RgbImage
from core.types import REQUIRED_VIEWS, Label, View
from training.datasets import manifest as manifests
from training.datasets import pictures
from training.datasets.cropping import crop_picture
from training.datasets.crops import Progress
from training.datasets.inserting import insert
from training.datasets.manifest import CROPS, CropPicture, Manifest, Patient, Provenance, Screen
from training.phantom import polar
from training.phantom.disease import Defect, draw_defects

Kind = Literal["reversible", "fixed"]
LABEL_OF: Mapping[Kind, Label] = {"reversible": Label.ISCHEMIA, "fixed": Label.INFARCTION}

_TOUCHED = 0.3
"""Mean share of the defect in a segment from which on the segment counts as affected."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What to make."""

    count: int
    defect: Kind
    seed: int


def synthesize(folder: Path, wish: Wish, *, command: str, progress: Progress | None = None) -> Manifest:
    """Add synthesized patients to the training subset and save the manifest.

    PerfuscopeError if the data set is not split or no normal patient trains.
    """
    manifest = manifests.load(folder)
    if manifest.split is None:
        raise PerfuscopeError(f"{folder} is not split: run perfuscope dataset split {folder} first.")
    bases = [
        patient
        for patient in manifest.patients
        if patient.subset == "train" and patient.label is Label.NORMAL and patient.provenance.kind == "original"
    ]
    if not bases:
        raise PerfuscopeError(f"{folder} has no normal patient in train to synthesize from.")
    rng = np.random.default_rng([wish.seed, *wish.defect.encode()])
    order = np.concatenate([rng.permutation(len(bases)) for _ in range(-(-wish.count // len(bases)))])
    made: list[Patient] = []
    for k in order[: wish.count]:
        name = _free_name(manifest, made)
        made.append(_write(folder, bases[int(k)], name, wish.defect, rng))
        if progress:
            progress(len(made), wish.count)
    after = manifest.also(command, patients=(*manifest.patients, *made))
    manifests.save(folder, after)
    return after


def _free_name(manifest: Manifest, made: list[Patient]) -> str:
    taken = {patient.id for patient in (*manifest.patients, *made)}
    return next(name for k in range(1, len(taken) + 2) if (name := f"synthesized-{k:04d}") not in taken)


def _write(folder: Path, base: Patient, name: str, kind: Kind, rng: np.random.Generator) -> Patient:
    defect = max(draw_defects(rng, LABEL_OF[kind]), key=lambda one: one.depth_stress)
    views: dict[View, Screen] = {}
    for view in REQUIRED_VIEWS:
        crop = base.views[view].crop
        if crop is None:
            raise PerfuscopeError(f"{folder} has no crop of {base.id}.")
        pixels = insert(_pixels(folder, crop), crop.scale(), view, defect)
        content, entry = crop_picture(
            f"{CROPS}/{name}_{view.value}.png", pixels, cut_by=(crop.layout, crop.layout_version), maps=crop.maps
        )
        manifests.write(folder / entry.file, content)
        views[view] = Screen(crop=entry)
    return Patient(
        id=name,
        label=LABEL_OF[kind],
        subset="train",
        provenance=Provenance(kind="synthesized", details=_details(base, kind, defect)),
        facts={key: value for key, value in base.facts.items() if key in {"sex", "age_years"}},
        views=views,
    )


def _details(base: Patient, kind: Kind, defect: Defect) -> dict[str, object]:
    share = min(defect.transmural, 1.0)
    return {
        "defect": kind,
        "base": base.id,
        "territory": defect.territory.value,
        "segments": segments(defect),
        "depth_stress": round(defect.depth_stress * share, 3),
        "depth_rest": round(defect.depth_rest * share, 3),
    }


def segments(defect: Defect) -> list[int]:
    """The AHA segments (1-17) that the defect affects; at least the one it affects most."""
    p, theta = np.meshgrid(polar.P, polar.THETA, indexing="ij")
    means: NDArray[np.float64] = polar.segment_means(defect.mask(p, theta))
    found = [k + 1 for k in range(len(means)) if means[k] >= _TOUCHED]
    return found or [int(np.argmax(means)) + 1]


def _pixels(folder: Path, crop: CropPicture) -> RgbImage:
    path = folder / crop.file
    return pictures.decoded(pictures.content(path), path)
