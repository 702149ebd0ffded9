"""Intake of pictures generated elsewhere: candidates that nothing uses before a person accepted them."""

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from core.errors import PerfuscopeError
from core.pixels import RgbImage
from core.types import REQUIRED_VIEWS, Label, View
from dicom_node.layouts import Layout
from training.datasets import duplicates, pictures
from training.datasets import manifest as manifests
from training.datasets.class_folders import load, name_of
from training.datasets.cropping import crop_picture, cut
from training.datasets.manifest import CANDIDATES, Candidate, CropPicture, Manifest, Patient, Provenance, Screen

_PICTURES = {".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".gif", ".webp"}


@dataclass(frozen=True, slots=True)
class Origin:
    """What is known of generated pictures."""

    label: Label
    generator: str
    prompt: str = ""
    validation: bool = False


def add(
    folder: Path, source: Path, origin: Origin, *, layouts: Sequence[Layout], command: str
) -> tuple[Manifest, dict[str, str]]:
    """Take the pictures of ``source`` in as candidates and save; also the files that were not taken, and why.

    A picture is a screen of a known layout, or a square in the shape of the data set's own crops.
    PerfuscopeError if the data set is not split, or if no picture can be taken.
    """
    manifest = manifests.load(folder)
    if manifest.split is None:
        raise PerfuscopeError(f"{folder} is not split: run perfuscope dataset split {folder} first.")
    if not source.is_dir():
        raise PerfuscopeError(f"{source} is no folder.")
    (folder / CANDIDATES).mkdir(exist_ok=True)
    taken, refused = [], {}
    for path in sorted(p for p in source.iterdir() if p.suffix.casefold() in _PICTURES and p.name[0] != "."):
        named = name_of(path)
        why = "its name does not end in _qps, _stress_qgs or _rest_qgs" if named is None else _known(manifest, *named)
        if named is None or why:
            refused[path.name] = why
            continue
        content, candidate = _candidate(manifest, path, named, origin, layouts)
        if why := _too_near(manifest, candidate):
            refused[path.name] = why
            continue
        manifests.write(folder / candidate.crop.file, content)
        taken.append(candidate)
    if not taken:
        why = next((f"{name}: {reason}" for name, reason in refused.items()), "no picture is in it")
        raise PerfuscopeError(f"{source} gave no candidate ({why}).")
    after = manifest.also(command, candidates=(*manifest.candidates, *taken))
    manifests.save(folder, after)
    return after, refused


def joined(manifest: Manifest) -> Manifest:
    """The manifest with those synthetic patients among it whose three views were all accepted, and no other."""
    cases: dict[str, dict[View, Candidate]] = defaultdict(dict)
    for candidate in manifest.candidates:
        if candidate.decision is not None and candidate.decision.accepted:
            cases[candidate.case][candidate.view] = candidate
    whole = [(case, views) for case, views in cases.items() if len(views) == len(REQUIRED_VIEWS)]
    others = tuple(patient for patient in manifest.patients if patient.provenance.kind != "synthetic")
    made = tuple(_patient(manifest, case, views) for case, views in whole)
    return manifest.model_copy(update={"patients": (*others, *made)})


def _patient(manifest: Manifest, case: str, views: Mapping[View, Candidate]) -> Patient:
    first = views[View.QPS]
    decided = {view.value: one.decision.model_dump(mode="json") for view, one in views.items() if one.decision}
    return Patient(
        id=case,
        label=first.label,
        subset="validation" if first.validation and _validates(manifest, case) else "train",
        provenance=Provenance(
            kind="synthetic", details={"generator": first.generator, "prompt": first.prompt, "decided": decided}
        ),
        views={view: Screen(crop=views[view].crop) for view in REQUIRED_VIEWS},
    )


def _validates(manifest: Manifest, case: str) -> bool:
    """Whether a case that may validate does: as large a share as of the real patients, always the same ones."""
    split = manifest.split
    if split is None or not split.validation:
        return False
    drawn = int(hashlib.sha256(f"{split.seed} {case}".encode()).hexdigest()[:8], 16) / 16**8
    return drawn < split.validation / (split.train + split.validation)


def _known(manifest: Manifest, case: str, view: View) -> str:
    """Why a name cannot be taken; empty if it can."""
    if any(patient.id.casefold() == case.casefold() for patient in manifest.patients):
        return f"{case} is already a patient of the data set"
    if any(one.case.casefold() == case.casefold() and one.view == view for one in manifest.candidates):
        return f"{case} {view.value} is already a candidate"
    return ""


def _candidate(
    manifest: Manifest, path: Path, named: tuple[str, View], origin: Origin, layouts: Sequence[Layout]
) -> tuple[bytes, Candidate]:
    case, view = named
    pixels, name = load(path), f"{CANDIDATES}/{case}_{view.value}.png"
    if pixels.shape[0] == pixels.shape[1]:
        content, crop = _like_ours(manifest, pixels, view, name)
    else:
        content, crop = cut(path, pixels, view, layouts, name=name)
    candidate = Candidate(
        case=case,
        view=view,
        label=origin.label,
        crop=crop,
        source_sha256=manifests.digest(pictures.content(path)),
        generator=origin.generator,
        prompt=origin.prompt,
        validation=origin.validation,
    )
    return content, candidate


def _like_ours(manifest: Manifest, pixels: RgbImage, view: View, name: str) -> tuple[bytes, CropPicture]:
    """A square picture at the size of our crops of that view, black outside their circles."""
    ours = next(crop for patient in manifest.patients if (crop := patient.views[view].crop) is not None)
    side = _side(ours)
    small = Image.fromarray(pixels).resize((side, side), Image.Resampling.LANCZOS) if len(pixels) != side else pixels
    kept = np.where(_inside(ours, side)[..., None], np.asarray(small, dtype=np.uint8), np.uint8(0))
    return crop_picture(name, kept, cut_by=(ours.layout, ours.layout_version), maps=ours.maps)


def _side(crop: CropPicture) -> int:
    """A crop has two by two tiles as wide as its circles."""
    return 4 * max(radius for _, _, radius in crop.scale().circles.values())


def _inside(crop: CropPicture, side: int) -> "np.ndarray[tuple[int, int], np.dtype[np.bool_]]":
    rows, columns = np.ogrid[:side, :side]
    found = np.zeros((side, side), dtype=np.bool_)
    for column, row, radius in crop.scale().circles.values():
        circle = (rows - row) ** 2 + (columns - column) ** 2 <= radius**2
        found |= circle & (rows < row + radius) & (columns < column + radius)  # as a layout cuts it
    return found


def _too_near(manifest: Manifest, candidate: Candidate) -> str:
    """A picture of somebody who tests or validates would tell the training what is asked of it."""
    for patient in manifest.patients:
        crop = patient.views[candidate.view].crop
        if patient.subset == "train" or crop is None:
            continue
        if duplicates.distances(crop.hash, [candidate.crop.hash])[0] <= duplicates.SAME:
            return f"it shows the same as {patient.id} in {patient.subset}"
    return ""
