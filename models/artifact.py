"""A model as a folder of three files (network, head, card), as one packed file, and as an identity."""

import hashlib
import io
import shutil
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

from core.errors import PerfuscopeError
from core.types import ModelIdentity
from models import card as cards
from models import explain
from models.card import Card
from models.preprocess import PREPROCESSING_VERSION

MODEL, HEAD, CARD = "model.tflite", "head.npz", "card.json"
HASHED = (MODEL, HEAD)
"""The files whose SHA-256 the card holds: all but the card itself."""

MAX_PACKED_BYTES = 512 * 2**20
"""A larger packed artifact is refused before it is opened."""

_SHIPPED = "mobilenet-sim-1"
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the first date a zip file can hold: packing twice gives the same bytes


@dataclass(frozen=True, slots=True)
class Artifact:
    """A verified model on disk."""

    folder: Path
    card: Card
    head: explain.Head

    @property
    def model_path(self) -> Path:
        """The LiteRT file."""
        return self.folder / MODEL

    @property
    def identity(self) -> ModelIdentity:
        """Name, version and the SHA-256 of the LiteRT file."""
        return ModelIdentity(self.card.name, self.card.version, self.card.files[MODEL])


def shipped() -> Path:
    """The folder of the artifact that comes with Perfuscope."""
    return _home() / _SHIPPED


def find(name: str) -> Path:
    """The folder called ``name``: a path, or the name of an artifact that comes with Perfuscope."""
    for folder in (Path(name), _home() / name):
        if (folder / CARD).is_file():
            return folder
    raise PerfuscopeError(f"{name} is neither a model artifact's folder nor the name of a shipped one.")


def load(folder: Path) -> Artifact:
    """Verify the folder and read it; PerfuscopeError says what is wrong."""
    card = verify(folder)
    if card.preprocessing != PREPROCESSING_VERSION:
        raise PerfuscopeError(
            f"{card.name} was trained with preprocessing {card.preprocessing}, "
            f"this Perfuscope has {PREPROCESSING_VERSION}."
        )
    try:
        head = explain.load(folder / HEAD)
    except (ValueError, KeyError, OSError, zipfile.BadZipFile) as error:
        raise PerfuscopeError(f"{folder.name}/{HEAD} does not hold a head's weights.") from error
    return Artifact(folder, card, head)


def verify(folder: Path) -> Card:
    """Compare every file with the card; PerfuscopeError names the file that is missing or differs."""
    card = cards.read(folder / CARD)
    for name in HASHED:
        path = folder / name
        if not path.is_file():
            raise PerfuscopeError(f"{folder.name}/{name} is missing.")
        if name not in card.files or sha256(path) != card.files[name]:
            raise PerfuscopeError(f"{folder.name}/{name} does not have the SHA-256 that its card names.")
    return card


def sha256(path: Path) -> str:
    """The SHA-256 of a file in lower-case hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def pack(folder: Path) -> bytes:
    """The verified artifact as one zip file without compression; the same folder gives the same bytes."""
    verify(folder)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:
        for name in (*HASHED, CARD):
            archive.writestr(zipfile.ZipInfo(name, _EPOCH), (folder / name).read_bytes())
    return packed.getvalue()


def unpack(data: bytes, folder: Path) -> Path:
    """Write a packed artifact to ``folder`` and verify it: all or nothing, also with several writers at once.

    Takes exactly the three known names, stored without compression; PerfuscopeError for anything else.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".unpacking-") as temporary:
        fresh = Path(temporary) / folder.name
        fresh.mkdir()
        _extract(data, fresh)
        verify(fresh)
        _move(fresh, folder)
    return folder


def _extract(data: bytes, folder: Path) -> None:
    if len(data) > MAX_PACKED_BYTES:
        raise PerfuscopeError(f"A packed artifact may have {MAX_PACKED_BYTES} bytes, not {len(data)}.")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = archive.infolist()
            if sorted(e.filename for e in entries) != sorted((*HASHED, CARD)):
                raise PerfuscopeError(f"A packed artifact holds {MODEL}, {HEAD} and {CARD}, nothing else.")
            stored = all(e.compress_type == zipfile.ZIP_STORED and not e.flag_bits & 1 for e in entries)
            if not stored or sum(e.file_size for e in entries) > len(data):
                raise PerfuscopeError("A packed artifact is stored without compression or encryption.")
            for entry in entries:
                (folder / entry.filename).write_bytes(archive.read(entry))
    except (zipfile.BadZipFile, NotImplementedError, EOFError, ValueError) as error:
        raise PerfuscopeError("The packed artifact is damaged.") from error


def _move(fresh: Path, folder: Path) -> None:
    try:
        fresh.rename(folder)
    except OSError:
        if not folder.is_dir():
            raise
        if _same(fresh, folder):  # another process was quicker
            return
        shutil.rmtree(folder)
        fresh.rename(folder)


def _same(fresh: Path, folder: Path) -> bool:
    return all((folder / n).is_file() and sha256(folder / n) == sha256(fresh / n) for n in (*HASHED, CARD))


def _home() -> Path:
    return Path(__file__).parent / "artifacts"
