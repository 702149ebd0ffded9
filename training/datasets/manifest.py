"""``manifest.json``: what a data set holds, file by file, and what was done to make it."""

import hashlib
import json
import os
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from core import __version__
from core.errors import PerfuscopeError
from core.maps import Maps
from core.types import REQUIRED_VIEWS, Label, View
from models.figures import Source
from training.datasets.dataset import Fact, Subset

MANIFEST = "manifest.json"
IMAGES = "images"
CROPS = "crops"
CANDIDATES = "candidates"
SCHEMA = 1


def _inside(path: str) -> str:
    parts = PurePosixPath(path).parts
    if len(parts) != 2 or parts[0] not in {IMAGES, CROPS, CANDIDATES} or parts[1].startswith("."):
        raise ValueError("must be a file in images, crops or candidates")
    return path


Digest = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
File = Annotated[str, AfterValidator(_inside)]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Picture(_Frozen):
    """A file of the data set."""

    file: File
    sha256: Digest


class CropPicture(Picture):
    """A full-size crop, its perceptual hash, and how its colours are read."""

    hash: str
    layout: str
    layout_version: int
    maps: dict[str, Any]

    def scale(self) -> Maps:
        """The colour scale and the circles."""
        return Maps.of_json(self.maps)


class Screen(_Frozen):
    """One view of a patient: as imported, and what is kept of it."""

    image: Picture | None = None
    crop: CropPicture | None = None


class Provenance(_Frozen):
    """Where a patient comes from: of the hospital, from an image generator, or made here from another patient."""

    kind: Literal["original", "synthetic", "synthesized"] = "original"
    details: dict[str, Any] = {}
    """Generator, prompt and who accepted it; or the patient it was made from, artery, segments and depth."""

    def __str__(self) -> str:
        named = self.details.get("generator") or self.details.get("defect")
        return f"{self.kind}: {named}" if named else self.kind


class Patient(_Frozen):
    """A patient with all three views."""

    id: str
    label: Label
    subset: Subset | None = None
    provenance: Provenance = Provenance()
    facts: dict[str, Fact] = {}
    views: dict[View, Screen]

    @property
    def cropped(self) -> bool:
        """Whether every view has its crop."""
        return all(self.views[view].crop is not None for view in REQUIRED_VIEWS)


class Decision(_Frozen):
    """What a person said of a candidate."""

    accepted: bool
    by: str
    at: datetime


class Candidate(_Frozen):
    """An image from elsewhere that is used only after a person accepted it."""

    case: str
    view: View
    label: Label
    crop: CropPicture
    source_sha256: Digest
    """Of the file that was taken in."""
    generator: str
    prompt: str = ""
    validation: bool = False
    """Whether its case may also go to validation."""
    decision: Decision | None = None


class Step(_Frozen):
    """A command that made the data set what it is."""

    command: str
    at: datetime
    version: str

    @classmethod
    def now(cls, command: str) -> "Step":
        """A command that runs just now."""
        return cls(command=command, at=datetime.now(UTC).replace(microsecond=0), version=__version__)


class Shares(_Frozen):
    """How the patients were split."""

    train: float
    validation: float
    test: float
    seed: int


class Manifest(_Frozen):
    """The whole data set."""

    schema_version: Literal[1] = 1
    source: Source
    steps: tuple[Step, ...] = ()
    split: Shares | None = None
    patients: tuple[Patient, ...] = ()
    left_out: dict[str, str] = {}
    candidates: tuple[Candidate, ...] = ()

    def also(self, command: str, **changes: Any) -> "Manifest":
        """The manifest after a command."""
        return self.model_copy(update={**changes, "steps": (*self.steps, Step.now(command))})


def exists(folder: Path) -> bool:
    """Whether the folder is a data set with a manifest."""
    return (folder / MANIFEST).is_file()


def load(folder: Path) -> Manifest:
    """The manifest of a data set folder; PerfuscopeError if there is none or it cannot be understood."""
    path = folder / MANIFEST
    try:
        return Manifest.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        msg = f"{folder} has no {MANIFEST}: make a data set with perfuscope dataset import."
        raise PerfuscopeError(msg) from None
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        msg = f"{path} is not a manifest of schema {SCHEMA}: {where + ': ' if where else ''}{first['msg']}."
        raise PerfuscopeError(msg) from None


def save(folder: Path, manifest: Manifest) -> None:
    """Write the manifest whole or not at all."""
    text = json.dumps(manifest.model_dump(mode="json", exclude_none=True), indent=1) + "\n"
    write(folder / MANIFEST, text.encode())


def write(path: Path, content: bytes) -> None:
    """Write a file whole or not at all; PerfuscopeError names it, on a full disk too."""
    partial = path.with_name(f".{path.name}.partial")
    try:
        with partial.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        msg = f"{path} could not be written: {error.strerror or type(error).__name__}."
        raise PerfuscopeError(msg) from None


def digest(content: bytes) -> str:
    """SHA-256 in hex."""
    return hashlib.sha256(content).hexdigest()
