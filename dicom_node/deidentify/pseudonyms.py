"""Who a patient is called after de-identification: always the same, and never leading back without the key."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from dicom_node.deidentify import dates, uids
from dicom_node.deidentify.dates import Dates
from dicom_node.deidentify.key import Key


@dataclass(frozen=True, slots=True)
class Pseudonyms:
    """The replacements for one patient's identifiers. Patients are told apart by ID and issuer."""

    key: Key
    patient_id: str = field(repr=False)
    issuer: str = field(repr=False)
    shift: timedelta | None = field(repr=False)
    """How far dates are moved; None: they are not kept at all."""

    @classmethod
    def of(cls, header: Mapping[str, str], *, key: Key, dates_become: Dates) -> "Pseudonyms":
        """From PatientID, IssuerOfPatientID and StudyInstanceUID; without an ID every study is a patient."""
        patient_id = header["PatientID"] or f"study {header['StudyInstanceUID']}"
        issuer = header["IssuerOfPatientID"]
        moved = dates.shift(key, (patient_id, issuer)) if dates_become is Dates.MODIFIED else None
        return cls(key, patient_id, issuer, moved)

    def id_for(self, patient_id: str = "") -> str:
        """The pseudonym of the patient, or of another whose ID stands somewhere in the object."""
        digest = self.key.digest("patient", patient_id.strip() or self.patient_id, self.issuer)
        return "P" + base64.b32encode(digest[:10]).decode()

    @property
    def name(self) -> str:
        """The patient's name from now on: no word that somebody may be called by, in two components."""
        return f"{self.id_for()}^{self.id_for()}"

    def uid_for(self, uid: str) -> str:
        """The UID that stands for this one."""
        return uids.replaced(uid, self.key)
