"""Studies leave Perfuscope de-identified: a folder a patient, and nothing half done.

A study whose screens are not all clean is left out whole and listed. What is written is read again as bytes, and goes
away where a word of the original header stands in it.
"""

import shutil
import warnings
from collections.abc import Callable, Container, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from uuid import UUID

from pydicom import Dataset
from sqlalchemy.orm import Session

from core.errors import Rejected, Unavailable
from core.types import REQUIRED_VIEWS, Reason
from db import layout_states
from db.exports import Material, StoredObject
from db.layout_states import Standing
from dicom_node import layout_decisions, leak_search
from dicom_node.decode import PYDICOM_ERRORS
from dicom_node.deidentify import Exported, Refusal
from dicom_node.inbox import Inbox
from dicom_node.layouts import Layout
from dicom_node.prepare import read

Clean = Callable[[Dataset, str], Exported]
"""A de-identified copy of a data set that an AE title sent; raises Rejected where there is none."""

_SIMULATOR = "Perfuscope Simulator"


@dataclass(frozen=True, slots=True)
class LeftOut:
    """An object, or a whole study, that is not exported; by our own keys."""

    study_id: UUID
    instance_id: UUID | None
    why: str


@dataclass(slots=True)
class StudyExport:
    """What came of one study. Its files wait beside their place until ``release`` puts them there."""

    study_id: UUID
    patient: str = ""
    """The patient's pseudonym and folder; empty where the study is left out."""
    simulated: bool = False
    files: int = 0
    words: int = 0
    """How many words of original headers were searched for, file by file."""
    leaks: int = 0
    """How many of them were found; the study is left out then."""
    left_out: list[LeftOut] = field(default_factory=list)
    with_text: list[StoredObject] = field(default_factory=list)
    """Screens in whose kept areas a text was found."""
    waiting: Path | None = None
    place: Path | None = None

    def release(self) -> None:
        """Let the files appear in the export, all at once."""
        if self.waiting is not None and self.place is not None:
            self.waiting.rename(self.place)


@dataclass(frozen=True, slots=True)
class Exporting:
    """One export into the folder ``out``; ``raw``: raw acquisitions go too, where they are clean."""

    inbox: Inbox
    out: Path
    clean: Clean
    layouts: Mapping[str, Layout]
    """Those in force, by name."""
    reader: str
    """What reads the images for text, with its version."""
    raw: bool

    def study(self, material: Material, *, suspended: Container[str] = ()) -> StudyExport:
        """De-identify a study's screens, write and search them; the result says what is left out and why.

        ``suspended`` are names of layouts none of whose screens is used. An exception leaves no file behind.
        """
        if why := _unusable(material, suspended):
            return self.leave_out(material, why)
        done = StudyExport(material.study_id)
        done.waiting = self.out / f".{material.study_id}.part"
        done.waiting.mkdir(mode=0o700)
        try:
            self._write_all(material, done)
        except BaseException:
            _drop(done)
            raise
        return done

    def _write_all(self, material: Material, done: StudyExport) -> None:
        try:
            for view in REQUIRED_VIEWS:
                self._write(material.chosen[view], f"{view.value}.dcm", done)
        except (Rejected, Unavailable) as refused:
            why: str | None = code(refused)
        else:
            done.place = self.out / done.patient
            why = "another_study_of_the_patient" if done.place.exists() else None
        if why is None:
            self._write_raw(material, done)
        else:
            done.left_out.append(LeftOut(material.study_id, None, why))
            _drop(done)

    def leave_out(self, material: Material, why: str) -> StudyExport:
        """A study that nobody wants exported."""
        return StudyExport(material.study_id, left_out=[LeftOut(material.study_id, None, why)])

    def suspended(self, session: Session) -> frozenset[str]:
        """Names of the layouts in force that are suspended now."""
        standings = {
            name: layout_states.standing(session, layout_decisions.key(it)) for name, it in self.layouts.items()
        }
        return frozenset(name for name, standing in standings.items() if standing is Standing.SUSPENDED)

    def suspend(self, session: Session, one: StudyExport, *, now: datetime) -> None:
        """Suspend the layouts in whose kept areas a text was found; the export's own files hold none of it."""
        for item in one.with_text:
            layout = self.layouts.get(item.layout)
            if layout is not None:
                layout_decisions.suspend(session, layout, study_id=one.study_id, subject=item.instance_id, now=now)

    def _write_raw(self, material: Material, done: StudyExport) -> None:
        """The study's other objects: raw acquisitions if they are asked for, the rest is listed."""
        for number, item in enumerate(_others(material), start=1):
            why = item.why_not or self._why_not_raw(item, f"raw_{number}.dcm", done)
            if why:
                done.left_out.append(LeftOut(done.study_id, item.instance_id, why))

    def _why_not_raw(self, item: StoredObject, name: str, done: StudyExport) -> str | None:
        if not self.raw:
            return "not_asked_for"
        try:
            self._write(item, name, done)
        except (Rejected, Unavailable) as refused:
            return code(refused)
        return None

    def _write(self, item: StoredObject, name: str, done: StudyExport) -> None:
        source = read(self.inbox.path(item.path))
        try:
            made = self.clean(source, item.sender_ae)
        except Rejected as refused:
            if code(refused) == Refusal.TEXT_FOUND and item.view is not None:
                done.with_text.append(item)
            raise
        if made.view != item.view:
            raise Rejected(Reason.VIEW_MISMATCH)
        cleaned, words = made.ds, _words(source)
        if done.patient not in {"", str(cleaned.PatientID)}:
            raise Rejected(Reason.PATIENTS_DIFFER)
        target = (done.waiting or self.out) / name
        cleaned.save_as(target, enforce_file_format=True)
        found = leak_search.hits(_without_pixels(target, cleaned), words)
        done.words, done.leaks = done.words + len(words), done.leaks + found
        if found:
            target.unlink()
            raise Rejected(Reason.NOT_EXPORTABLE, "identifier_found_again")
        done.files, done.patient = done.files + 1, str(cleaned.PatientID)
        done.simulated = str(source.get("Manufacturer", "")) == _SIMULATOR


def code(refused: Rejected | Unavailable) -> str:
    """The code that the export lists a refusal by."""
    if isinstance(refused, Unavailable):
        return refused.code
    return refused.detail if refused.reason is Reason.NOT_EXPORTABLE and refused.detail else refused.reason.value


def _unusable(material: Material, suspended: Container[str]) -> str | None:
    """Why no study can be made of the screens that its result was made from, before one of them is read."""
    chosen = material.chosen
    if not chosen.keys() >= set(REQUIRED_VIEWS):
        return "no_complete_set"  # one of them is being prepared again, or was sent anew
    if any(item.layout in suspended for item in chosen.values()):
        return Reason.LAYOUT_SUSPENDED.value
    return next((item.why_not for item in chosen.values() if item.why_not), None)


def _words(source: Dataset) -> frozenset[bytes]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydicom's warnings print attribute values
        try:
            return leak_search.words(source)
        except PYDICOM_ERRORS:
            raise Rejected(Reason.NOT_EXPORTABLE, Refusal.UNREADABLE) from None


def _others(material: Material) -> Iterator[StoredObject]:
    return (item for item in material.objects if item.view is None)


def _without_pixels(path: Path, ds: Dataset) -> bytes:
    """The file's bytes but for the pixels, which are the last of it."""
    content, pixels = path.read_bytes(), bytes(ds.PixelData)
    before, found, after = content.rpartition(pixels)
    return before + after if found else content


def _drop(done: StudyExport) -> None:
    if done.waiting is not None:
        shutil.rmtree(done.waiting, ignore_errors=True)
    done.waiting = done.place = None
    done.patient, done.files = "", 0
