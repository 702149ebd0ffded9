"""Cutting the screens of a data set down to what their layout keeps: no text of a screen survives."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from core.errors import PerfuscopeError, Rejected
from core.pixels import RgbImage
from core.types import View
from dicom_node.layouts import Layout, maps_of
from dicom_node.prepare import screen
from training.datasets import manifest as manifests
from training.datasets import pictures
from training.datasets.crops import Progress
from training.datasets.duplicates import perceptual_hash
from training.datasets.importing import new_folder
from training.datasets.manifest import CROPS, IMAGES, CropPicture, Manifest, Patient, Picture, Screen


def crop(folder: Path, *, layouts: Sequence[Layout], command: str, progress: Progress | None = None) -> Manifest:
    """Write ``crops/`` from ``images/``, all of them or none; returns the new manifest, which is saved.

    PerfuscopeError names a screen whose layout is not known, or that shows another view than it is named.
    """
    manifest = manifests.load(folder)
    raw = [patient for patient in manifest.patients if not patient.cropped]
    if not raw:
        raise PerfuscopeError(f"{folder} has all its crops already.")
    made: dict[str, Patient] = {}
    (folder / CROPS).mkdir(exist_ok=True)
    with new_folder(folder / ".crops.new") as fresh:
        for done, patient in enumerate(raw, start=1):
            made[patient.id] = _patient(folder, fresh, patient, layouts)
            if progress:
                progress(done, len(raw))
    for path in sorted((folder / ".crops.new").iterdir()):
        path.replace(folder / CROPS / path.name)
    (folder / ".crops.new").rmdir()
    after = manifest.also(command, patients=tuple(made.get(patient.id, patient) for patient in manifest.patients))
    manifests.save(folder, after)
    return after


def drop_screens(folder: Path, *, command: str) -> Manifest:
    """Delete ``images/`` of a cropped data set: the whole screens, with whatever is written on them."""
    manifest = manifests.load(folder)
    if any(not patient.cropped for patient in manifest.patients):
        raise PerfuscopeError(f"{folder} has screens without crops; crop them before they are dropped.")
    patients = tuple(
        patient.model_copy(update={"views": {view: Screen(crop=seen.crop) for view, seen in patient.views.items()}})
        for patient in manifest.patients
    )
    after = manifest.also(command, patients=patients)
    manifests.save(folder, after)
    shutil.rmtree(folder / IMAGES, ignore_errors=True)
    return after


def crop_picture(
    name: str, pixels: RgbImage, *, cut_by: tuple[str, int], maps: dict[str, object]
) -> tuple[bytes, CropPicture]:
    """A crop as the bytes of its file and its entry in the manifest."""
    content = pictures.png(pixels)
    layout, version = cut_by
    entry = CropPicture(
        file=name,
        sha256=manifests.digest(content),
        hash=perceptual_hash(pixels),
        layout=layout,
        layout_version=version,
        maps=maps,
    )
    return content, entry


def cut(path: Path, pixels: RgbImage, view: View, layouts: Sequence[Layout], *, name: str) -> tuple[bytes, CropPicture]:
    """What is kept of a screen in the file ``path``; PerfuscopeError if it shows no known layout or another view."""
    try:
        match, kept = screen(pixels, layouts=layouts)
    except Rejected as rejected:
        msg = f"{path} is not cropped: {rejected.reason.sentence} ({rejected.detail}); see perfuscope layout new."
        raise PerfuscopeError(msg) from None
    if match.view != view:
        raise PerfuscopeError(f"{path} is named {view.value} but shows {match.view.value}.")
    maps = maps_of(kept, match.layout).as_json()
    return crop_picture(name, kept.pixels, cut_by=(match.name, match.version), maps=maps)


def _patient(folder: Path, fresh: Path, patient: Patient, layouts: Sequence[Layout]) -> Patient:
    views = {}
    for view, seen in patient.views.items():
        if seen.image is None:
            raise PerfuscopeError(f"{folder} holds no screen of {patient.id} that could be cropped.")
        content, entry = cut(
            folder / seen.image.file,
            _pixels(folder, seen.image),
            view,
            layouts,
            name=f"{CROPS}/{patient.id}_{view.value}.png",
        )
        manifests.write(fresh / Path(entry.file).name, content)
        views[view] = seen.model_copy(update={"crop": entry})
    return patient.model_copy(update={"views": views})


def _pixels(folder: Path, image: Picture) -> RgbImage:
    path = folder / image.file
    content = pictures.content(path)
    if manifests.digest(content) != image.sha256:
        raise PerfuscopeError(f"{path} is not the file that {manifests.MANIFEST} names: its SHA-256 differs.")
    return pictures.decoded(content, path)
