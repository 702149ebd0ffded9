"""The Nuclear Medicine modules of the raw tomography (PS3.3 C.8.4): one detector, one energy window, one rotation."""

import numpy as np
from pydicom import Dataset
from pydicom.sequence import Sequence
from pydicom.tag import Tag

from training.phantom.anatomy import MATRIX
from training.phantom.imaging import Scan
from training.phantom.projections import START_DEGREES, STEP_DEGREES, VIEWS, project

_RADIUS_MM = 250
_VIEW_MS = 25_000
_VECTORS = (0x00540010, 0x00540020, 0x00540050, 0x00540090)
"""Energy window, detector, rotation and angular view: the frame increment pointer of a TOMO image."""


def _code(value: str, scheme: str, meaning: str) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    return item


def _energy_window() -> Dataset:
    window, limits = Dataset(), Dataset()
    limits.EnergyWindowLowerLimit, limits.EnergyWindowUpperLimit = "126.45", "154.55"
    window.EnergyWindowRangeSequence = Sequence([limits])
    window.EnergyWindowName = "Tc99m"
    return window


def _isotope() -> Dataset:
    item = Dataset()
    item.RadionuclideCodeSequence = Sequence([_code("72454002", "SCT", "^99m^Technetium")])
    item.RadiopharmaceuticalCodeSequence = Sequence([_code("404707004", "SCT", "Technetium Tc^99m^ sestamibi")])
    return item


def _detector(voxel_mm: float) -> Dataset:
    """The camera's head in its first position."""
    angle = np.radians(START_DEGREES)
    across = np.array([-np.cos(angle), np.sin(angle), 0.0])
    corner = (
        _RADIUS_MM * np.array([np.sin(angle), np.cos(angle), 0.0])
        + (np.array([0, 0, 1.0]) - across) * (MATRIX - 1) / 2 * voxel_mm
    )
    item = Dataset()
    item.CollimatorGridName, item.CollimatorType = "LEHR", "PARA"
    item.FocalDistance = 0
    item.XFocusCenter, item.YFocusCenter = "0", "0"
    item.ZoomFactor, item.ZoomCenter = ["1", "1"], ["0", "0"]
    item.ImagePositionPatient = [f"{v:.4f}" for v in corner]
    item.ImageOrientationPatient = [f"{v:.6f}" for v in (*across, 0.0, 0.0, -1.0)]
    return item


def _rotation() -> Dataset:
    item = Dataset()
    item.StartAngle, item.AngularStep, item.ScanArc = (
        f"{START_DEGREES:g}",
        f"{STEP_DEGREES:g}",
        f"{STEP_DEGREES * VIEWS:g}",
    )
    item.RotationDirection = "CW"
    item.RadialPosition = f"{_RADIUS_MM}"
    item.ActualFrameDuration = _VIEW_MS
    item.NumberOfFramesInRotation = VIEWS
    return item


def _add_orientation(ds: Dataset) -> None:
    recumbent = _code("102538003", "SCT", "recumbent")
    recumbent.PatientOrientationModifierCodeSequence = Sequence([_code("40199007", "SCT", "supine")])
    ds.PatientOrientationCodeSequence = Sequence([recumbent])
    ds.PatientGantryRelationshipCodeSequence = Sequence([_code("102540008", "SCT", "headfirst")])


def add_tomography(ds: Dataset, scan: Scan, *, rng: np.random.Generator) -> None:
    """Fill in a scan's projections and the modules that describe them; patient, study and series are there."""
    frames = project(scan, rng=rng)
    voxel_mm = scan.acquisition.voxel_mm
    ds.Modality = "NM"
    ds.ImageType = ["ORIGINAL", "PRIMARY", "TOMO", "EMISSION"]
    ds.AcquisitionDate, ds.AcquisitionTime = ds.ContentDate, ds.ContentTime
    ds.PositionReferenceIndicator = ""
    ds.CountsAccumulated = int(frames.sum())
    ds.AcquisitionTerminationCondition = "TIME"
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.NumberOfFrames = VIEWS
    ds.FrameIncrementPointer = [Tag(vector) for vector in _VECTORS]
    ds.Rows = ds.Columns = MATRIX
    ds.PixelSpacing = [f"{voxel_mm:g}", f"{voxel_mm:g}"]
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 16, 15, 0
    ds.EnergyWindowVector = ds.DetectorVector = ds.RotationVector = [1] * VIEWS
    ds.NumberOfEnergyWindows = ds.NumberOfDetectors = ds.NumberOfRotations = 1
    ds.EnergyWindowInformationSequence = Sequence([_energy_window()])
    ds.RadiopharmaceuticalInformationSequence = Sequence([_isotope()])
    ds.DetectorInformationSequence = Sequence([_detector(voxel_mm)])
    ds.RotationInformationSequence = Sequence([_rotation()])
    ds.AngularViewVector = list(range(1, VIEWS + 1))
    ds.TypeOfDetectorMotion = "STEP AND SHOOT"
    _add_orientation(ds)
    ds.PixelData = frames.astype("<u2").tobytes()
