"""The crops of a data set: made exactly as in service, resized, and kept in one file beside the studies."""

import hashlib
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom.errors import InvalidDicomError
from pydicom.filereader import read_file_meta_info

from core.errors import Rejected
from core.maps import Maps
from core.pixels import RgbImage
from core.types import REQUIRED_VIEWS, Reason, View
from dicom_node import layouts
from dicom_node.prepare import Prepared, is_candidate, prepare
from models.polar import ANGLES, RINGS, polar_maps
from models.preprocess import PREPROCESSING_VERSION, SIZE, resize
from training.datasets.dataset import MAPS

CACHE = ".perfuscope-crops.npz"
Progress = Callable[[int, int], None]
"""Is told how many of how many are done."""


@dataclass(frozen=True, slots=True, eq=False)
class Crops:
    """Resized crops of each usable patient, shape (3, 224, 224, 3): the views are in the order of REQUIRED_VIEWS."""

    pixels: Mapping[str, NDArray[np.uint8]]
    maps: Mapping[str, NDArray[np.float32]]
    """Their polar maps, shape (10, 32, 72), in the order of MAPS."""
    left_out: Mapping[str, str]
    """The other patients, and why."""
    layouts: Mapping[str, int]
    """Name and version of the layouts that the crops come from."""


def read(files: Mapping[str, Sequence[Path]], *, home: Path, progress: Progress | None = None) -> Crops:
    """The crops of each patient's files; a second call finds them in the cache file in ``home``.

    The cache counts only for the same file contents, preprocessing version and layout versions.
    """
    key = _key(files)
    found = cached(home, key)
    if found is None:
        found = _read_all(files, progress)
        keep(home, key, found)
    return found


def maps_row(crops: Mapping[View, tuple[RgbImage, Maps]]) -> NDArray[np.float32]:
    """The polar maps of a patient's three crops, shape (10, 32, 72), in the order of MAPS; NaN for one that is not."""
    read = {view: polar_maps(pixels, maps) for view, (pixels, maps) in crops.items()}
    nothing = np.full((RINGS, ANGLES), np.nan, dtype=np.float32)
    return np.stack([read[view].get(panel, nothing) for view, panel in MAPS])


def _read_all(files: Mapping[str, Sequence[Path]], progress: Progress | None) -> Crops:
    pixels: dict[str, NDArray[np.uint8]] = {}
    maps: dict[str, NDArray[np.float32]] = {}
    left_out: dict[str, str] = {}
    used: dict[str, int] = {}
    known = layouts.shipped()
    for done, (patient, paths) in enumerate(files.items(), start=1):
        try:
            views = views_of(paths, known)
            pixels[patient] = np.stack([resize(views[view].crop.pixels) for view in REQUIRED_VIEWS])
            maps[patient] = maps_row(
                {view: (one.crop.pixels, layouts.maps_of(one.crop, one.layout)) for view, one in views.items()}
            )
            used |= {screen.layout_name: screen.layout_version for screen in views.values()}
        except Rejected as error:
            left_out[patient] = str(error)
        if progress:
            progress(done, len(files))
    return Crops(pixels, maps, left_out, used)


def views_of(paths: Sequence[Path], known: tuple[layouts.Layout, ...]) -> dict[View, Prepared]:
    """The three screens among a patient's files; Rejected says which one is missing, there twice or damaged."""
    views: dict[View, Prepared] = {}
    for path in filter(may_be_screen, paths):
        prepared = prepare(path, layouts=known)
        if not isinstance(prepared, Prepared):
            continue
        if prepared.view in views:
            raise Rejected(Reason.AMBIGUOUS, prepared.view.value)
        views[prepared.view] = prepared
    missing = [view.value for view in REQUIRED_VIEWS if view not in views]
    if missing:
        raise Rejected(Reason.INCOMPLETE, f"without {', '.join(missing)}")
    return views


def may_be_screen(path: Path) -> bool:
    """False for raw data and reports, which lie beside the screens and are left alone."""
    try:
        return is_candidate(str(read_file_meta_info(path).get("MediaStorageSOPClassUID", "")))
    except (InvalidDicomError, OSError, EOFError):
        return True  # not a proper DICOM file: prepare says so


def _key(files: Mapping[str, Sequence[Path]]) -> str:
    digest = hashlib.sha256(f"{PREPROCESSING_VERSION} {SIZE}\n".encode())
    for layout in layouts.shipped():
        digest.update(f"{layout.name} {layout.version}\n".encode())
    for patient, paths in files.items():
        for path in paths:
            digest.update(f"{patient}/{path.name}\n".encode())
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()


def cached(home: Path, key: str) -> Crops | None:
    """What ``keep`` wrote into the folder under the same key."""
    try:
        with (home / CACHE).open("rb") as file, np.load(file, allow_pickle=False) as kept:
            if str(kept["key"]) != key:
                return None
            pixels = dict(zip(kept["patients"].tolist(), kept["pixels"], strict=True))
            maps = dict(zip(kept["patients"].tolist(), kept["maps"], strict=True))
            used = {name: int(version) for name, version in kept["layouts"].tolist()}
            return Crops(pixels, maps, dict(kept["left_out"].tolist()), used)
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile):
        return None


def keep(home: Path, key: str, crops: Crops) -> None:
    """Write the cache; a folder that cannot be written to is only slower."""
    path = home / CACHE
    partial = path.with_suffix(".partial.npz")
    pixels, maps = list(crops.pixels.values()), list(crops.maps.values())
    try:
        np.savez(
            partial,
            key=np.array(key),
            patients=np.array(list(crops.pixels), dtype=str),
            pixels=np.stack(pixels) if pixels else np.empty((0, 3, SIZE, SIZE, 3), np.uint8),
            maps=np.stack(maps) if maps else np.empty((0, len(MAPS), RINGS, ANGLES), np.float32),
            left_out=np.array(list(crops.left_out.items()), dtype=str).reshape(-1, 2),
            layouts=np.array(list(crops.layouts.items()), dtype=str).reshape(-1, 2),
        )
        partial.replace(path)
    except OSError:
        partial.unlink(missing_ok=True)
