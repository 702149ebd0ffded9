"""A model as a folder of files (network, head, card, what else its kind needs), as one packed file, as an identity."""

import hashlib
import io
import shutil
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from core.errors import PerfuscopeError
from core.types import ModelIdentity
from models import card as cards
from models import explain, novelty, study_head, study_input
from models.card import Card
from models.novelty import Detector
from models.preprocess import PREPROCESSING_VERSION
from models.study_input import NormalLimits

MODEL, HEAD, CARD = "model.tflite", "head.npz", "card.json"
LIMITS, NOVELTY, INT8 = "limits.npz", "novelty.npz", "model-int8.tflite"
HASHED = (MODEL, HEAD)
"""The files of every artifact whose SHA-256 the card holds."""
OPTIONAL = (LIMITS, NOVELTY, INT8)
"""Further files that a card may list: normal limits (kind "study"), the novelty detector, a variant in 8 bits."""

MAX_PACKED_BYTES = 512 * 2**20
"""A larger packed artifact is refused before it is opened."""

_T = TypeVar("_T")
Head = explain.Head | study_head.Head
_SHIPPED = "mobilenet-sim-2"
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the first date a zip file can hold: packing twice gives the same bytes


@dataclass(frozen=True, slots=True)
class Artifact:
    """A verified model on disk."""

    folder: Path
    card: Card
    head: Head
    novelty: Detector | None = None
    """What tells inputs apart from what the model was trained on; None where the artifact has none."""
    limits: NormalLimits | None = None
    """What is normal; of kind "study" only."""

    @property
    def model_path(self) -> Path:
        """The LiteRT file."""
        return self.folder / MODEL

    @property
    def identity(self) -> ModelIdentity:
        """Name, version and SHA-256; see ``fingerprint``."""
        return ModelIdentity(self.card.name, self.card.version, fingerprint(self.card))


def shipped() -> Path:
    """The folder of the artifact that comes with Perfuscope."""
    return _home() / _SHIPPED


def names() -> list[str]:
    """The names of the artifacts that come with Perfuscope."""
    return sorted(folder.name for folder in _home().iterdir() if (folder / CARD).is_file())


def find(name: str) -> Path:
    """The folder called ``name``: a path, or the name of an artifact that comes with Perfuscope."""
    for folder in (Path(name), _home() / name):
        if (folder / CARD).is_file():
            return folder
    raise PerfuscopeError(f"{name} is neither a model artifact's folder nor the name of a shipped one.")


def load(folder: Path) -> Artifact:
    """Verify the folder and read it; PerfuscopeError says what is wrong."""
    card = verify(folder)
    _check_preparation(card)
    load_head: Callable[[Path], Head] = study_head.load if card.kind == "study" else explain.load
    head = _read(load_head, folder / HEAD, "a head's weights")
    detector = _read(novelty.load, folder / NOVELTY, "a novelty detector") if NOVELTY in card.files else None
    limits = _read(study_input.load, folder / LIMITS, "normal limits") if card.kind == "study" else None
    return Artifact(folder, card, head, detector, limits)


def _check_preparation(card: Card) -> None:
    pairs = [("preprocessing", card.preprocessing, PREPROCESSING_VERSION)]
    if card.study is not None:
        pairs.append(("study input", card.study.version, study_input.STUDY_INPUT_VERSION))
    for what, theirs, ours in pairs:
        if theirs != ours:
            raise PerfuscopeError(f"{card.name} was trained with {what} {theirs}, this Perfuscope has {ours}.")


def _read(reader: Callable[[Path], _T], path: Path, what: str) -> _T:
    try:
        return reader(path)
    except (ValueError, KeyError, OSError, TypeError, zipfile.BadZipFile) as error:
        raise PerfuscopeError(f"{path.parent.name}/{path.name} does not hold {what}.") from error


def verify(folder: Path) -> Card:
    """Compare every file with the card; PerfuscopeError names the file that is missing or differs."""
    card = cards.read(folder / CARD)
    strange = sorted(set(card.files) - set(HASHED) - set(OPTIONAL))
    if strange:
        raise PerfuscopeError(f"{folder.name}/{CARD} lists {strange[0]}, which is no file of an artifact.")
    for name in files(card):
        path = folder / name
        if not path.is_file():
            raise PerfuscopeError(f"{folder.name}/{name} is missing.")
        if name not in card.files or sha256(path) != card.files[name]:
            raise PerfuscopeError(f"{folder.name}/{name} does not have the SHA-256 that its card names.")
    return card


def files(card: Card) -> tuple[str, ...]:
    """The artifact's files but the card, in order: those that every artifact has, and those that the card lists."""
    needed = (*HASHED, LIMITS) if card.kind == "study" else HASHED
    return (*needed, *(name for name in OPTIONAL if name in card.files and name not in needed))


def fingerprint(card: Card) -> str:
    """The SHA-256 that results name: of the network's file; of all files' where a result hangs on more than that."""
    listed = files(card)
    if listed == HASHED:
        return card.files[MODEL]
    return hashlib.sha256("".join(f"{name} {card.files[name]}\n" for name in listed).encode()).hexdigest()


def sha256(path: Path) -> str:
    """The SHA-256 of a file in lower-case hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def pack(folder: Path) -> bytes:
    """The verified artifact as one zip file without compression; the same folder gives the same bytes."""
    card = verify(folder)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:
        for name in (*files(card), CARD):
            archive.writestr(zipfile.ZipInfo(name, _EPOCH), (folder / name).read_bytes())
    return packed.getvalue()


def unpack(data: bytes, folder: Path) -> Path:
    """Write a packed artifact to ``folder`` and verify it: all or nothing, also with several writers at once.

    Takes exactly the files that the card in it lists, stored without compression; PerfuscopeError for anything else.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".unpacking-") as temporary:
        fresh = Path(temporary) / folder.name
        fresh.mkdir()
        _extract(data, fresh)
        card = verify(fresh)
        if {path.name for path in fresh.iterdir()} != {*files(card), CARD}:
            raise PerfuscopeError(f"A packed artifact holds {CARD} and the files that it lists, nothing else.")
        _move(fresh, folder)
    return folder


def _extract(data: bytes, folder: Path) -> None:
    if len(data) > MAX_PACKED_BYTES:
        raise PerfuscopeError(f"A packed artifact may have {MAX_PACKED_BYTES} bytes, not {len(data)}.")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = archive.infolist()
            names = [e.filename for e in entries]
            if len(set(names)) < len(names) or not {*HASHED, CARD} <= set(names) <= {*HASHED, *OPTIONAL, CARD}:
                raise PerfuscopeError(
                    f"A packed artifact holds {MODEL}, {HEAD}, {CARD}, what the card lists, nothing else."
                )
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
    names = {path.name for path in fresh.iterdir()}
    return {path.name for path in folder.iterdir()} == names and all(
        (folder / name).is_file() and sha256(folder / name) == sha256(fresh / name) for name in names
    )


def _home() -> Path:
    return Path(__file__).parent / "artifacts"
