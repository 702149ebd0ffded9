"""``perfuscope quarantine``: what was kept back, and what is to become of it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.console import Console
from rich.table import Table

from cli import options
from cli.operator import actor
from cli.results import note_view
from cli.revealing import as_json, plain
from cli.sentences import one_sentence, shown
from core.errors import PerfuscopeError, Rejected
from core.types import AuditAction

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from db.session import Sessions
    from db.tables import Instance, Study

quarantine_app = typer.Typer(
    help="Quarantine: objects and studies that were kept back, and what is to become of them.", no_args_is_help=True
)

Key = Annotated[str, typer.Argument(metavar="ID", help="The key that the list prints, or its beginning.")]


@quarantine_app.command("list")
@one_sentence
def list_items(
    output: Annotated[Literal["table", "json"], typer.Option("--format", help="How to print.")] = "table",
    home: options.Home = None,
    config: options.Config = None,
) -> None:
    """List what waits for a decision, oldest first. That you looked is written down."""
    from db import quarantine

    sessions = options.sessions(options.installed(home, config))
    with sessions.read() as session:
        found = [
            {
                "id": str(item.key),
                "kind": "object" if item.instance_id else "study",
                "study_id": str(item.study_id),
                "reason": item.reason.sentence if item.reason else None,
                "description": item.description or None,
                "sender": item.sender_ae,
                "since": item.since.isoformat(),
                "bytes": item.size,
            }
            for item in quarantine.items(session)
        ]
    note_view(sessions, "quarantine list")
    if output == "json":
        typer.echo(as_json(found))
    else:
        _show_list(found)


def _show_list(found: list[dict[str, Any]]) -> None:
    console = Console()
    if not found:
        console.print("Nothing is in quarantine.")
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("ID", "Kind", "Since (UTC)", "From", "Reason"):
        table.add_column(name, no_wrap=name != "Reason", overflow="fold")
    for item in found:
        since = item["since"][:16].replace("T", " ")
        table.add_row(item["id"][:8], item["kind"], since, shown(item["sender"]), item["reason"] or "-")
    console.print(table)
    console.print("\nLook: perfuscope quarantine show ID --picture FILE.png. Decide: release ID, or reject ID.")


@quarantine_app.command("show")
@one_sentence
def show(
    key: Key,
    picture: Annotated[Path | None, typer.Option(help="Write the pixels there, as PNG: they may name people.")] = None,
    output: Annotated[Literal["table", "json"], typer.Option("--format", help="How to print.")] = "table",
    home: options.Home = None,
    config: options.Config = None,
) -> None:
    """Show one object or study in quarantine, with whom it names. That you looked is written down."""
    from db import audit
    from db.tables import Study

    settings = options.installed(home, config)
    with _found(options.sessions(settings), key) as (session, now, found):
        study_id = found.id if isinstance(found, Study) else found.study_id
        audit.record(session, AuditAction.VIEW, actor=actor(), now=now, study_id=study_id, detail="quarantine show")
        facts = _study_facts(session, found) if isinstance(found, Study) else _object_facts(found)
        path = None if isinstance(found, Study) else settings.store / found.path
    if picture is not None:
        _draw(path, picture)
    if output == "json":
        typer.echo(as_json(facts))
    else:
        _show_facts(facts)


def _object_facts(instance: "Instance") -> dict[str, Any]:
    return {
        "id": str(instance.id),
        "study_id": str(instance.study_id),
        "reason": instance.reason.sentence if instance.reason else None,
        "patient_id": instance.patient_id,
        "patient_name": instance.patient_name,
        "patient_birth_date": instance.patient_birth_date,
        "modality": instance.modality,
        "series_description": instance.series_description,
        "sop_instance_uid": instance.sop_instance_uid,
        "sender": instance.sender_ae,
        "received_at": instance.received_at.isoformat(),
        "bytes": instance.size,
        "purged_at": instance.purged_at.isoformat() if instance.purged_at else None,
        "checks": instance.checks,
    }


def _study_facts(session: "Session", study: "Study") -> dict[str, Any]:
    from db import quarantine

    return {
        "id": str(study.id),
        "study_instance_uid": study.study_instance_uid,
        "objects": [_object_facts(instance) for instance in quarantine.objects_of(session, study.id)],
    }


def _show_facts(facts: dict[str, Any]) -> None:
    console = Console()
    for name, value in ({**facts, "checks": _checks(facts.get("checks"))}).items():
        if name != "objects":
            text = "" if value is None else str(plain(value))
            console.print(f"{name.replace('_', ' '):20}{shown(text) or '-'}")
    if "objects" not in facts:
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    columns = {"ID": "id", "Patient ID": "patient_id", "Name": "patient_name", "Description": "series_description"}
    for title in columns:
        table.add_column(title, overflow="fold")
    for item in facts["objects"]:
        table.add_row(*(shown(str(plain(item[name])))[: 8 if name == "id" else None] for name in columns.values()))
    console.print()
    console.print(table)


def _checks(found: dict[str, Any] | None) -> str:
    """What was read off the pixels, in words; no text that was read is kept anywhere."""
    said = []
    text, identity = ((found or {}).get(name) for name in ("text", "identity"))
    if isinstance(text, dict):
        panels = sorted({place["panel"] or "between panels" for place in text["places"]})
        said.append(f"text in {', '.join(panels)}" if panels else "no text")
    if isinstance(identity, dict):
        differs = [name.replace("_", " ") for name, how in identity.items() if how == "differs"]
        said.append(f"burned-in {', '.join(differs)} not the header's" if differs else "identity not in doubt")
    return "; ".join(said)


def _draw(stored: Path | None, target: Path) -> None:
    from PIL import Image
    from pydicom import dcmread

    from dicom_node.decode import PYDICOM_ERRORS, decode

    if stored is None:
        raise PerfuscopeError("a study has no picture; name one of its objects")
    try:
        pixels = decode(dcmread(stored))
    except (Rejected, *PYDICOM_ERRORS):
        raise PerfuscopeError("there is no picture: its pixels cannot be decoded, or its file is gone") from None
    try:
        Image.fromarray(pixels).save(target, "PNG")
    except OSError as error:
        msg = f"{target} cannot be written: {error.strerror}"
        raise PerfuscopeError(msg) from None


@quarantine_app.command("release")
@one_sentence
def release(key: Key, home: options.Home = None, config: options.Config = None) -> None:
    """Let an object be prepared again, or declare a study's objects to be one patient's.

    An object is looked at with the layouts and rules of today; where they know it no better, it stays.
    """
    from db.tables import Study
    from dicom_node import decisions
    from dicom_node.completion import Policy

    settings = options.installed(home, config)
    with _found(options.sessions(settings), key) as (session, now, found):
        if isinstance(found, Study):
            decisions.release_study(session, found.id, actor=actor(), now=now, policy=Policy.of(settings))
            said = "The study's objects count as one patient's; it is judged anew."
        else:
            decisions.release_object(session, found.id, actor=actor(), now=now)
            said = "The object is prepared again; see: perfuscope quarantine list"
    typer.echo(said)


@quarantine_app.command("reject")
@one_sentence
def reject(key: Key, home: options.Home = None, config: options.Config = None) -> None:
    """Count an object as not there: its study is judged without it. Its file stays until a purge."""
    from db.tables import Study
    from dicom_node import decisions
    from dicom_node.completion import Policy

    settings = options.installed(home, config)
    with _found(options.sessions(settings), key) as (session, now, found):
        if isinstance(found, Study):
            raise PerfuscopeError("reject the objects that are not this patient's, one by one; see: quarantine show")
        decisions.reject(session, found.id, actor=actor(), now=now, policy=Policy.of(settings))
    typer.echo("The object counts as not there; its study is judged without it.")


@contextmanager
def _found(sessions: "Sessions", text: str) -> "Iterator[tuple[Session, Any, Study | Instance]]":
    from db import quarantine

    with sessions.write() as session:
        found = quarantine.find(session, text)
        if len(found) != 1:
            many = f"{len(found)} things in quarantine begin so; give more of the key"
            raise PerfuscopeError(many if found else "nothing in quarantine begins so; see: perfuscope quarantine list")
        yield session, sessions.now(session), found[0]
