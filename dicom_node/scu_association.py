"""Associations with a peer as a client (PS3.8 7): opened or refused with a code, always closed."""

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Event
from typing import Any

from pydicom.dataset import Dataset
from pynetdicom import AE, build_context, evt
from pynetdicom.association import Association

from core.errors import Unavailable
from dicom_node import reactor_gate
from dicom_node.report import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from dicom_node.scu_outcome import (
    ASSOCIATION_LOST,
    CONTEXT_REFUSED,
    NO_ANSWER,
    UNREACHABLE,
    Address,
    Sendable,
    Sent,
    check_ae_title,
    code_of,
)

_GRACE_S = 1.0


@dataclass(frozen=True, slots=True)
class Line:
    """Who calls whom, and how long an answer may take."""

    to: Address
    calling_ae_title: str
    timeout_s: float

    def __post_init__(self) -> None:
        check_ae_title(self.calling_ae_title)

    @contextmanager
    def opened(self, contexts: Iterable[tuple[str, str]], handlers: Iterable[Any] = ()) -> Iterator[Association]:
        """An association offering each abstract syntax with one transfer syntax; raises Unavailable with a code.

        ``handlers`` are pynetdicom's, for what the peer may ask of us meanwhile.
        """
        connected = Event()
        began = time.monotonic()

        def on_connected(event: Any) -> None:
            connected.set()
            self._lose_patience(event.assoc)

        try:
            association = self._entity().associate(
                self.to.host,
                self.to.port,
                contexts=[build_context(abstract, transfer) for abstract, transfer in contexts],
                ae_title=self.to.ae_title,
                evt_handlers=[*handlers, reactor_gate.HANDLER, (evt.EVT_CONN_OPEN, on_connected)],
            )
        except (OSError, UnicodeError):  # the host's name does not resolve
            raise Unavailable(UNREACHABLE) from None
        if not association.is_established:
            silent = time.monotonic() - began >= self.timeout_s
            raise Unavailable(_refusal(association, connected=connected.is_set(), silent=silent))
        try:
            yield association
        finally:
            if association.is_established:
                association.release()

    def _lose_patience(self, association: Association) -> None:
        """Give reading and writing an end: pynetdicom lets a peer that stops in the middle of a message hold both."""
        transport = association.dul.socket
        if transport is not None and transport.socket is not None:
            transport.socket.settimeout(self.timeout_s + _GRACE_S)  # later than the answer that is waited for

    def _entity(self) -> AE:
        entity = AE(ae_title=self.calling_ae_title)
        entity.implementation_class_uid = IMPLEMENTATION_CLASS_UID
        entity.implementation_version_name = IMPLEMENTATION_VERSION_NAME
        entity.connection_timeout = entity.acse_timeout = self.timeout_s
        entity.dimse_timeout = entity.network_timeout = self.timeout_s
        return entity


def end(association: Association) -> None:
    """End an association whose peer does not answer any more: releasing it would mean to wait for another answer."""
    association.join(_GRACE_S)
    if association.is_established:
        association.abort()


def store(association: Association, item: Sendable, *, message_id: int) -> Sent:
    """Offer one object and wait for the answer; the code is ``association_lost`` where none came."""
    if item.context not in {(cx.abstract_syntax, cx.transfer_syntax[0]) for cx in association.accepted_contexts}:
        return Sent(item, CONTEXT_REFUSED)
    began = time.monotonic()
    try:
        answer: Dataset = association.send_c_store(item.content, msg_id=message_id)
    except RuntimeError:  # the association ended since the last object
        return Sent(item, ASSOCIATION_LOST)
    except (OSError, ValueError, AttributeError):  # the file went away or is not what it was, perhaps midway
        association.abort()
        return Sent(item, "unreadable")
    if "Status" not in answer:
        end(association)
        return Sent(item, lost_or_silent(association, began=began))
    return Sent(item, code_of(answer.Status), answer.Status)


def lost_or_silent(association: Association, *, began: float) -> str:
    """The code for an answer that did not come: waited for to the end, or cut off before."""
    waited = time.monotonic() - began
    patience = association.ae.dimse_timeout
    return NO_ANSWER if patience is not None and waited >= patience else ASSOCIATION_LOST


def _refusal(association: Association, *, connected: bool, silent: bool) -> str:
    if association.is_rejected:
        return "association_rejected"
    if association.rejected_contexts and not association.accepted_contexts:
        return CONTEXT_REFUSED
    if not connected:
        return UNREACHABLE
    return NO_ANSWER if silent else ASSOCIATION_LOST
