"""Instances of five modalities with identifiers in their headers, and what must become of each attribute.

The rows below say it attribute by attribute, from PS3.15 Table E.1-1 (Basic Profile, Clean Pixel Data, Modified Dates)
and PS3.3's types; they do not ask the code under test.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import StrEnum

import numpy as np
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import (
    CTImageStorage,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    MRImageStorage,
    NuclearMedicineImageStorage,
    PositronEmissionTomographyImageStorage,
)

from core.types import View
from training.phantom.cohort import simulate
from training.phantom.dicom import datasets
from training.phantom.pages import PAGES


class Act(StrEnum):
    """The ten actions of the MIDI-B benchmark."""

    TAG_RETAINED = "tag_retained"
    TEXT_NOTNULL = "text_notnull"
    TEXT_RETAINED = "text_retained"
    TEXT_REMOVED = "text_removed"
    DATE_SHIFTED = "date_shifted"
    UID_CHANGED = "uid_changed"
    UID_CONSISTENT = "uid_consistent"
    PATID_CONSISTENT = "patid_consistent"
    PIXELS_HIDDEN = "pixels_hidden"
    PIXELS_RETAINED = "pixels_retained"


@dataclass(frozen=True)
class Patient:
    """An invented patient with an invented hospital's staff."""

    number: int
    family: str
    given: str
    patient_id: str
    born: date
    studied: date

    @property
    def identifiers(self) -> tuple[str, ...]:
        """What must not be read anywhere in an exported file."""
        return (
            self.family,
            self.given,
            self.patient_id,
            self.mrn,
            self.accession,
            *STAFF,
            *PLACES,
            f"{self.born:%Y%m%d}",
        )

    @property
    def mrn(self) -> str:
        return f"{7_100_000 + 37 * self.number}"

    @property
    def accession(self) -> str:
        return f"ACC{880_000 + self.number}"


@dataclass(frozen=True)
class Instance:
    """A data set and its answer key: (action, path of keywords, text that must be gone or None)."""

    ds: Dataset = field(repr=False)
    patient: Patient
    modality: str
    key: tuple[tuple[Act, str, str | None], ...]


FAMILIES = ("Fictiviak", "Mockington", "Niemandsen", "Erfundenez", "Samplewood", "Phantomski", "Inventado", "Nobodyova")
GIVEN = ("Imagina", "Placeholda", "Dummyrick", "Nonexista", "Trialbert", "Fabricia", "Makebelle", "Synthia")
STAFF = ("Pretendson", "Madeupwitz", "Scriptner")
PLACES = ("Nowherton", "Utopiaklinik")

_T, _N, _K, _R = Act.TAG_RETAINED, Act.TEXT_NOTNULL, Act.TEXT_RETAINED, Act.TEXT_REMOVED
_D, _U, _C = Act.DATE_SHIFTED, Act.UID_CHANGED, Act.UID_CONSISTENT

_COMMON: dict[str, tuple[Act, ...]] = {
    **dict.fromkeys(("SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID"), (_T, _N, _U, _C)),
    **dict.fromkeys(
        ("SOPClassUID", "Modality", "Manufacturer", "ManufacturerModelName", "SoftwareVersions"), (_T, _N, _K)
    ),
    **dict.fromkeys(("BodyPartExamined", "SeriesNumber", "InstanceNumber", "Rows", "Columns"), (_T, _N, _K)),
    **dict.fromkeys(("PatientName", "PatientID"), (_T, _N, _R)),
    **dict.fromkeys(
        ("PatientBirthDate", "PatientSex", "AccessionNumber", "StudyID", "ReferringPhysicianName"), (_T, _R)
    ),
    **dict.fromkeys(("StudyDate", "SeriesDate", "ContentDate"), (_T, _N, _D)),
    **dict.fromkeys(("StudyTime", "SeriesTime", "ContentTime"), (_T, _K)),
    **dict.fromkeys(
        ("StudyDescription", "SeriesDescription", "ImageComments", "PatientComments", "OtherPatientIDs"), (_R,)
    ),
    **dict.fromkeys(("InstitutionName", "InstitutionAddress", "OperatorsName", "StationName", "ProtocolName"), (_R,)),
    **dict.fromkeys(
        ("PatientAddress", "PatientTelephoneNumbers", "PatientAge", "RequestedProcedureDescription"), (_R,)
    ),
    **dict.fromkeys(("PerformingPhysicianName", "DeviceSerialNumber", "IssuerOfPatientID"), (_R,)),
    "RequestAttributesSequence/ScheduledProcedureStepDescription": (_R,),
    "SourceImageSequence/ReferencedSOPInstanceUID": (_T, _N, _U, _C),
    "SourceImageSequence/ReferencedSOPClassUID": (_T, _N, _K),
    "PatientIdentityRemoved": (_N,),
    "DeidentificationMethodCodeSequence/CodeValue": (_N,),
}
"""Every modality's. A date of type 2 that is moved has a value; X means gone, whatever stands in it."""

_ACQUIRED: dict[str, tuple[Act, ...]] = {
    **dict.fromkeys(("ImageType", "PhotometricInterpretation", "BitsStored"), (_T, _N, _K)),
    "FrameOfReferenceUID": (_T, _N, _U, _C),
    **dict.fromkeys(("AcquisitionDate", "AcquisitionDateTime"), (_T, _N, _D)),
    "AcquisitionTime": (_T, _K),
    "ManufacturerDeviceClassUID": (_T, _N, _U, _C),
}
_OWN: dict[str, dict[str, tuple[Act, ...]]] = {
    "NM": {
        "EnergyWindowInformationSequence/EnergyWindowName": (_T, _N, _K),
        "RadiopharmaceuticalInformationSequence/Radiopharmaceutical": (_T, _N, _K),
        "RadiopharmaceuticalInformationSequence/RadionuclideCodeSequence/CodeValue": (_T, _N, _K),
        "RadiopharmaceuticalInformationSequence/RadionuclideCodeSequence/CodeMeaning": (_T, _N, _K),
        "RadiopharmaceuticalInformationSequence/RadiopharmaceuticalStartDateTime": (_D,),
        "DetectorInformationSequence/CollimatorGridName": (_T, _R),
    },
    "CT": {
        **dict.fromkeys(("KVP", "SliceThickness", "ConvolutionKernel", "ScanOptions"), (_T, _N, _K)),
        "FilterType": (_T, _R),
    },
    "MR": {
        **dict.fromkeys(("ScanningSequence", "SequenceVariant", "RepetitionTime", "SequenceName"), (_T, _N, _K)),
        "ReceiveCoilName": (_T, _R),
    },
    "PT": {
        **dict.fromkeys(("Units", "DecayCorrection", "SeriesType", "ReconstructionMethod"), (_T, _N, _K)),
        "RandomsCorrectionMethod": (_T, _N, _K),
        "AttenuationCorrectionMethod": (_T, _R),
    },
    "OT": {"ConversionType": (_T, _N, _K), "SecondaryCaptureDeviceManufacturerModelName": (_T, _R)},
}
_CLASSES = {
    "NM": NuclearMedicineImageStorage,
    "CT": CTImageStorage,
    "MR": MRImageStorage,
    "PT": PositronEmissionTomographyImageStorage,
}
_KINDS = {
    "NM": ["ORIGINAL", "PRIMARY", "TOMO", "EMISSION"],
    "CT": ["ORIGINAL", "PRIMARY", "AXIAL"],
    "MR": ["ORIGINAL", "PRIMARY", "M"],
    "PT": ["ORIGINAL", "PRIMARY"],
}
MODALITIES = (*_CLASSES, "OT")


def instances(count: int, *, seed: int = 1) -> Iterator[Instance]:
    """So many instances, ten a patient and two a modality; the same seed gives the same."""
    rng = np.random.default_rng(seed)
    number = 0
    while number < count:
        patient = _patient(number // 10, rng)
        shown = simulate(seed, patient.number, layout=list(PAGES)[patient.number % 2])
        screens = datasets(shown)[:3]
        for place in range(min(10, count - number)):
            modality = MODALITIES[place % 5]
            source = screens[(patient.number + place // 5) % len(View)] if modality == "OT" else None
            yield _instance(patient, modality, place, source, rng)
        number += 10


def _patient(number: int, rng: np.random.Generator) -> Patient:
    return Patient(
        number=number,
        family=FAMILIES[number % 8],
        given=GIVEN[(number // 8 + number) % 8],
        patient_id=f"HOSP-{5_000_000 + 7919 * number}",
        born=date(1931, 1, 1) + timedelta(days=int(rng.integers(0, 20_000))),
        studied=date(2015, 1, 1) + timedelta(days=int(rng.integers(0, 4000))),
    )


def _instance(p: Patient, modality: str, place: int, source: Dataset | None, rng: np.random.Generator) -> Instance:
    ds = source if source is not None else _image(modality, rng)
    _identify(ds, p, modality, place)
    _technical(ds, modality)
    hidden = _hide(ds, p, place, rng)
    _own(ds, p, modality, hidden)
    ds.file_meta = FileMetaDataset()
    ds.file_meta.MediaStorageSOPClassUID, ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPClassUID, ds.SOPInstanceUID
    plain = source is None and place >= 5
    ds.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian if plain else ExplicitVRLittleEndian
    ds.preamble = f"{p.family} {p.patient_id}".encode().ljust(128, b"\0")
    rows = _COMMON | (_ACQUIRED if source is None else {}) | _OWN[modality]
    key = [(act, path, _gone(ds, path) if act is _R else None) for path, acts in rows.items() for act in acts]
    key += [(_R, "file", text) for text in p.identifiers]
    key += [(Act.PATID_CONSISTENT, "PatientID", None), (Act.PIXELS_RETAINED, "PixelData", None)]
    key += [(Act.PIXELS_HIDDEN, "PixelData", None)] if source is not None else []
    return Instance(ds, p, modality, tuple(key))


def _image(modality: str, rng: np.random.Generator) -> Dataset:
    ds = Dataset()
    ds.SOPClassUID, ds.ImageType = _CLASSES[modality], _KINDS[modality]
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    frames = 4 if modality == "NM" else 1
    if frames > 1:
        ds.NumberOfFrames = frames
    ds.Rows, ds.Columns, ds.BitsAllocated, ds.PixelRepresentation = 32, 32, 16, 0
    ds.BitsStored, ds.HighBit = (12, 11) if modality in {"CT", "MR"} else (16, 15)
    ds.PixelData = rng.integers(0, 4096, (frames, 32, 32)).astype("<u2").tobytes()
    return ds


def _uid(*parts: object) -> str:
    return "1.2.826.0.1.3680043.97." + ".".join(str(part) for part in parts)


def _identify(ds: Dataset, p: Patient, modality: str, place: int) -> None:
    """Who, where and when."""
    series = MODALITIES.index(modality) + 1
    ds.SpecificCharacterSet = "ISO_IR 100"
    ds.PatientName, ds.PatientID, ds.IssuerOfPatientID = f"{p.family}^{p.given}", p.patient_id, PLACES[0]
    ds.PatientBirthDate, ds.PatientSex, ds.PatientAge = f"{p.born:%Y%m%d}", "F", "071Y"
    ds.OtherPatientIDs, ds.AccessionNumber, ds.StudyID = p.mrn, p.accession, f"ST{p.number:05d}"
    ds.PatientAddress, ds.PatientTelephoneNumbers = f"1 Invented Lane, {PLACES[0]}", "+00 555 0100 200"
    ds.InstitutionName, ds.InstitutionAddress, ds.StationName = PLACES[1], f"2 Made Up Road, {PLACES[0]}", "UTOPIA7"
    ds.ReferringPhysicianName, ds.PerformingPhysicianName, ds.OperatorsName = (f"{name}^X" for name in STAFF)
    ds.DeviceSerialNumber = "SN4471-99"
    ds.StudyInstanceUID, ds.SeriesInstanceUID = _uid(p.number, 1), _uid(p.number, 1, series)
    ds.SOPInstanceUID = _uid(p.number, 1, series, place + 1)
    day = p.studied + timedelta(days=place // 5)
    ds.StudyDate, ds.SeriesDate, ds.ContentDate = f"{p.studied:%Y%m%d}", f"{day:%Y%m%d}", f"{day:%Y%m%d}"
    ds.StudyTime, ds.SeriesTime, ds.ContentTime = "081500", "0830", "084501.25"
    reference = Dataset()
    reference.ReferencedSOPClassUID = NuclearMedicineImageStorage
    reference.ReferencedSOPInstanceUID = _uid(p.number, 1, 1, 1)
    ds.SourceImageSequence = Sequence([reference])
    if modality != "OT":
        ds.FrameOfReferenceUID, ds.ManufacturerDeviceClassUID = _uid(p.number, 9), _uid(77, series)
        ds.AcquisitionDate, ds.AcquisitionTime = f"{day:%Y%m%d}", "083001"
        ds.AcquisitionDateTime = f"{day:%Y%m%d}083001.5+0100"


def _technical(ds: Dataset, modality: str) -> None:
    ds.Modality, ds.BodyPartExamined = modality, "HEART"
    ds.Manufacturer, ds.ManufacturerModelName, ds.SoftwareVersions = "Invented Scanners", f"Model {modality} 3", "4.2.1"
    ds.SeriesNumber, ds.InstanceNumber = MODALITIES.index(modality) + 1, 1


def _hide(ds: Dataset, p: Patient, place: int, rng: np.random.Generator) -> str:
    """Identifiers in free text, in requests and in private attributes; returns one for a technical attribute."""
    forms = (p.family.upper(), f"{p.given} {p.family}", p.family.lower(), f"MRN {p.mrn}", f"x{p.family}x", p.accession)
    hidden = forms[int(rng.integers(len(forms)))]
    view = str(ds.get("SeriesDescription") or "STRESS MIBI TOMO")  # a screen is known by it
    ds.StudyDescription = f"Myocardial perfusion {hidden}"
    ds.SeriesDescription = f"{view} {p.given}"
    ds.ImageComments = f"Spoke with {STAFF[0]}, call +00 555 0100 200, born {p.born:%d.%m.%Y}"
    ds.PatientComments = f"Wife of {p.given} {p.family}, {p.mrn}"
    ds.ProtocolName, ds.RequestedProcedureDescription = f"Rest {p.family}", f"SPECT for {p.given}"
    step = Dataset()
    step.ScheduledProcedureStepDescription = f"Stress test of {p.family}, Dr. {STAFF[1]}"
    ds.RequestAttributesSequence = Sequence([step])
    for group in (0x0009, 0x0055):
        block = ds.private_block(group, "INVENTED SCANNERS 1", create=True)
        block.add_new(place + 1, "LO", f"{p.family} {p.patient_id}")
        block.add_new(place + 2, "UN", p.mrn.encode())
    ds.add_new(0x60000022, "LO", f"Overlay {p.family}")
    return hidden


def _own(ds: Dataset, p: Patient, modality: str, hidden: str) -> None:
    """What only this modality has; of its technical names one hides an identifier."""
    if modality == "NM":
        window, agent, code, head = Dataset(), Dataset(), Dataset(), Dataset()
        window.EnergyWindowName = "Tc99m 140 keV"
        code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = "72454002", "SCT", "Technetium-99m"
        agent.Radiopharmaceutical, agent.RadionuclideCodeSequence = "Tc-99m MIBI", Sequence([code])
        agent.RadiopharmaceuticalStartDateTime = f"{p.studied:%Y%m%d}0730"
        head.CollimatorGridName = f"LEHR {hidden}"[:16]
        ds.EnergyWindowInformationSequence = Sequence([window])
        ds.RadiopharmaceuticalInformationSequence = Sequence([agent])
        ds.DetectorInformationSequence = Sequence([head])
    elif modality == "CT":
        ds.KVP, ds.SliceThickness, ds.ConvolutionKernel, ds.ScanOptions = "120", "2.5", "STANDARD", "AXIAL MODE"
        ds.FilterType = f"{hidden}"[:16]
    elif modality == "MR":
        ds.ScanningSequence, ds.SequenceVariant, ds.RepetitionTime, ds.SequenceName = "GR", "SS", "3.5", "tfi2d1_14"
        ds.ReceiveCoilName = f"Body {hidden}"[:16]
    elif modality == "PT":
        ds.Units, ds.DecayCorrection, ds.SeriesType = "BQML", "START", ["GATED", "IMAGE"]
        ds.ReconstructionMethod, ds.RandomsCorrectionMethod = "OSEM 2i 21s", "DLYD"
        ds.AttenuationCorrectionMethod = f"CT of {hidden}"
    else:
        ds.SecondaryCaptureDeviceManufacturerModelName = f"Grabber {hidden}"


def values(ds: Dataset, path: str) -> list[object]:
    """The elements' values at a path of keywords, in every item on the way."""
    holders = [ds]
    *sequences, last = path.split("/")
    for keyword in sequences:
        holders = [item for holder in holders if keyword in holder for item in holder[keyword].value or ()]
    return [holder[last].value for holder in holders if last in holder]


def _gone(ds: Dataset, path: str) -> str:
    """The text that must not stand there any more: all of it."""
    return str(values(ds, path)[0])
