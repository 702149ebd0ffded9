"""``perfuscope demo``: plays a PACS against a whole Perfuscope in a temporary home, and shows what came back."""

import os
import signal
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from cli.demo_services import PACS_AE, Pacs, running_pacs, running_perfuscope, temporary_home
from cli.sentences import one_sentence
from core import DISCLAIMER, MANUFACTURER, TRAINED_ON
from core.errors import PerfuscopeError
from core.types import LABELS, Label

if TYPE_CHECKING:
    from dicom_node.scu import Address
    from training.phantom.cohort import SimulatedPatient

_REPORT_TIMEOUT_S = 120
_CLASSES = (Label.NORMAL, Label.ISCHEMIA, Label.INFARCTION)


@one_sentence
def demo(
    studies: Annotated[int, typer.Option(min=1, max=100, help="How many studies to push.")] = 3,
    seed: Annotated[int, typer.Option(help="Which simulated patients.")] = 2026,
    stop: Annotated[bool, typer.Option("--exit", help="Stop when the reports are there.")] = False,
    home: Annotated[Path | None, typer.Option(help="Keep everything here. (default: a temporary folder)")] = None,
) -> None:
    """Push simulated studies through a whole Perfuscope and show the reports that come back.

    Starts its own PACS, node and workers on free ports of this machine; needs no server and no root.
    Exit code 0 only if every report came.
    """
    console = Console()
    console.print("[bold]Perfuscope demo[/]  simulated patients; research use only, not for diagnosis\n")
    with (
        temporary_home(home) as folder,
        running_pacs() as pacs,
        running_perfuscope(folder, pacs.port, console) as address,
    ):
        pushed = _push(_patients(console, studies, seed), address, pacs, console)
        complete = _show(console, pushed, pacs, _results(folder))
        pages = _pages(folder if home else Path(tempfile.gettempdir()) / f"perfuscope-demo-{os.getuid()}", pacs)
        console.print(f"\nReport pages as the PACS has them: {pages}", highlight=False, soft_wrap=True)
        if not stop and complete:
            _stay(console, folder, address, _login(folder))
    if not complete:
        raise PerfuscopeError(
            "not every report came back; the log is above, or run again with --home DIR and look there"
        )


def _patients(console: Console, count: int, seed: int) -> list["SimulatedPatient"]:
    from training.phantom import cohort

    with console.status(f"Simulating {count} patients"):
        return [cohort.simulate(seed, index, label=_CLASSES[index % len(_CLASSES)]) for index in range(count)]


@dataclass(frozen=True, slots=True)
class _Pushed:
    """A study that was pushed, and when the last of it was answered."""

    study_instance_uid: str
    simulated: Label
    stored_at: float


def _push(patients: list["SimulatedPatient"], to: "Address", pacs: Pacs, console: Console) -> list[_Pushed]:
    """Push one study after another, each when the report of the one before is back."""
    from dicom_node import scu
    from training.phantom import dicom

    pushed: list[_Pushed] = []
    with tempfile.TemporaryDirectory() as folder:
        for number, patient in enumerate(patients, start=1):
            paths = dicom.write_study(patient, Path(folder) / str(patient.index))
            with console.status(f"Study {number} of {len(patients)}: pushed by C-STORE, waiting for its report"):
                result = scu.send_files(paths, to=to, calling_ae_title=PACS_AE)
                if result.failed:
                    raise PerfuscopeError("Perfuscope did not take a study")
                uid = str(dicom.datasets(patient)[0].StudyInstanceUID)
                pushed.append(_Pushed(uid, patient.label, time.perf_counter()))
                pacs.wait_for(number, _REPORT_TIMEOUT_S)
    return pushed


def _results(home: Path) -> dict[str, dict[str, Any]]:
    from cli import options
    from db import results
    from db.worklist import Filter

    sessions = options.sessions(options.settings(home))
    with sessions.read() as session:
        found = results.listed(session, Filter())
    return {item["study_instance_uid"].reveal(): item for item in found}


def _show(console: Console, pushed: list[_Pushed], pacs: Pacs, found: dict[str, dict[str, Any]]) -> bool:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("Patient", "Simulated", "Result"):
        table.add_column(column, no_wrap=True)
    table.add_column("Norm/Isch/Inf", no_wrap=True)
    table.add_column("Latency", justify="right", no_wrap=True)
    table.add_column("Report", no_wrap=True)
    came = 0
    for study in pushed:
        item = found.get(study.study_instance_uid, {})
        received = pacs.received.get(study.study_instance_uid)
        structured = pacs.structured.get(study.study_instance_uid)
        came += received is not None and _is_report(received[1]) and structured is not None and _is_report(structured)
        table.add_row(*_row(study, item, received))
    console.print(table)
    console.print(f"\n{DISCLAIMER}\n{TRAINED_ON}", style="dim")
    return came == len(pushed)


def _row(study: _Pushed, item: dict[str, Any], received: tuple[float, Any] | None) -> list[str]:
    probabilities = item.get("probabilities") or {}
    return [
        item["patient_id"].reveal() if item else "-",
        study.simulated.value,
        _result(item),
        " ".join(f"{probabilities[label.value]:.2f}" for label in LABELS) if probabilities else "-",
        f"{received[0] - study.stored_at:.2f} s" if received else "-",
        "[green]received[/]" if received else "[red]none[/]",
    ]


def _result(item: dict[str, Any]) -> str:
    """The label; one that is too uncertain to stand as a result is shown as such."""
    if item.get("status") == "needs_review":
        return f"review ({item['label'][:4]}.?)"
    return str(item.get("label") or item.get("state") or "-")


def _is_report(ds: Any) -> bool:
    return str(ds.get("Manufacturer", "")) == MANUFACTURER


def _pages(folder: Path, pacs: Pacs) -> Path:
    """The received reports as pictures, for people to look at."""
    from PIL import Image

    pages = folder / "reports"
    pages.mkdir(parents=True, exist_ok=True, mode=0o700)
    for number, (_, ds) in enumerate(pacs.received.values(), start=1):
        Image.fromarray(ds.pixel_array).save(pages / f"report_{number}.png")
    return pages


_USER = "demo"


def _login(home: Path) -> str:
    """A password for this demo's pages alone; an earlier one of the same home is good no longer."""
    from cli import options
    from core import passwords
    from core.roles import Role
    from db import users
    from db.users import Hand

    sessions = options.sessions(options.settings(home))
    password = passwords.made_up()
    new = users.NewPassword.of(password, name=_USER)
    with sessions.write() as session:
        by = Hand(actor="perfuscope", now=sessions.now(session))
        user = users.find(session, _USER)
        if user is None:
            users.add(session, Role.ADMIN, new, must_change=False, by=by)
        else:
            users.set_password(session, user, new, must_change=False, by=by)
    return password


def _stay(console: Console, home: Path, address: "Address", password: str) -> None:
    from cli import options
    from viewer import server

    console.print(
        f"\nStill running. Look at it: {server.address(options.settings(home))}\n"
        f"Log in as {_USER} with this demo's password: {password}\n"
        f"Push more: perfuscope simulate STUDIES --patients 3, then\n"
        f"perfuscope send STUDIES --to {address.ae_title}@{address.host}:{address.port} --calling {PACS_AE}\n"
        f"Ask: perfuscope results --home {home}\nCtrl-C stops it and removes the temporary home.",
        highlight=False,
        soft_wrap=True,
    )
    try:
        signal.pause()
    except KeyboardInterrupt:
        console.print("Stopping")
