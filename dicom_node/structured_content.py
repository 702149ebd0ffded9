"""The content of a structured report (PS3.16 TID 1500): who observed, a measurement group a label, and remarks."""

from collections.abc import Iterator, Sequence
from uuid import UUID, uuid5

from highdicom import sr
from pydicom.dataset import Dataset

from core import DISCLAIMER, MANUFACTURER, MODEL_NAME
from core.types import LABELS, Label, ModelIdentity, Outcome, Status, StudyPrediction
from dicom_node import report_header
from dicom_node import structured_codes as codes
from dicom_node.report_content import ReportContent
from dicom_node.report_provenance import SourceReference, ascii_only

_TRACKED = UUID("6d4b1f0a-9c55-5b1e-8d0e-5f3a0c7b2e64")
"""The name space of Tracking Unique Identifiers."""


def document(content: ReportContent, sources: Sequence[SourceReference], *, study: Dataset, device: str) -> Dataset:
    """The root of the content tree.

    ``study`` is any header of the study, ``device`` the UID of the device that observed. The measurements are there
    only with a result, and name ``sources`` as the images that they come from.
    """
    root = sr.ContainerContentItem(codes.REPORT_TITLE, template_id="1500", is_content_continuous=False)
    root.ContentSequence = sr.ContentSequence(
        [
            *sr.LanguageOfContentItemAndDescendants(sr.CodedConcept("en", "RFC5646", "English")),
            *observer(device, content.model),
            sr.CodeContentItem(codes.PROCEDURE_REPORTED, codes.MYOCARDIAL_PERFUSION_STUDY, "HAS CONCEPT MOD"),
        ]
    )
    if content.has_result and content.prediction is not None:
        groups = list(_groups(content, content.prediction, sources, study))
        root.ContentSequence.append(_container(codes.IMAGING_MEASUREMENTS, groups))
    texts = [sr.TextContentItem(codes.COMMENT, ascii_only(said, longest=1024), "CONTAINS") for said in _said(content)]
    root.ContentSequence.append(_container(codes.QUALITATIVE_EVALUATIONS, texts))
    return root


def observer(device: str, model: ModelIdentity | None) -> sr.ObserverContext:
    """The device as the one who observed (PS3.16 TID 1002, 1004): no person has looked."""
    about = sr.DeviceObserverIdentifyingAttributes(
        device,
        name=ascii_only(f"{MODEL_NAME} with {model.name} {model.version}" if model else MODEL_NAME, longest=1024),
        manufacturer_name=MANUFACTURER,
        model_name=MODEL_NAME,
        serial_number=model.sha256 if model else None,
    )
    return sr.ObserverContext(codes.DEVICE, about)


def finding(content: ReportContent, label: Label) -> sr.CodedConcept | None:
    """What is found of ``label``: it, if it was accepted; that it is equivocal, if it comes first but needs review."""
    said = content.prediction
    if said is None or not content.has_result or label is not said.label:
        return None
    accepted = content.outcome is Outcome.ACCEPTED and said.status is Status.ACCEPTED
    return codes.FINDINGS[label] if accepted else codes.EQUIVOCAL


def _groups(
    content: ReportContent, said: StudyPrediction, sources: Sequence[SourceReference], study: Dataset
) -> Iterator[sr.ContentItem]:
    uid = report_header.text(study, "StudyInstanceUID")
    algorithm, sites = _algorithm(content.model), [sr.FindingSite(codes.MYOCARDIUM)]
    images = [sr.SourceImageForMeasurementGroup(one.sop_class_uid, one.sop_instance_uid.reveal()) for one in sources]
    for label in LABELS:
        yield from sr.MeasurementsAndQualitativeEvaluations(
            # Of one study and label the same in every revision: that is what is tracked.
            sr.TrackingIdentifier(f"2.25.{uuid5(_TRACKED, f'{uid} {label}').int}", f"Perfuscope MPI {label.value}"),
            finding_type=finding(content, label),
            algorithm_id=algorithm,
            finding_sites=sites,
            measurements=[sr.Measurement(codes.PROBABILITY, said.probabilities[label], codes.NO_UNITS)],
            source_images=images,
        )


def _algorithm(model: ModelIdentity | None) -> sr.AlgorithmIdentification | None:
    if model is None:
        return None
    return sr.AlgorithmIdentification(
        ascii_only(model.name),
        ascii_only(model.version),
        parameters=[ascii_only(f"Model SHA-256 {model.sha256}", longest=256)],
        family=codes.ARTIFICIAL_INTELLIGENCE,
    )


def _said(content: ReportContent) -> Iterator[str]:
    """What people are to read, sentence by sentence; no label is named."""
    yield DISCLAIMER
    yield content.about_model.statement
    if content.outcome is Outcome.NEEDS_REVIEW:
        yield "Needs review: no label is probable enough to be a finding."
    elif not content.has_result:
        yield f"No result: {content.reason.sentence if content.reason else content.outcome.value}."
        yield from content.notes
    yield f"Revision {content.revision}."
    if content.replaces is not None:
        gone = " Its result is withdrawn." if content.withdraws else ""
        yield f"Replaces revision {content.replaces}.{gone}"


def _container(name: sr.CodedConcept, items: Sequence[sr.ContentItem]) -> sr.ContainerContentItem:
    made = sr.ContainerContentItem(name, is_content_continuous=False, relationship_type="CONTAINS")
    made.ContentSequence = sr.ContentSequence(items)
    return made
