"""Taking screens into a new data set: from class folders, or from DICOM studies with a table of labels."""

import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from core.errors import PerfuscopeError, Rejected
from core.pixels import RgbImage
from core.types import LABELS, REQUIRED_VIEWS, Label, View
from models.figures import Source
from training.datasets import manifest as manifests
from training.datasets import pictures
from training.datasets.crops import Progress
from training.datasets.dataset import Fact
from training.datasets.manifest import IMAGES, Manifest, Patient, Picture, Screen

Load = Callable[[], RgbImage]


@dataclass(frozen=True, slots=True)
class Draft:
    """A patient found in a source; the pixels of a view are read when they are written."""

    id: str
    label: Label
    views: dict[View, Load] = field(repr=False)
    facts: dict[str, Fact] = field(default_factory=dict)


Open = Callable[[], Draft]
"""A patient looked at when its turn comes; raises Rejected for one to leave out."""


@dataclass(frozen=True, slots=True)
class Material:
    """All that a source holds: patients by id, what is already known to be left out, and whose it is."""

    patients: Sequence[tuple[str, Open]]
    left_out: dict[str, str]
    source: Source
    where: Path


def write(material: Material, out: Path, *, command: str, progress: Progress | None = None) -> Manifest:
    """Write the data set ``out``, whole or not at all; PerfuscopeError if ``out`` is not free or a class is empty."""
    with new_folder(out) as folder:
        (folder / IMAGES).mkdir()
        patients, left_out = [], dict(material.left_out)
        for done, (name, look) in enumerate(material.patients, start=1):
            try:
                patients.append(_write(folder, look()))
            except Rejected as rejected:
                left_out[name] = str(rejected)
            if progress:
                progress(done, len(material.patients))
        check_classes(patients, str(material.where), left_out)
        manifest = Manifest(source=material.source, patients=tuple(patients), left_out=left_out).also(command)
        manifests.save(folder, manifest)
    return manifest


@contextmanager
def new_folder(out: Path) -> Iterator[Path]:
    """A folder beside ``out`` that becomes ``out`` when all went well, and is gone when not."""
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise PerfuscopeError(f"{out} is not empty; name a new folder for the data set.")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(dir=out.parent, prefix=f".{out.name}."))
    except OSError as error:
        raise PerfuscopeError(f"{out} could not be made: {error.strerror or type(error).__name__}.") from None
    try:
        yield folder
        if out.is_dir():
            out.rmdir()
        folder.rename(out)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def missing(views: Sequence[View] | dict[View, Load]) -> list[str]:
    """The names of the views that are not there."""
    return [view.value for view in REQUIRED_VIEWS if view not in views]


def _write(folder: Path, draft: Draft) -> Patient:
    views = {}
    for view in REQUIRED_VIEWS:
        name = f"{IMAGES}/{draft.id}_{view.value}.png"
        content = pictures.png(draft.views[view]())
        manifests.write(folder / name, content)
        views[view] = Screen(image=Picture(file=name, sha256=manifests.digest(content)))
    return Patient(id=draft.id, label=draft.label, facts=draft.facts, views=views)


def check_classes(patients: Sequence[Patient], where: str, left_out: Mapping[str, str]) -> None:
    """Raise PerfuscopeError where a class has nobody."""
    for label in LABELS:
        if all(patient.label != label for patient in patients):
            example = next((f"; left out, for example: {name} ({why})" for name, why in left_out.items()), "")
            msg = (
                f"{where} holds no patient with {label.value} who has all three views: every class is needed{example}."
            )
            raise PerfuscopeError(msg)
