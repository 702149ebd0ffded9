"""The report objects of a case, built together: the page, and the structured report that says the same to machines."""

import hashlib
import warnings
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from uuid import uuid4

import pydicom
from pydicom.dataset import Dataset
from pydicom.uid import generate_uid

from core.phi import Phi
from core.settings_delivery import ReportSettings
from db import reports
from db.reports import NewReport
from db.tables import Case, Report
from dicom_node import report, structured_report
from dicom_node.inbox import Inbox
from dicom_node.layouts import Layout
from dicom_node.report import SourceReference
from worker.pipeline import material
from worker.pipeline.material import Material


@dataclass(frozen=True, slots=True)
class Building:
    """Builds a case's objects and writes their bytes to the store; what becomes of the rows is the caller's matter."""

    inbox: Inbox
    layouts: Sequence[Layout]
    settings: ReportSettings

    def build(self, found: Material, now: datetime, *, page_is_sent: bool = True) -> list[NewReport]:
        """The page first; the structured report names it as evidence if anybody gets it.

        Raises Unavailable where no header of the study can be read.
        """
        header = material.header(found, self.inbox)
        local = now.astimezone(report.zone_of(header) or self.settings.zone)
        content = material.content(found, header, self.layouts, local, show_patient=self.settings.show_patient)
        sources = [SourceReference(i.sop_class_uid, i.sop_instance_uid, i.series_instance_uid) for i in found.instances]
        page = report.build_secondary_capture(
            content,
            header,
            sources,
            sop_instance_uid=_new_uid(),
            series_instance_uid=_new_uid(),
            created_at=local,
        )
        structured = structured_report.build_structured_report(
            content,
            header,
            sources,
            page=page if page_is_sent else None,
            sop_instance_uid=_new_uid(),
            series_instance_uid=_new_uid(),
            created_at=local,
            predecessors=[self._reference(before) for before in found.predecessors],
            sr_class=self.settings.sr_class,
        )
        return [
            stored(page, reports.page_kind(found.case), found.case, self.inbox),
            stored(structured, reports.STRUCTURED, found.case, self.inbox),
        ]

    def _reference(self, before: Report) -> SourceReference:
        """Of the class that it was built as; where retention deleted its file, of the one that the settings name."""
        sop_class_uid = str(structured_report.SOP_CLASSES[self.settings.sr_class])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # pydicom's warnings print attribute values
            with suppress(OSError):
                header = pydicom.dcmread(self.inbox.path(before.path), specific_tags=["SOPClassUID"])
                sop_class_uid = str(header.SOPClassUID)
        return SourceReference(sop_class_uid, before.sop_instance_uid, before.series_instance_uid)


def stored(made: Dataset, kind: str, case: Case, inbox: Inbox) -> NewReport:
    """Write an object's bytes to the store; the row that they belong to. OSError where there is no room."""
    data, report_id = report.to_bytes(made), uuid4()
    return NewReport(
        id=report_id,
        study_id=case.study_id,
        case_id=case.id,
        kind=kind,
        sop_instance_uid=Phi(made.SOPInstanceUID),
        series_instance_uid=Phi(made.SeriesInstanceUID),
        path=inbox.write(data, report_id),
        sha256=hashlib.sha256(data).hexdigest(),
    )


def _new_uid() -> Phi:
    return Phi(generate_uid(prefix=None))
