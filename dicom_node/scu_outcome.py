"""What the sender is given and what it says afterwards: peers, files, status codes (PS3.4 B.2.3, PS3.7 C)."""

from dataclasses import dataclass, field
from pathlib import Path

from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError
from pydicom.filereader import read_file_meta_info
from pydicom.uid import MediaStorageDirectoryStorage

from core.errors import PerfuscopeError, Unavailable

STORED = "stored"
STORED_WITH_WARNING = "stored_with_warning"
NOT_DICOM = "not_dicom"
CONTEXT_REFUSED = "context_refused"
ASSOCIATION_LOST = "association_lost"
NO_ANSWER = "no_answer"
UNREACHABLE = "peer_unreachable"
ASSOCIATION_REJECTED = "association_rejected"

AWAY = frozenset({ASSOCIATION_LOST, NO_ANSWER, UNREACHABLE, ASSOCIATION_REJECTED})
"""Codes that speak of the peer as a whole, not of one object."""

_DUPLICATE = 0x0111
_FINAL = {0x0122: "sop_class_refused", 0x0124: "not_authorised"}
_RETRYABLE = {0x0110: "processing_failure", 0x0213: "out_of_resources"}
_WORTH_RETRYING = {
    CONTEXT_REFUSED,
    *AWAY,
    *_RETRYABLE.values(),
}


class StoreRefused(PerfuscopeError):  # noqa: N818 - named for what the peer did
    """The peer will never take this object; ``code`` is what a job row keeps, ``status`` the DIMSE status if any."""

    def __init__(self, code: str, status: int | None) -> None:
        super().__init__(f"{code}" if status is None else f"{code} (status 0x{status:04X})")
        self.code = code
        self.status = status


@dataclass(frozen=True, slots=True)
class Address:
    """Where a DICOM application listens; raises PerfuscopeError where that cannot be."""

    ae_title: str
    host: str
    port: int

    def __post_init__(self) -> None:
        check_ae_title(self.ae_title)
        if not self.host or not 0 < self.port < 65536:
            raise PerfuscopeError("A DICOM address needs a host and a port between 1 and 65535.")

    @classmethod
    def parse(cls, text: str) -> "Address":
        """From ``AE@HOST:PORT``; an IPv6 host may stand in brackets."""
        ae_title, at, place = text.rpartition("@")
        host, colon, port = place.rpartition(":")
        if not (at and colon and port.isascii() and port.isdigit()):
            raise PerfuscopeError("A DICOM address is written AE@HOST:PORT, for instance PERFUSCOPE@127.0.0.1:11112.")
        return cls(ae_title, host.removeprefix("[").removesuffix("]"), int(port))


def check_ae_title(title: str) -> str:
    """The title itself; raises PerfuscopeError where it is none (PS3.5 6.2, AE)."""
    if not 0 < len(title.strip()) <= 16 or not all(" " <= c <= "~" and c != "\\" for c in title):
        raise PerfuscopeError("An AE title has 1 to 16 ASCII characters and no backslash.")
    return title


@dataclass(frozen=True, slots=True)
class Sendable:
    """One object to send, in a file or in memory; ``problem`` says why it cannot be sent."""

    content: Path | Dataset = field(repr=False)
    size_bytes: int
    sop_class_uid: str = ""
    transfer_syntax_uid: str = ""
    problem: str = ""

    @classmethod
    def of(cls, path: Path) -> "Sendable":
        """The file at ``path``, of which only the file meta information is read; its problem may be ``not_dicom``."""
        size_bytes = path.stat().st_size if path.is_file() else 0
        try:
            meta = read_file_meta_info(path)
        except (OSError, InvalidDicomError, ValueError, EOFError, NotImplementedError):
            return cls(path, size_bytes, problem=NOT_DICOM)
        sop_class = meta.get("MediaStorageSOPClassUID")
        complete = sop_class and meta.get("MediaStorageSOPInstanceUID") and meta.get("TransferSyntaxUID")
        if not complete or sop_class == MediaStorageDirectoryStorage:
            return cls(path, size_bytes, problem=NOT_DICOM)
        return cls(path, size_bytes, str(sop_class), str(meta.TransferSyntaxUID))

    @property
    def context(self) -> tuple[str, str]:
        """The abstract and transfer syntax it needs."""
        return self.sop_class_uid, self.transfer_syntax_uid


@dataclass(frozen=True, slots=True)
class Sent:
    """What became of one object: a code and, if the peer answered, its DIMSE status."""

    item: Sendable
    code: str
    status: int | None = None

    @property
    def ok(self) -> bool:
        """Whether the peer has it."""
        return self.code in {STORED, STORED_WITH_WARNING}


@dataclass(frozen=True, slots=True)
class SendResult:
    """What became of every object, in the order they were given."""

    sent: tuple[Sent, ...]

    @property
    def stored(self) -> int:
        """How many objects the peer has."""
        return sum(sent.ok for sent in self.sent)

    @property
    def failed(self) -> tuple[Sent, ...]:
        """The DICOM objects that the peer has not; files that are none do not count."""
        return tuple(sent for sent in self.sent if not sent.ok and sent.code != NOT_DICOM)

    def raise_for_failure(self) -> None:
        """Raise Unavailable or StoreRefused for the first failed object, if there is one."""
        for sent in self.failed:
            if sent.code in _WORTH_RETRYING:
                raise Unavailable(sent.code)
            raise StoreRefused(sent.code, sent.status)


def code_of(status: int) -> str:
    """The code of a C-STORE status; a duplicate is stored, so that a retry after a lost answer succeeds."""
    if status == 0x0000:
        return STORED
    if status in {_DUPLICATE, 0x0001, 0x0107, 0x0116} or status & 0xF000 == 0xB000:
        return STORED_WITH_WARNING
    if status & 0xFF00 == 0xA700:
        return "out_of_resources"
    if status & 0xFF00 == 0xA900:
        return "data_set_mismatch"
    if status & 0xF000 == 0xC000:
        return "not_understood"
    return _RETRYABLE.get(status) or _FINAL.get(status) or "store_refused"
