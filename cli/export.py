"""``perfuscope export``: studies without their patients, for a data set or for whoever may have them."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from cli import options
from cli.export_tables import REPORT, TRUTH, Done, Labels
from cli.operator import actor
from cli.results import parse_time
from cli.sentences import counted, one_sentence
from core.errors import PerfuscopeError
from core.settings import Settings
from core.types import AuditAction, Label

if TYPE_CHECKING:
    from uuid import UUID

    from pydicom import Dataset

    from db.session import Sessions
    from dicom_node.deidentify import Exported
    from dicom_node.exporting import Exporting, StudyExport


@one_sentence
def export(
    out: Annotated[Path, typer.Option("--deidentified", metavar="OUT", help="The folder to write: new or empty.")],
    label: Annotated[Label | None, typer.Option(help="Only studies that the model calls so.")] = None,
    since: Annotated[
        str | None, typer.Option(help="Only studies received since: 2026-11-23, or 2026-11-23T08:00 (UTC).")
    ] = None,
    labels: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Your own labels: a CSV with patient_id (as in the studies) and label. Without it, the model's.",
        ),
    ] = None,
    raw: Annotated[
        bool, typer.Option("--raw", help="Raw acquisitions too, where they are original and clean.")
    ] = False,
    shift_dates: Annotated[
        bool,
        typer.Option(
            "--shift-dates", help="Keep dates, moved by a secret number of days a patient; else they are removed."
        ),
    ] = False,
    home: options.Home = None,
    config: options.Config = None,
) -> None:
    """Export de-identified studies: DICOM screens, truth.csv and leak-report.json.

    A study goes whole or not at all. Of its screens only the polar maps are
    kept, after the DICOM standard's Basic Application Confidentiality Profile
    (PS3.15 E.1); every kept area is read for text first, which needs the
    extra "ocr". Each file is then searched for every identifier of its
    original. Structured reports, documents and unknown objects never go.

    Pseudonyms, UIDs and moved dates follow from a key in the home folder: the
    same patient gets the same ones in every export. Keep that key secret, and
    backed up.
    """
    from core import log
    from db import exports

    log.configure("ERROR")  # libraries' warnings, and what nobody catches, without values
    settings = options.installed(home, config)
    known_labels = Labels.read(labels)
    _refuse_foreign_content(out)
    exporting = _exporting(settings, out, raw=raw, shift_dates=shift_dates)
    sessions = options.sessions(settings)
    with sessions.read() as session:
        wanted = exports.wanted(session, label=label, since=parse_time(since))
    done = _run(sessions, exporting, known_labels, wanted)
    dates = "shifted" if shift_dates else "removed"
    _show(done.write(out, {"dates": dates, "raw": raw, "text_read_by": exporting.reader}), out)
    if not done.rows:
        raise typer.Exit(1)


def _refuse_foreign_content(out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True, mode=0o700)
    if any(out.iterdir()):
        raise PerfuscopeError(f"{out} is not empty; an export needs a folder of its own")


def _exporting(settings: Settings, out: Path, *, raw: bool, shift_dates: bool) -> "Exporting":
    from dicom_node import deidentify, layouts, rules, textcheck
    from dicom_node.exporting import Exporting
    from dicom_node.inbox import Inbox

    engine = textcheck.load_engine()
    if engine is None:
        raise PerfuscopeError('an export reads every image for text; install the extra "ocr" first')
    key = deidentify.open_key(settings.home / "keys" / "deidentify.key")
    known, in_force = layouts.load_all(settings.layout_files), rules.in_force(settings)
    dates = deidentify.Dates.MODIFIED if shift_dates else deidentify.Dates.REMOVED

    def clean(ds: "Dataset", sender_ae: str) -> "Exported":
        return deidentify.export_object(
            ds, layouts=known, key=key, dates=dates, engine=engine, rules=in_force, sender_ae=sender_ae
        )

    return Exporting(
        Inbox(settings.store),
        out,
        clean,
        {layout.name: layout for layout in known},
        f"{engine.name} {engine.version}",
        raw=raw,
    )


def _run(sessions: "Sessions", exporting: "Exporting", labels: Labels, wanted: "Sequence[UUID]") -> Done:
    from db import exports

    done = Done()
    with counted(Console(stderr=True), "Exporting") as tell:
        for number, study_id in enumerate(wanted, start=1):
            with sessions.read() as session:
                material = exports.material(session, study_id)
                suspended = exporting.suspended(session)
            label = labels.of(material)
            if label:
                one = exporting.study(material, suspended=suspended)
            else:
                one = exporting.leave_out(material, "no_label_given")
            _write_down(sessions, exporting, one)
            one.release()
            done.add(one, label)
            tell(number, len(wanted))
    return done


def _write_down(sessions: "Sessions", exporting: "Exporting", one: "StudyExport") -> None:
    """The audit event of what is about to appear; a text that was found suspends its layout."""
    from db import audit

    with sessions.write() as session:
        now = sessions.now(session)
        if one.patient:
            detail = f"objects={one.files}"
            audit.record(session, AuditAction.EXPORT, actor=actor(), now=now, study_id=one.study_id, detail=detail)
        exporting.suspend(session, one, now=now)


def _show(report: dict[str, Any], out: Path) -> None:
    console = Console()
    searched = report["searched_for"]
    console.print(
        f"{report['patients']} patients in {out}, {report['files']} files; {TRUTH} has their labels, from "
        f"{report['labels_from']}.",
        highlight=False,
    )
    console.print(
        f"{searched['words_of_original_headers']} words of the original headers were searched for in what was written: "
        f"{searched['found']} found.",
        highlight=False,
    )
    if report["left_out"]:
        table = Table(box=None, pad_edge=False, header_style="bold")
        table.add_column("Left out", justify="right")
        table.add_column("Why (one by one in " + REPORT + ")")
        for why, number in report["left_out"].items():
            table.add_row(str(number), why.replace("_", " "))
        console.print(table)
