"""Proof that a data set is what its manifest says and that its subsets have nobody in common."""

from pathlib import Path

from core.errors import PerfuscopeError
from core.types import View
from training.datasets import duplicates, pictures, reading
from training.datasets import manifest as manifests
from training.datasets.crops import Progress
from training.datasets.dataset import SUBSETS, Dataset
from training.datasets.manifest import CropPicture, Manifest, Picture


def verified(folder: Path, *, progress: Progress | None = None) -> Dataset:
    """The data set, once ``verify`` found nothing; PerfuscopeError with the first thing that it found."""
    found = verify(folder, progress=progress)
    if found:
        more = f" ({len(found) - 1} more: perfuscope dataset verify {folder})" if len(found) > 1 else ""
        raise PerfuscopeError(f"{found[0]}{more}")
    return reading.read(folder)


def verify(folder: Path, *, progress: Progress | None = None) -> list[str]:
    """What is wrong, one sentence each: digests, patients, subsets, near-duplicates; empty if nothing is."""
    manifest = manifests.load(folder)
    return [
        *_unsplit(folder, manifest),
        *_patients(manifest),
        *_origins(manifest),
        *_files(folder, manifest, progress),
        *_across(manifest),
    ]


def _unsplit(folder: Path, manifest: Manifest) -> list[str]:
    if any(not patient.cropped for patient in manifest.patients):
        return [f"{folder} has patients without crops: run perfuscope dataset crop {folder}."]
    loose = sum(patient.subset is None for patient in manifest.patients)
    if loose or manifest.split is None:
        return [f"{folder} is not split: run perfuscope dataset split {folder}."]
    empty = [subset for subset in SUBSETS if all(patient.subset != subset for patient in manifest.patients)]
    shares = manifest.split.model_dump()
    return [f"{folder} has nobody in {subset}." for subset in empty if shares[subset]]


def _patients(manifest: Manifest) -> list[str]:
    """A patient may be there once: under one id, in one subset, with one label."""
    seen: dict[str, int] = {}
    for patient in manifest.patients:
        seen[patient.id.casefold()] = seen.get(patient.id.casefold(), 0) + 1
    return [f"Patient {name} is in {manifests.MANIFEST} {count} times." for name, count in seen.items() if count > 1]


def _origins(manifest: Manifest) -> list[str]:
    """What was made may not test, and what was made from a patient of another subset may not train."""
    subsets = {patient.id: patient.subset for patient in manifest.patients}
    found = []
    for patient in manifest.patients:
        kind, base = patient.provenance.kind, str(patient.provenance.details.get("base", ""))
        if kind != "original" and patient.subset == "test":
            found.append(f"Patient {patient.id} is {kind} and may not be in test.")
        if kind == "synthesized" and (patient.subset != "train" or subsets.get(base) != "train"):
            found.append(f"Patient {patient.id} was made from {base}: both must be in train.")
    return found


def _files(folder: Path, manifest: Manifest, progress: Progress | None) -> list[str]:
    """Every file is the one the manifest names, and shows what its perceptual hash says."""
    found = []
    files = list(_pictures(manifest))
    for done, picture in enumerate(files, start=1):
        path = folder / picture.file
        try:
            content = pictures.content(path)
            if manifests.digest(content) != picture.sha256:
                found.append(f"{path} is not the file that {manifests.MANIFEST} names: its SHA-256 differs.")
            elif isinstance(picture, CropPicture) and _other_hash(content, path, picture):
                found.append(f"{path} has another perceptual hash than {manifests.MANIFEST} says.")
        except PerfuscopeError as error:
            found.append(str(error))
        if progress:
            progress(done, len(files))
    return found


def _pictures(manifest: Manifest) -> list[Picture]:
    screens = [screen for patient in manifest.patients for screen in patient.views.values()]
    found = [picture for screen in screens for picture in (screen.image, screen.crop) if picture is not None]
    return [*found, *(candidate.crop for candidate in manifest.candidates)]


def _other_hash(content: bytes, path: Path, crop: CropPicture) -> bool:
    return duplicates.perceptual_hash(pictures.decoded(content, path)) != crop.hash


def _across(manifest: Manifest) -> list[str]:
    """Pairs of patients in two subsets of whom one view or more shows the same."""
    patients = [patient for patient in manifest.patients if patient.cropped]
    found: dict[tuple[int, int], list[View]] = {}
    for one, other, view in duplicates.pairs(patients):
        if patients[one].subset != patients[other].subset:
            found.setdefault((one, other), []).append(view)
    return [
        f"{patients[one].id} in {patients[one].subset} and {patients[other].id} in {patients[other].subset} "
        f"show the same ({', '.join(views)})."
        for (one, other), views in found.items()
    ]
