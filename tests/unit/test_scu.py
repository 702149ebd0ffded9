"""The sender against a real DICOM server on a loopback port."""

import gc
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
import typer
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import (
    CTImageStorage,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGBaseline8Bit,
    SecondaryCaptureImageStorage,
)
from pynetdicom import AE, AllStoragePresentationContexts, evt
from pynetdicom.dimse import DIMSEServiceProvider
from pynetdicom.events import Event
from typer.testing import CliRunner

from cli.send import send as send_command
from core.errors import PerfuscopeError, Unavailable
from dicom_node import scu
from dicom_node.reactor_gate import ReactorGate
from dicom_node.scu import Address
from dicom_node.scu_association import Line

_VERIFICATION = "1.2.840.10008.1.1"


def _file(number: int, *, sop_class: str = SecondaryCaptureImageStorage, syntax: str = ExplicitVRLittleEndian) -> bytes:
    dataset = Dataset()
    dataset.SOPClassUID, dataset.SOPInstanceUID = sop_class, f"2.25.{number}"
    dataset.SpecificCharacterSet = "ISO_IR 100"
    dataset.PatientName = "PRÜFFALL^Jörg"
    dataset.add_new(0x00091001, "UN", b"private\x00")
    dataset.TextValue = "x" * 40000  # more than one fragment
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = syntax
    buffer = BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def _files(folder: Path, count: int, **kind: str) -> list[Path]:
    paths = [folder / f"{number}.dcm" for number in range(1, count + 1)]
    for number, path in enumerate(paths, start=1):
        path.write_bytes(_file(number, **kind))
    return paths


class _Peer:
    """A PACS stand-in that keeps the bytes it was sent and answers as told."""

    def __init__(self, answer: Callable[[Event, int], int]) -> None:
        self.answer = answer
        self.stored: list[bytes] = []
        self.calls = 0
        self.associations = 0
        self.address = Address("PACS", "127.0.0.1", 1)

    def on_store(self, event: Event) -> int:
        self.calls += 1
        status = self.answer(event, self.calls)
        if status == 0:
            self.stored.append(event.encoded_dataset(include_meta=False))
        return status

    def on_accepted(self, _: Event) -> None:
        self.associations += 1


@contextmanager
def _peer(
    answer: Callable[[Event, int], int] = lambda *_: 0,
    *,
    contexts: dict[str, list[str]] | None = None,
    known: str = "",
) -> Iterator[_Peer]:
    peer = _Peer(answer)
    entity = AE(ae_title="PACS")
    entity.require_calling_aet = [known] if known else []
    for abstract, syntaxes in (
        contexts or {SecondaryCaptureImageStorage: [ExplicitVRLittleEndian], _VERIFICATION: [ImplicitVRLittleEndian]}
    ).items():
        entity.add_supported_context(abstract, syntaxes)
    handlers = [(evt.EVT_C_STORE, peer.on_store), (evt.EVT_ACCEPTED, peer.on_accepted)]
    server = entity.start_server(("127.0.0.1", 0), block=False, evt_handlers=handlers)
    assert server is not None
    peer.address = Address("PACS", "127.0.0.1", server.server_address[1])
    try:
        yield peer
    finally:
        threading.Thread(target=server.shutdown).start()  # it waits half a second, which no test needs


def _abort(event: Event, _: int) -> int:
    event.assoc.abort()
    return 0


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port that refuses connections: bound, so that nobody else gets it, and never listened on."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield int(held.getsockname()[1])


def test_a_report_arrives_in_the_very_bytes_it_was_stored_in() -> None:
    data = _file(1)
    with _peer() as peer:
        sent = scu.send_bytes(data, to=peer.address, calling_ae_title="PERFUSCOPE")
    assert sent.ok
    assert sent.status == 0
    assert len(peer.stored) == 1
    assert data.endswith(peer.stored[0])


def test_files_arrive_as_they_are_over_one_association(tmp_path: Path) -> None:
    paths = _files(tmp_path, 4)
    seen: list[scu.Sent] = []
    with _peer() as peer:
        result = scu.send_files(paths, to=peer.address, calling_ae_title="PERFUSCOPE", on_sent=seen.append)
    assert result.stored == 4
    assert result.failed == ()
    assert peer.associations == 1
    assert [path.read_bytes().endswith(data) for path, data in zip(paths, peer.stored, strict=True)] == [True] * 4
    assert tuple(seen) == result.sent


def test_what_is_not_dicom_is_named_so_and_not_sent(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("nothing")
    (tmp_path / "empty").touch()
    (tmp_path / "prefix").write_bytes(b"\0" * 128 + b"DICM")
    paths = [*_files(tmp_path, 1), tmp_path / "notes.txt", tmp_path / "empty", tmp_path / "prefix", tmp_path / "gone"]
    with _peer() as peer:
        result = scu.send_files(paths, to=peer.address, calling_ae_title="PERFUSCOPE")
    assert [sent.code for sent in result.sent] == ["stored", *["not_dicom"] * 4]
    assert result.failed == ()


def test_a_file_that_goes_away_costs_no_other_file(tmp_path: Path) -> None:
    paths = _files(tmp_path, 3)
    with _peer() as peer:
        result = scu.send_files(
            paths,
            to=peer.address,
            calling_ae_title="PERFUSCOPE",
            on_sent=lambda _: paths[1].unlink(missing_ok=True),
        )
    assert [sent.code for sent in result.sent] == ["stored", "unreadable", "stored"]


def test_a_refused_context_concerns_only_its_own_files(tmp_path: Path) -> None:
    (tmp_path / "ct.dcm").write_bytes(_file(9, sop_class=CTImageStorage))
    paths = [tmp_path / "ct.dcm", *_files(tmp_path, 1)]
    with _peer() as peer:
        result = scu.send_files(paths, to=peer.address, calling_ae_title="PERFUSCOPE")
    assert [sent.code for sent in result.sent] == ["context_refused", "stored"]


def test_a_file_is_never_sent_in_another_transfer_syntax(tmp_path: Path) -> None:
    paths = _files(tmp_path, 1, syntax=ImplicitVRLittleEndian)
    with _peer() as peer:
        result = scu.send_files(paths, to=peer.address, calling_ae_title="PERFUSCOPE")
        with pytest.raises(Unavailable) as refused:
            scu.send_bytes(paths[0].read_bytes(), to=peer.address, calling_ae_title="PERFUSCOPE")
    assert [sent.code for sent in result.sent] == ["context_refused"]
    assert refused.value.code == "context_refused"
    assert peer.stored == []


def test_compressed_files_keep_their_syntax(tmp_path: Path) -> None:
    paths = _files(tmp_path, 1, syntax=JPEGBaseline8Bit)
    with _peer(contexts={SecondaryCaptureImageStorage: [JPEGBaseline8Bit]}) as peer:
        result = scu.send_files(paths, to=peer.address, calling_ae_title="PERFUSCOPE")
    assert result.stored == 1


def test_more_kinds_than_one_association_can_offer_take_several(tmp_path: Path) -> None:
    kinds = [str(context.abstract_syntax) for context in AllStoragePresentationContexts[:130]]
    for number, kind in enumerate(kinds):
        (tmp_path / f"{number:03}.dcm").write_bytes(_file(number + 1, sop_class=kind))
    with _peer(contexts={kind: [ExplicitVRLittleEndian] for kind in kinds[:1] + kinds[127:]}) as peer:
        result = scu.send_files(sorted(tmp_path.iterdir()), to=peer.address, calling_ae_title="PERFUSCOPE")
    assert peer.associations == 2
    refused = [number for number, sent in enumerate(result.sent) if sent.code == "context_refused"]
    assert refused == list(range(1, 127))
    assert result.stored == 4


def test_a_lost_association_is_opened_again(tmp_path: Path) -> None:
    def lose_the_second(event: Event, call: int) -> int:
        return _abort(event, call) if call == 2 else 0

    with _peer(lose_the_second) as peer:
        result = scu.send_files(_files(tmp_path, 3), to=peer.address, calling_ae_title="PERFUSCOPE", timeout_s=5)
    assert result.stored == 3
    assert peer.associations == 2


def test_an_object_that_takes_every_association_down_is_left_behind(tmp_path: Path) -> None:
    def dislike_the_first(event: Event, call: int) -> int:
        return _abort(event, call) if event.request.AffectedSOPInstanceUID == "2.25.1" else 0

    with _peer(dislike_the_first) as peer:
        result = scu.send_files(_files(tmp_path, 3), to=peer.address, calling_ae_title="PERFUSCOPE", timeout_s=5)
    assert [sent.code for sent in result.sent] == ["association_lost", "stored", "stored"]


@pytest.mark.parametrize(
    ("status", "code"),
    [(0xA700, "out_of_resources"), (0xA7FF, "out_of_resources"), (0x0110, "processing_failure")],
)
def test_a_status_that_may_pass_is_worth_a_retry(status: int, code: str) -> None:
    with _peer(lambda *_: status) as peer, pytest.raises(Unavailable) as failure:
        scu.send_bytes(_file(1), to=peer.address, calling_ae_title="PERFUSCOPE")
    assert failure.value.code == code


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (0xA900, "data_set_mismatch"),
        (0xC000, "not_understood"),
        (0xC123, "not_understood"),
        (0x0122, "sop_class_refused"),
        (0x0124, "not_authorised"),
    ],
)
def test_a_final_status_is_not_retried_and_names_no_one(status: int, code: str) -> None:
    with _peer(lambda *_: status) as peer, pytest.raises(scu.StoreRefused) as failure:
        scu.send_bytes(_file(1), to=peer.address, calling_ae_title="PERFUSCOPE")
    assert (failure.value.code, failure.value.status) == (code, status)
    assert str(failure.value) == f"{code} (status 0x{status:04X})"
    assert not isinstance(failure.value, Unavailable)


@pytest.mark.parametrize("status", [0xB000, 0xB007, 0x0111])
def test_a_warning_or_a_duplicate_is_stored(status: int) -> None:
    with _peer(lambda *_: status) as peer:
        sent = scu.send_bytes(_file(1), to=peer.address, calling_ae_title="PERFUSCOPE")
    assert (sent.ok, sent.code, sent.status) == (True, "stored_with_warning", status)


def test_each_file_has_its_own_status(tmp_path: Path) -> None:
    answers = {1: 0, 2: 0xA700, 3: 0xC000, 4: 0}
    with _peer(lambda _, call: answers[call]) as peer:
        result = scu.send_files(_files(tmp_path, 4), to=peer.address, calling_ae_title="PERFUSCOPE")
    assert [sent.code for sent in result.sent] == ["stored", "out_of_resources", "not_understood", "stored"]
    with pytest.raises(Unavailable, match="out_of_resources"):
        result.raise_for_failure()


def test_an_unknown_caller_is_rejected() -> None:
    with _peer(known="SOMEONE") as peer:
        with pytest.raises(Unavailable, match="association_rejected"):
            scu.send_bytes(_file(1), to=peer.address, calling_ae_title="PERFUSCOPE")
        with pytest.raises(Unavailable, match="association_rejected"):
            scu.echo(peer.address, "PERFUSCOPE")
        scu.echo(peer.address, "SOMEONE")


@pytest.fixture
def collected() -> Iterator[None]:
    """pynetdicom leaves the socket of a failed connection to the garbage collector, which then warns."""
    yield
    gc.collect()


def _leaving_sockets_open(test: Callable[..., None]) -> Callable[..., None]:
    ignored = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
    marked: Callable[..., None] = ignored(pytest.mark.usefixtures("collected")(test))
    return marked


@_leaving_sockets_open
@pytest.mark.parametrize("host", ["127.0.0.1", "no-such-host.invalid", "x" * 80 + ".invalid"])
def test_a_peer_that_is_not_there_is_unreachable(host: str, tmp_path: Path, closed_port: int) -> None:
    nowhere = Address("PACS", host, closed_port)
    with pytest.raises(Unavailable, match="peer_unreachable"):
        scu.send_bytes(_file(1), to=nowhere, calling_ae_title="PERFUSCOPE", timeout_s=3)
    with pytest.raises(Unavailable, match="peer_unreachable"):
        scu.send_files(_files(tmp_path, 1), to=nowhere, calling_ae_title="PERFUSCOPE", timeout_s=3)
    with pytest.raises(Unavailable, match="peer_unreachable"):
        scu.echo(nowhere, "PERFUSCOPE", timeout_s=3)


@pytest.mark.parametrize("said", [b"", b"\x02\x00\x00"], ids=["nothing", "half a header"])
def test_a_port_that_does_not_finish_what_it_says_gives_no_answer(said: bytes) -> None:
    with ExitStack() as stack:
        mute = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        address = Address("PACS", "127.0.0.1", mute.getsockname()[1])

        def begin() -> None:
            connection, _ = mute.accept()
            stack.enter_context(connection)
            connection.sendall(said)

        threading.Thread(target=begin, daemon=True).start()
        with pytest.raises(Unavailable, match="no_answer"):
            scu.echo(address, "PERFUSCOPE", timeout_s=0.5)


def test_a_peer_that_goes_away_midway_leaves_a_result(tmp_path: Path) -> None:
    gone = threading.Event()

    def leave(event: Event, call: int) -> int:
        if call == 2:
            event.assoc.ae.require_calling_aet = ["SOMEONE"]
            gone.set()
            return _abort(event, call)
        return 0

    with _peer(leave) as peer:
        result = scu.send_files(_files(tmp_path, 3), to=peer.address, calling_ae_title="PERFUSCOPE", timeout_s=5)
    assert gone.is_set()
    assert [sent.code for sent in result.sent] == ["stored", "association_rejected", "association_rejected"]


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("PACS@127.0.0.1:104", Address("PACS", "127.0.0.1", 104)),
        ("MY PACS@host.example:11112", Address("MY PACS", "host.example", 11112)),
        ("A@B@[::1]:104", Address("A@B", "::1", 104)),
    ],
)
def test_an_address_is_read(text: str, address: Address) -> None:
    assert Address.parse(text) == address


@pytest.mark.parametrize(
    "text",
    [
        "",
        "PACS",
        "PACS@host",
        "PACS@host:",
        "@host:104",
        "PACS@:104",
        "PACS@h:0",
        "PACS@h:70000",
        "A" * 17 + "@h:104",
        "P\\C@h:104",
        "PÄCS@h:104",
        "PACS@h:²",
    ],
)
def test_a_wrong_address_is_refused_in_a_sentence(text: str) -> None:
    with pytest.raises(PerfuscopeError, match=r"\.$"):
        Address.parse(text)


def test_a_result_shows_no_path_and_no_patient(tmp_path: Path) -> None:
    with _peer() as peer:
        result = scu.send_files(_files(tmp_path, 1), to=peer.address, calling_ae_title="PERFUSCOPE")
        sent = scu.send_bytes(_file(1), to=peer.address, calling_ae_title="PERFUSCOPE")
    for shown in (repr(result), repr(sent)):
        assert str(tmp_path) not in shown
        assert "Jörg" not in shown


@pytest.fixture(scope="module")
def command() -> typer.Typer:
    app = typer.Typer()
    app.command("send")(send_command)
    return app


def test_the_command_walks_folders_and_sums_up(tmp_path: Path, command: typer.Typer) -> None:
    (tmp_path / "study").mkdir()
    _files(tmp_path / "study", 3)
    (tmp_path / "study" / "truth.csv").write_text("patient_id,label\n")
    with _peer() as peer:
        to = f"PACS@127.0.0.1:{peer.address.port}"
        outcome = CliRunner().invoke(command, [str(tmp_path), "--to", to])
    assert outcome.exit_code == 0
    assert "Sent 3 of 3 files" in outcome.stdout
    assert "MB/s" in outcome.stdout
    assert "0 failed, 1 not DICOM." in outcome.stdout
    assert len(peer.stored) == 3


def test_the_command_fails_if_one_file_failed(tmp_path: Path, command: typer.Typer) -> None:
    with _peer(lambda _, call: 0xA700 if call == 2 else 0) as peer:
        paths = [str(path) for path in _files(tmp_path, 3)]
        outcome = CliRunner().invoke(command, [*paths, "--to", f"PACS@127.0.0.1:{peer.address.port}"])
    assert outcome.exit_code == 1
    assert "1 failed: the peer is out of resources (status 0xA700)." in outcome.stderr
    assert "2.dcm" in outcome.stderr
    assert "Sent 2 of 3 files" in outcome.stdout


@_leaving_sockets_open
@pytest.mark.parametrize(
    ("to", "sentence"),
    [
        ("nonsense", "A DICOM address is written AE@HOST:PORT"),
        ("PACS@127.0.0.1:CLOSED", "nothing answers at that host and port."),
    ],
)
def test_the_command_explains_in_one_sentence(
    tmp_path: Path, command: typer.Typer, to: str, sentence: str, closed_port: int
) -> None:
    _files(tmp_path, 1)
    outcome = CliRunner().invoke(command, [str(tmp_path), "--to", to.replace("CLOSED", str(closed_port))])
    assert outcome.exit_code == 1
    assert sentence in outcome.stderr
    assert len(outcome.stderr.strip().splitlines()) == 1


def test_the_command_says_when_there_is_nothing_to_send(tmp_path: Path, command: typer.Typer) -> None:
    outcome = CliRunner().invoke(command, [str(tmp_path), "--to", "PACS@127.0.0.1:104"])
    assert outcome.exit_code == 1
    assert "no DICOM file was found" in outcome.stderr


def test_a_thread_that_is_held_up_takes_no_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    passed = ReactorGate.wait

    def held_up(gate: ReactorGate, timeout: float | None = None) -> bool:
        answer = passed(gate, timeout)
        time.sleep(0.05)  # far longer than the peer needs
        return answer

    looked = DIMSEServiceProvider.get_msg

    def late(provider: DIMSEServiceProvider, block: bool = False) -> Any:
        if block:
            time.sleep(0.1)  # until after the answer came, and after the thread went on
        return looked(provider, block)

    monkeypatch.setattr(ReactorGate, "wait", held_up)
    monkeypatch.setattr(DIMSEServiceProvider, "get_msg", late)
    with _peer() as peer:
        result = scu.send_files(_files(tmp_path, 5), to=peer.address, calling_ae_title="PERFUSCOPE", timeout_s=2)
    assert [sent.code for sent in result.failed] == []


def test_an_association_that_has_ended_halts_at_once() -> None:
    with _peer() as peer, Line(peer.address, "PERFUSCOPE", 2).opened([(_VERIFICATION, ImplicitVRLittleEndian)]) as line:
        line.abort()
        line.join(5)
        line._reactor_checkpoint.clear()
        assert not line.is_alive()
