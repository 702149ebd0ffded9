"""Where a report comes from: the images it was made from and the equipment that made it (PS3.3 C.7.6.1, C.12.1)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from pydicom.dataset import Dataset

from core import MANUFACTURER, MODEL_NAME, __version__
from core.phi import Phi
from core.types import ModelIdentity


@dataclass(frozen=True, slots=True)
class SourceReference:
    """An instance that a report was made from."""

    sop_class_uid: str
    sop_instance_uid: Phi
    series_instance_uid: Phi


def refer_to_sources(report: Dataset, sources: Sequence[SourceReference]) -> None:
    """Name every source image with its purpose, and all of them again by series."""
    series: dict[Phi, Dataset] = {}
    images = []
    for source in sources:
        image = _reference(source)
        image.PurposeOfReferenceCodeSequence = [_code("121322", "Source image for image processing operation")]
        images.append(image)
        if source.series_instance_uid not in series:
            series[source.series_instance_uid] = Dataset()
            series[source.series_instance_uid].SeriesInstanceUID = source.series_instance_uid.reveal()
            series[source.series_instance_uid].ReferencedInstanceSequence = []
        series[source.series_instance_uid].ReferencedInstanceSequence.append(_reference(source))
    if images:
        report.SourceImageSequence = images
        report.ReferencedSeriesSequence = list(series.values())


def _reference(source: SourceReference) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID = source.sop_class_uid
    item.ReferencedSOPInstanceUID = source.sop_instance_uid.reveal()
    return item


def describe_equipment(report: Dataset, model: ModelIdentity | None, at: datetime) -> None:
    """Name Perfuscope and the model as the equipment that processed the sources."""
    equipment = Dataset()
    equipment.PurposeOfReferenceCodeSequence = [_code("109102", "Processing Equipment")]
    equipment.Manufacturer = MANUFACTURER
    equipment.ManufacturerModelName = MODEL_NAME
    equipment.SoftwareVersions = [ascii_only(__version__)]
    equipment.ContributionDateTime = at.strftime("%Y%m%d%H%M%S.%f%z")
    equipment.ContributionDescription = "Classification of myocardial perfusion screens"
    if model is not None:
        equipment.SoftwareVersions = [ascii_only(part) for part in (__version__, model.name, model.version)]
        equipment.ContributionDescription += ascii_only(f"; model SHA-256 {model.sha256}", longest=256)
    report.ContributingEquipmentSequence = [equipment]


def ascii_only(text: str, *, longest: int = 64) -> str:
    """The text with only what every character set shares, without backslashes, cut to what LO can hold."""
    return "".join(c if " " <= c <= "~" and c != "\\" else "_" for c in text)[:longest]


def _code(value: str, meaning: str) -> Dataset:
    item = Dataset()
    item.CodeValue = value
    item.CodingSchemeDesignator = "DCM"
    item.CodeMeaning = meaning
    return item
