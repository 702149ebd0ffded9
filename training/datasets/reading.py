"""A data set from its folder: with a manifest, or a plain folder of DICOM studies with ``truth.csv``."""

import hashlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.errors import PerfuscopeError
from core.pixels import RgbImage
from core.types import LABELS, REQUIRED_VIEWS
from models.preprocess import PREPROCESSING_VERSION, SIZE, resize
from training.datasets import manifest as manifests
from training.datasets import pictures, studies
from training.datasets.crops import Crops, Progress, cached, keep, maps_row
from training.datasets.dataset import Dataset, tpd_of
from training.datasets.manifest import CropPicture, Manifest, Patient


def read(folder: Path, *, progress: Progress | None = None) -> Dataset:
    """The patients of a data set folder, or of a folder of studies with truth.csv; later calls find a cache there.

    PerfuscopeError if it is neither, has no crops yet, or holds an image that cannot be read.
    """
    if not manifests.exists(folder):
        return studies.read(folder, progress=progress)
    manifest = manifests.load(folder)
    raw = [patient.id for patient in manifest.patients if not patient.cropped]
    if raw or not manifest.patients:
        raise PerfuscopeError(f"{folder} has no crops yet: run perfuscope dataset crop {folder}.")
    key = _key(manifest)
    found = cached(folder, key)
    if found is None:
        found = _read_all(folder, manifest, progress)
        keep(folder, key, found)
    return _dataset(folder, manifest, found)


def crops_of(patient: Patient) -> tuple[CropPicture, ...]:
    """A cropped patient's crops in the order of REQUIRED_VIEWS."""
    found = (patient.views[view].crop for view in REQUIRED_VIEWS)
    return tuple(crop for crop in found if crop is not None)


def _dataset(folder: Path, manifest: Manifest, found: Crops) -> Dataset:
    patients = manifest.patients
    return Dataset(
        patients=tuple(patient.id for patient in patients),
        labels=np.array([LABELS.index(patient.label) for patient in patients], dtype=np.intp),
        pixels=np.stack([found.pixels[patient.id] for patient in patients]),
        tpd=tpd_of([patient.facts for patient in patients]),
        left_out=manifest.left_out,
        truth_sha256=hashlib.sha256((folder / manifests.MANIFEST).read_bytes()).hexdigest(),
        source=manifest.source,
        layouts=found.layouts,
        maps=np.stack([found.maps[patient.id] for patient in patients]),
        subset=np.array([patient.subset or "" for patient in patients], dtype="<U10"),
        facts=tuple(patient.facts for patient in patients),
        provenance=tuple(str(patient.provenance) for patient in patients),
    )


def _read_all(folder: Path, manifest: Manifest, progress: Progress | None) -> Crops:
    pixels: dict[str, NDArray[np.uint8]] = {}
    maps: dict[str, NDArray[np.float32]] = {}
    used: dict[str, int] = {}
    for done, patient in enumerate(manifest.patients, start=1):
        kept = crops_of(patient)
        seen = [_open(folder, crop) for crop in kept]
        pixels[patient.id] = np.stack([resize(image) for image in seen])
        scales = (crop.scale() for crop in kept)
        maps[patient.id] = maps_row(dict(zip(REQUIRED_VIEWS, zip(seen, scales, strict=True), strict=True)))
        used |= {crop.layout: crop.layout_version for crop in kept}
        if progress:
            progress(done, len(manifest.patients))
    return Crops(pixels, maps, {}, used)


def _open(folder: Path, crop: CropPicture) -> RgbImage:
    """A crop whose file is the one the manifest names."""
    path = folder / crop.file
    content = pictures.content(path)
    if manifests.digest(content) != crop.sha256:
        raise PerfuscopeError(f"{path} is not the file that {manifests.MANIFEST} names: its SHA-256 differs.")
    return pictures.decoded(content, path)


def _key(manifest: Manifest) -> str:
    digest = hashlib.sha256(f"{PREPROCESSING_VERSION} {SIZE}\n".encode())
    for patient in manifest.patients:
        for crop in crops_of(patient):
            digest.update(f"{patient.id} {crop.sha256} {crop.maps}\n".encode())
    return digest.hexdigest()
