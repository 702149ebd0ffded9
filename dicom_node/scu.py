"""The DICOM sender: C-STORE and C-ECHO as a client (PS3.4 A and B), with codes for what went wrong."""

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from io import BytesIO
from pathlib import Path

from pydicom import dcmread
from pydicom.uid import ImplicitVRLittleEndian
from pynetdicom import _config

from core.errors import Unavailable
from dicom_node.scu_association import Line, end, store
from dicom_node.scu_outcome import (
    ASSOCIATION_LOST,
    CONTEXT_REFUSED,
    Address,
    Sendable,
    SendResult,
    Sent,
    StoreRefused,
)

__all__ = ["Address", "SendResult", "Sendable", "Sent", "StoreRefused", "echo", "send_bytes", "send_files"]

MOST_CONTEXTS = 128
"""As many presentation contexts fit one association: their ids are odd and one byte long (PS3.8 9.3.2.2)."""
MOST_ATTEMPTS = 2
"""How often one object may take the association down with it."""
_VERIFICATION = "1.2.840.10008.1.1"

_Numbered = tuple[int, Sendable]


def send_files(
    paths: Iterable[Path],
    *,
    to: Address,
    calling_ae_title: str,
    on_sent: Callable[[Sent], None] | None = None,
    timeout_s: float = 30.0,
) -> SendResult:
    """Send files as they are, streamed from disk in their own transfer syntax; one ``Sent`` a file, in their order.

    Raises Unavailable (``peer_unreachable``, ``association_rejected``, ``association_lost``) if the peer answered for
    not one file; what fails later is in the result, and a lost association is opened again.
    """
    _config.STORE_SEND_CHUNKED_DATASET = True  # concerns sending by path only: no decoding, no copy in memory
    line = Line(to, calling_ae_title, timeout_s)
    done: dict[int, Sent] = {}

    def record(index: int, sent: Sent) -> None:
        done[index] = sent
        if on_sent is not None:
            on_sent(sent)

    numbered = list(enumerate(Sendable.of(path) for path in paths))
    for index, item in numbered:
        if item.problem:
            record(index, Sent(item, item.problem))
    for batch in _batches((index, item) for index, item in numbered if not item.problem):
        try:
            _send_batch(batch, line, record)
        except Unavailable as error:
            if not any(sent.status is not None for sent in done.values()):
                raise
            for index, item in batch:
                if index not in done:
                    record(index, Sent(item, error.code))
    return SendResult(tuple(done[index] for index in sorted(done)))


def send_bytes(file_bytes: bytes, *, to: Address, calling_ae_title: str, timeout_s: float = 30.0) -> Sent:
    """Send one complete DICOM file from memory, its elements in the very bytes they have; returns how it was stored.

    Raises Unavailable where trying again later may help (``peer_unreachable``, ``association_rejected``,
    ``association_lost``, ``context_refused``, ``out_of_resources``, ``processing_failure``), else StoreRefused.
    """
    dataset = dcmread(BytesIO(file_bytes))
    meta = dataset.file_meta
    item = Sendable(dataset, len(file_bytes), dataset.SOPClassUID, meta.TransferSyntaxUID)
    done: list[Sent] = []
    _send_batch([(0, item)], Line(to, calling_ae_title, timeout_s), lambda _, sent: done.append(sent))
    SendResult(tuple(done)).raise_for_failure()
    return done[0]


def echo(to: Address, calling_ae_title: str, *, timeout_s: float = 10.0) -> None:
    """Ask the peer whether it is there (C-ECHO); raises Unavailable with a code if it does not say yes."""
    with Line(to, calling_ae_title, timeout_s).opened([(_VERIFICATION, ImplicitVRLittleEndian)]) as association:
        try:
            answer = association.send_c_echo()
        except (RuntimeError, ValueError):  # gone, or it accepted something else
            raise Unavailable(ASSOCIATION_LOST) from None
        if "Status" not in answer:
            end(association)
            raise Unavailable(ASSOCIATION_LOST)
    if answer.Status != 0x0000:
        raise Unavailable("echo_refused")


def _batches(items: Iterable[_Numbered]) -> Iterator[list[_Numbered]]:
    """The items in their order, in runs that need no more contexts than one association may offer."""
    batch: list[_Numbered] = []
    contexts: set[tuple[str, str]] = set()
    for index, item in items:
        if item.context not in contexts and len(contexts) == MOST_CONTEXTS:
            yield batch
            batch, contexts = [], set()
        batch.append((index, item))
        contexts.add(item.context)
    if batch:
        yield batch


def _send_batch(batch: list[_Numbered], line: Line, record: Callable[[int, Sent], None]) -> None:
    """Send a batch, opening the association again when it is lost; raises Unavailable where it cannot be opened."""
    waiting = deque(batch)
    attempts: Counter[int] = Counter()
    while waiting:
        contexts = dict.fromkeys(item.context for _, item in waiting)
        try:
            with line.opened(contexts) as association:
                while waiting:
                    index, item = waiting[0]
                    sent = store(association, item, message_id=index % 65535 + 1)
                    attempts[index] += 1
                    if sent.code == ASSOCIATION_LOST and attempts[index] < MOST_ATTEMPTS:
                        break
                    waiting.popleft()
                    record(index, sent)
        except Unavailable as error:
            if error.code != CONTEXT_REFUSED:
                raise
            for index, item in waiting:
                record(index, Sent(item, CONTEXT_REFUSED))
            return
