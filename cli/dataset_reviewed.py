"""``perfuscope dataset import --from-database``: studies whose readers settled on a label."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from cli import options
from cli.dataset_show import patients_of
from cli.operator import actor
from cli.results import parse_time
from cli.sentences import counted
from core.errors import PerfuscopeError
from core.phi import Phi
from core.settings import Settings
from core.types import AuditAction

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from db.reviewed import Reviewed, Wish
    from db.session import Sessions
    from dicom_node.textcheck import Engine
    from training.datasets.manifest import Manifest
    from training.datasets.reviewed_studies import Gathering


@dataclass(frozen=True, slots=True)
class Asked:
    """What the command was asked for."""

    out: Path
    since: str | None
    two_readers: bool
    opted_out: Path | None
    unread: bool
    simulated: bool

    def wish(self) -> "Wish":
        """Which studies are wanted; PerfuscopeError for a list that cannot be read."""
        from db.reviewed import Wish

        return Wish(parse_time(self.since), self.two_readers, _patient_ids(self.opted_out))

    @property
    def command(self) -> str:
        """As the data set remembers it; names nobody."""
        said = {
            f"--since {self.since}": self.since,
            "--two-readers": self.two_readers,
            "--opted-out FILE": self.opted_out,
            "--unread": self.unread,
            "--simulated": self.simulated,
        }
        return " ".join(["dataset import --from-database", *(option for option, given in said.items() if given)])


def import_(console: Console, asked: Asked, home: Path | None, config: Path | None) -> None:
    """Write the data set and say what is in it, and how many studies were left out for what."""
    from db import reviewed

    settings = options.installed(home, config)
    wish, engine = asked.wish(), _engine(asked)
    sessions = options.sessions(settings)
    with sessions.read() as session:
        found = reviewed.find(session, wish)
    if not found.studies and not found.left_out:
        raise PerfuscopeError("nobody has reviewed such a study yet: readers do that on each study's page.")
    gathering = _gathering(settings, sessions, engine)
    with counted(console, "importing reviewed studies") as progress:
        made = gathering.write(
            found,
            asked.out,
            source="simulated" if asked.simulated else "clinical",
            command=asked.command,
            progress=progress,
        )
    console.print(f"{asked.out}: {patients_of(made)}", highlight=False)
    _show_left_out(console, made)
    console.print(f"Next: perfuscope dataset split {asked.out}", highlight=False)


def _engine(asked: Asked) -> "Engine | None":
    from dicom_node import textcheck

    if asked.unread:
        return None
    engine = textcheck.load_engine()
    if engine is None:
        raise PerfuscopeError(
            'every crop is read for text before it goes into a data set: install the extra "ocr" first, '
            "or say --unread to trust the layouts in force."
        )
    return engine


def _gathering(settings: Settings, sessions: "Sessions", engine: "Engine | None") -> "Gathering":
    from db import audit
    from dicom_node import deidentify, layouts
    from training.datasets.reviewed_studies import Gathering

    def tell_of(session: "Session", one: "Reviewed") -> None:
        now, detail = sessions.now(session), f"dataset crops={len(one.images)}"
        audit.record(session, AuditAction.EXPORT, actor=actor(), now=now, study_id=one.study_id, detail=detail)

    key = deidentify.open_key(settings.home / "keys" / "deidentify.key")
    return Gathering(sessions, key, layouts.load_all(settings.layout_files), engine, tell_of)


def _patient_ids(path: Path | None) -> tuple[Phi, ...]:
    if path is None:
        return ()
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeError:
        raise PerfuscopeError(f"{path} should be a text in UTF-8 with a patient ID a line.") from None
    return tuple(Phi(line.strip()) for line in lines if line.strip())


def _show_left_out(console: Console, made: "Manifest") -> None:
    for why, number in Counter(made.left_out.values()).most_common():
        studies = "study" if number == 1 else "studies"
        console.print(f"  left out: {number} {studies} ({why.replace('_', ' ')})", highlight=False)
