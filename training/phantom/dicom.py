"""The DICOM study of a simulated patient: three captured screens and the raw tomography beside them.

Everything is a function of the patient: UIDs come from the seed, no clock is read, writing twice gives the same bytes.
"""

from datetime import timedelta
from pathlib import Path

import numpy as np
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    UID,
    ExplicitVRLittleEndian,
    NuclearMedicineImageStorage,
    RLELossless,
    SecondaryCaptureImageStorage,
)
from rle.utils import encode_pixel_data

from core import __version__
from core.pixels import RgbImage
from core.types import View
from training.phantom.identity import uid
from training.phantom.pages import COLUMNS
from training.phantom.patient import SimulatedPatient
from training.phantom.population import DEFAULT
from training.phantom.rawnm import add_tomography

MANUFACTURER = "Perfuscope Simulator"
RAW_NM = "raw_nm"
_IMPLEMENTATION = UID("2.25.291361874470537463190374217632706531113")
_RAW_SERIES = (1, "STRESS MIBI TOMO")
_MINUTES_TO_SCREENS = 95


def _file_meta(ds: Dataset) -> FileMetaDataset:
    meta = FileMetaDataset()
    meta.FileMetaInformationVersion = b"\x00\x01"
    meta.MediaStorageSOPClassUID = ds.SOPClassUID
    meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID = _IMPLEMENTATION
    meta.ImplementationVersionName = "PERFUSCOPE_SIM"
    return meta


def _study(patient: SimulatedPatient) -> str:
    """What tells a patient's simulated studies apart: the label and, but for the first, page and population."""
    # By name: a population that was sent to another process is equal to the first, not the same object.
    page, population = patient.page.name, patient.examination.population.name
    told = [name for name, first in ((page, COLUMNS.name), (population, DEFAULT.name)) if name != first]
    return "/".join([patient.label.value, *told])


def _common(patient: SimulatedPatient, what: str, *, series: tuple[int, str], minutes: int) -> Dataset:
    """What every object says of patient, study, series and equipment; made ``minutes`` after the study began."""
    identity, seed, index = patient.identity, patient.examination.seed, patient.index
    study = _study(patient)
    name = f"{study}/{what}"
    ds = Dataset()
    ds.SpecificCharacterSet = "ISO_IR 100"
    ds.SOPInstanceUID = uid(seed, index, f"{name}/instance")
    ds.StudyDate, ds.StudyTime = f"{identity.study_at:%Y%m%d}", f"{identity.study_at:%H%M%S}"
    ds.SeriesDate = ds.ContentDate = ds.StudyDate
    ds.SeriesTime = ds.ContentTime = f"{identity.study_at + timedelta(minutes=minutes):%H%M%S}"
    ds.AccessionNumber = identity.accession_number
    ds.Manufacturer = MANUFACTURER
    ds.InstitutionName = "Simulated, no institution"
    ds.ReferringPhysicianName = "NOBODY^REFERRING"
    ds.StudyDescription = "Simulated myocardial perfusion, stress and rest"
    ds.SeriesDescription = series[1]
    ds.ManufacturerModelName = patient.page.model_name
    ds.SoftwareVersions = __version__
    ds.PatientName, ds.PatientID = identity.name, identity.patient_id
    ds.PatientBirthDate, ds.PatientSex = f"{identity.birth_date:%Y%m%d}", identity.sex
    ds.PatientAge = f"{identity.age_years:03d}Y"
    ds.BodyPartExamined = "HEART"
    ds.StudyInstanceUID = uid(seed, index, f"{study}/study")
    ds.SeriesInstanceUID = uid(seed, index, f"{name}/series")
    ds.StudyID = f"S{index % 10**8:08d}"
    ds.SeriesNumber, ds.InstanceNumber = series[0], 1
    return ds


def _screen(patient: SimulatedPatient, view: View) -> Dataset:
    """One screen as Secondary Capture (PS3.3 A.8.1), as archives hold them: Modality OT, name burned in."""
    pixels: RgbImage = patient.screens[view]
    minutes = _MINUTES_TO_SCREENS + list(View).index(view)
    ds = _common(patient, view.value, series=patient.page.series[view], minutes=minutes)
    ds.SOPClassUID = SecondaryCaptureImageStorage
    ds.Modality = "OT"
    ds.ConversionType = "WSD"
    ds.ImageType = ["DERIVED", "SECONDARY"]
    ds.BurnedInAnnotation = "YES"
    ds.PatientOrientation = ""
    ds.SamplesPerPixel, ds.PhotometricInterpretation, ds.PlanarConfiguration = 3, "RGB", 0
    ds.Rows, ds.Columns = pixels.shape[:2]
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 8, 8, 7, 0
    ds.PixelData = pixels.tobytes()
    ds.file_meta = _file_meta(ds)
    return ds


def _raw(patient: SimulatedPatient) -> Dataset:
    """The projections of the stress acquisition as Nuclear Medicine Image (PS3.3 A.5)."""
    ds = _common(patient, RAW_NM, series=_RAW_SERIES, minutes=0)
    ds.SOPClassUID = NuclearMedicineImageStorage
    seed, index = patient.examination.seed, patient.index
    ds.FrameOfReferenceUID = uid(seed, index, f"{_study(patient)}/frame of reference")
    add_tomography(ds, patient.stress.scan, rng=np.random.default_rng([seed, index, 7]))
    ds.file_meta = _file_meta(ds)
    return ds


def datasets(patient: SimulatedPatient) -> list[Dataset]:
    """The study's four objects with file meta: the screens in the order of ``View``, then the raw projections."""
    return [*(_screen(patient, view) for view in View), _raw(patient)]


def _compress(ds: Dataset) -> None:
    """Turn a screen's own pixels into RLE Lossless (PS3.5 annex G); nothing is lost, so the SOP Instance UID stays."""
    ds.PixelData = encapsulate([encode_pixel_data(ds.PixelData, ds)])
    ds["PixelData"].is_undefined_length = True
    ds.file_meta.TransferSyntaxUID = RLELossless


def write_study(patient: SimulatedPatient, folder: Path, *, rle: bool = False) -> list[Path]:
    """Write {qps,stress_qgs,rest_qgs,raw_nm}.dcm into ``folder``, the screens in RLE if asked; returns the paths."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, ds in zip([*(view.value for view in View), RAW_NM], datasets(patient), strict=True):
        if rle and name != RAW_NM:
            _compress(ds)
        path = folder / f"{name}.dcm"
        ds.save_as(path, enforce_file_format=True)
        paths.append(path)
    return paths
