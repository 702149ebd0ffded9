"""``perfuscope send``: push DICOM files to a node or a PACS."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Annotated

import typer

from core.errors import PerfuscopeError

if TYPE_CHECKING:
    from dicom_node.scu_outcome import Address, SendResult

_MOST_NAMED = 10
_SENTENCES = {
    "peer_unreachable": "nothing answers at that host and port",
    "association_rejected": "the peer rejected the association (it may not know the AE titles)",
    "association_lost": "the peer ended the association or did not answer in time",
    "no_answer": "the peer did not answer in time",
    "context_refused": "the peer takes no such object or transfer syntax",
    "out_of_resources": "the peer is out of resources",
    "processing_failure": "the peer could not process it",
    "data_set_mismatch": "the peer says the object contradicts itself",
    "not_understood": "the peer could not understand it",
    "sop_class_refused": "the peer does not support this kind of object",
    "not_authorised": "the peer does not allow it",
    "store_refused": "the peer refused it",
    "unreadable": "the file could not be read",
}


def send(
    paths: Annotated[list[Path], typer.Argument(help="DICOM files, or folders to walk.", exists=True)],
    to: Annotated[str, typer.Option("--to", metavar="AE@HOST:PORT", help="Where to send them.")],
    calling: Annotated[str, typer.Option("--calling", metavar="AE", help="The AE title to call as.")] = "PERFUSCOPE",
    timeout_s: Annotated[
        float, typer.Option("--timeout", metavar="SECONDS", min=1.0, help="How long an answer may take.")
    ] = 30.0,
) -> None:
    """Send DICOM files by C-STORE, as they are. Files that are not DICOM are skipped and counted."""
    from dicom_node.scu_outcome import Address

    started = monotonic()
    try:
        result = _send(list(_files(paths)), Address.parse(to), calling, timeout_s=timeout_s)
    except PerfuscopeError as error:
        sentence = _SENTENCES.get(str(error), str(error)).rstrip(".")
        typer.echo(f"Nothing was sent: {sentence}.", err=True)
        raise typer.Exit(1) from None
    _summarise(result, monotonic() - started)
    if not result.stored and not result.failed:
        typer.echo("Nothing was sent: no DICOM file was found.", err=True)
    if result.failed or not result.stored:
        raise typer.Exit(1)


def _files(paths: list[Path]) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            yield from sorted(inner for inner in path.rglob("*") if inner.is_file())
        elif path.is_file():
            yield path
        else:
            msg = f"{path} is neither a file nor a folder"
            raise PerfuscopeError(msg)


def _send(files: list[Path], to: "Address", calling: str, *, timeout_s: float) -> "SendResult":
    """Send with a progress bar on stderr that counts files and bytes."""
    from rich import progress
    from rich.console import Console

    from dicom_node import scu

    columns = (
        progress.TextColumn("Sending"),
        progress.BarColumn(),
        progress.TextColumn("{task.fields[files]}/{task.fields[of]} files"),
        progress.DownloadColumn(),
        progress.TransferSpeedColumn(),
        progress.TimeRemainingColumn(),
    )
    with progress.Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        total = sum(path.stat().st_size for path in files)
        task = bar.add_task("Sending", total=total, files=0, of=len(files))
        done = Counter[str]()

        def show(sent: scu.Sent) -> None:
            done["files"] += 1
            bar.update(task, advance=sent.item.size_bytes, files=done["files"])

        return scu.send_files(files, to=to, calling_ae_title=calling, on_sent=show, timeout_s=timeout_s)


def _summarise(result: "SendResult", duration_s: float) -> None:
    """The failures on stderr by reason with the first files, then one closing line."""
    from dicom_node.scu_outcome import NOT_DICOM

    for (code, status), count in Counter((sent.code, sent.status) for sent in result.failed).items():
        answer = "" if status is None else f" (status 0x{status:04X})"
        typer.echo(f"{count} failed: {_SENTENCES.get(code, code)}{answer}.", err=True)
    for sent in result.failed[:_MOST_NAMED]:
        typer.echo(f"  {sent.item.content}", err=True)
    if len(result.failed) > _MOST_NAMED:
        typer.echo(f"  and {len(result.failed) - _MOST_NAMED} more", err=True)
    megabytes = sum(sent.item.size_bytes for sent in result.sent if sent.ok) / 1e6
    skipped = sum(sent.code == NOT_DICOM for sent in result.sent)
    typer.echo(
        f"Sent {result.stored} of {len(result.sent) - skipped} files, {megabytes:.1f} MB in {duration_s:.1f} s "
        f"({megabytes / max(duration_s, 1e-3):.1f} MB/s), {len(result.failed)} failed, {skipped} not DICOM."
    )
