"""The structured report as a DICOM object: a TID 1500 document in the patient's own study (PS3.3 A.35)."""

import warnings
from collections.abc import Sequence
from datetime import datetime

from pydicom.dataset import Dataset
from pydicom.uid import UID, Comprehensive3DSRStorage, ComprehensiveSRStorage, EnhancedSRStorage

from core import DISCLAIMER
from core.phi import Phi
from core.settings_delivery import SrClass
from dicom_node import structured_content
from dicom_node.report_content import ReportContent
from dicom_node.report_envelope import Series, envelope
from dicom_node.report_provenance import SourceReference, device_uid, reference_to, study_references
from dicom_node.structured_codes import MYOCARDIAL_PERFUSION_STUDY

SOP_CLASSES: dict[SrClass, UID] = {
    "comprehensive_3d": Comprehensive3DSRStorage,
    "comprehensive": ComprehensiveSRStorage,
    "enhanced": EnhancedSRStorage,
}
"""By what the setting ``report.sr_class`` says. The content is the same: it has no coordinates."""


def build_structured_report(
    content: ReportContent,
    source: Dataset,
    sources: Sequence[SourceReference],
    *,
    page: Dataset | None,
    sop_instance_uid: Phi,
    series_instance_uid: Phi,
    created_at: datetime,
    predecessors: Sequence[SourceReference] = (),
    sr_class: SrClass = "comprehensive_3d",
    series_number: int = 9002,
) -> Dataset:
    """What the page says, for machines: complete, preliminary, unverified, in the study that ``source`` belongs to.

    Only a label that was accepted is a finding; without a result there is no measurement either, and a text says why.
    ``page`` is the Secondary Capture beside it, ``predecessors`` are the structured reports that it replaces.
    ``source`` is as in ``report.build_secondary_capture``, and so are the errors.
    """
    report = envelope(
        source,
        Series("SR", series_instance_uid, series_number, content.title),
        sop_class_uid=SOP_CLASSES[sr_class],
        sop_instance_uid=sop_instance_uid,
        created_at=created_at,
        model=content.model,
    )
    report.DeviceSerialNumber = serial_number(content)
    _describe_document(report)
    evidence = study_references(source, [*sources, *([reference_to(page)] if page is not None else [])])
    if evidence:
        report.CurrentRequestedProcedureEvidenceSequence = evidence
    if predecessors:
        report.PredecessorDocumentsSequence = study_references(source, predecessors)
    with warnings.catch_warnings():  # pydicom's warnings print values
        warnings.simplefilter("ignore")
        root = structured_content.document(content, sources, study=source, device=device_uid(content.model))
    for element in root:
        report[element.tag] = element
    return report


def serial_number(content: ReportContent) -> str:
    """The model's SHA-256: with the software's version it tells one device of ours from another (PS3.3 C.7.5.2)."""
    return content.model.sha256[:64] if content.model else "none"


def _describe_document(report: Dataset) -> None:
    report.CompletionFlag = "COMPLETE"
    report.CompletionFlagDescription = DISCLAIMER
    report.PreliminaryFlag = "PRELIMINARY"
    report.VerificationFlag = "UNVERIFIED"
    report.PerformedProcedureCodeSequence = [MYOCARDIAL_PERFUSION_STUDY]
    report.ReferencedPerformedProcedureStepSequence = []
