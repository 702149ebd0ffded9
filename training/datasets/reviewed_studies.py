"""A data set from the database: studies whose readers settled on a label, with the crops that they read.

Only de-identified crops go into it, never a screen or a header, and each is read for text once more where it can be.
Patients are called by pseudonyms that follow from the site's key.
"""

import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from sqlalchemy.orm import Session

from core.errors import Rejected
from core.pixels import RgbImage
from core.types import REQUIRED_VIEWS, Reason
from db import layout_states, reviewed
from db.layout_states import Standing
from db.reviewed import Found, Reviewed
from db.session import Sessions
from db.tables import ViewImage
from dicom_node import layout_decisions, textcheck
from dicom_node.deidentify import Dates, Key, Pseudonyms
from dicom_node.layouts import Crop, Layout, crop_again
from dicom_node.textcheck import Engine
from models.figures import Source
from training.datasets import importing
from training.datasets import manifest as manifests
from training.datasets.cropping import crop_picture
from training.datasets.crops import Progress
from training.datasets.manifest import CROPS, Manifest, Patient, Provenance, Screen

TellOf = Callable[[Session, Reviewed], None]
"""Writes down that a study goes into a data set, before it does."""


class Unusable(Rejected):
    """A crop that does not go into a data set; ``image`` is the one in which a text was found."""

    def __init__(self, reason: Reason, detail: str, image: ViewImage) -> None:
        super().__init__(reason, detail)
        self.image = image


@dataclass(frozen=True, slots=True)
class Gathering:
    """Where reviewed studies are taken from, and what is asked of their crops."""

    sessions: Sessions
    key: Key
    layouts: Sequence[Layout]
    """Those in force."""
    engine: Engine | None
    """Reads crops for text; None: those of trusted layouts, and those that were read when they were kept, are taken."""
    tell_of: TellOf

    def write(
        self, found: Found, out: Path, *, source: Source, command: str, progress: Progress | None = None
    ) -> Manifest:
        """Write the data set ``out``, whole or not at all; PerfuscopeError if it is not free or a class is empty."""
        left_out = {str(study_id): why.value for study_id, why in found.left_out.items()}
        patients: list[Patient] = []
        with importing.new_folder(out) as folder:
            (folder / CROPS).mkdir()
            for done, one in enumerate(found.studies, start=1):
                patients += self._newest_usable(folder, (one, *found.older.get(one.study_id, ())), left_out)
                if progress:
                    progress(done, len(found.studies))
            importing.check_classes(patients, "the database", left_out)
            manifest = Manifest(source=source, patients=tuple(patients), left_out=left_out).also(command)
            manifests.save(folder, manifest)
        return manifest

    def _newest_usable(self, folder: Path, studies: Iterable[Reviewed], left_out: dict[str, str]) -> list[Patient]:
        """The patient by the first study that can be used, or nobody; why those before it cannot is noted."""
        for one in studies:
            try:
                patient = self._patient(folder, one)
            except Rejected as rejected:
                left_out[str(one.study_id)] = rejected.detail or rejected.reason.value
            else:
                left_out.pop(str(one.study_id), None)  # as an older one it was
                return [patient]
        return []

    def _patient(self, folder: Path, one: Reviewed) -> Patient:
        """A study's three crops as files; Rejected with the reason, as a code, and no file, for one to leave out."""
        with self.sessions.read() as session:
            images = reviewed.crops(session, one)
            standings = {layout.sha256: layout_states.standing(session, _key(layout)) for layout in self.layouts}
        if images.keys() != set(REQUIRED_VIEWS):
            raise Rejected(Reason.INCOMPLETE, "purged")
        try:
            pixels = {view: self._checked(images[view], standings) for view in REQUIRED_VIEWS}
        except Unusable as unusable:
            self._suspend(one, unusable)
            raise
        with self.sessions.write() as session:
            self.tell_of(session, one)
        name = self._pseudonym(one)
        views = {view: _written(folder, f"{name}_{view.value}.png", images[view], pixels[view]) for view in pixels}
        origin = Provenance(details={"label_from": "a sure reader" if one.readers == 1 else f"{one.readers} readers"})
        return Patient(id=name, label=one.label, provenance=origin, views=views)

    def _checked(self, image: ViewImage, standings: Mapping[str, Standing]) -> RgbImage:
        """The pixels of a crop that may go into a data set."""
        known = {(layout.name, layout.version): layout for layout in self.layouts}
        layout = known.get((image.layout, image.layout_version))
        screen = next((s for s in layout.views if s.view is image.view), None) if layout else None
        if layout is None or screen is None:
            raise Unusable(Reason.UNKNOWN_LAYOUT, "layout_not_in_force", image)
        if standings[layout.sha256] is Standing.SUSPENDED:
            raise Unusable(Reason.LAYOUT_SUSPENDED, "", image)
        if image.maps is None:
            raise Unusable(Reason.MAPS_MISSING, "", image)
        crop = crop_again(_pixels(image), screen)
        if crop is None or crop.sha256 != image.sha256:
            raise Unusable(Reason.UNDECODABLE, "not_the_crop_that_was_kept", image)
        self._read(image, crop, layout, trusted=standings[layout.sha256] is Standing.TRUSTED)
        return crop.pixels

    def _read(self, image: ViewImage, crop: Crop, layout: Layout, *, trusted: bool) -> None:
        if self.engine is None:
            if not trusted and not isinstance((image.checks or {}).get("text"), dict):
                raise Unusable(Reason.NOT_CHECKED, "", image)
        elif textcheck.find_text(crop, self.engine, allowed=layout.allowed_text, palette=layout.palette).found:
            raise Unusable(Reason.TEXT_FOUND, "", image)

    def _suspend(self, one: Reviewed, unusable: Unusable) -> None:
        """No screen of a layout in whose kept area a text was found is used from now on."""
        image = unusable.image
        if unusable.reason is not Reason.TEXT_FOUND:
            return
        (layout,) = (x for x in self.layouts if (x.name, x.version) == (image.layout, image.layout_version))
        with self.sessions.write() as session:
            now, subject = self.sessions.now(session), image.instance_id
            layout_decisions.suspend(session, layout, study_id=one.study_id, subject=subject, now=now)

    def _pseudonym(self, one: Reviewed) -> str:
        """As an export calls the patient where the senders name no issuer of the ID."""
        header = {
            "PatientID": one.patient_id.reveal().strip(),
            "IssuerOfPatientID": "",
            "StudyInstanceUID": one.study_instance_uid.reveal(),
        }
        return Pseudonyms.of(header, key=self.key, dates_become=Dates.REMOVED).id_for()


_key = layout_decisions.key


def _pixels(image: ViewImage) -> RgbImage:
    """A kept crop's pixels."""
    with Image.open(io.BytesIO(image.png), formats=("PNG",)) as opened:
        return np.asarray(opened.convert("RGB"), dtype=np.uint8)


def _written(folder: Path, name: str, image: ViewImage, pixels: RgbImage) -> Screen:
    maps = dict(image.maps or {})
    cut_by = (image.layout, image.layout_version)
    content, entry = crop_picture(f"{CROPS}/{name}", pixels, cut_by=cut_by, maps=maps)
    manifests.write(folder / entry.file, content)
    return Screen(crop=entry)
