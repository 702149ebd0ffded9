"""What the reports of a study cost: page and structured report, from crops and answer to the bytes that are sent."""

import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from pydicom import Dataset
from row import Row

from core.maps import Maps
from core.phi import Phi
from core.pixels import RgbImage
from core.types import ModelIdentity, Outcome, Probabilities, Status, StudyPrediction, View, ViewPrediction
from dicom_node import layouts, report, structured_report
from dicom_node.report import SourceReference
from dicom_node.report_content import AboutModel, ReportContent
from dicom_node.report_header import Header
from training.phantom import cohort, dicom

_STUDIES = 20
_AT = datetime(2026, 1, 15, 23, 30, 5, tzinfo=UTC)
_SHARES = Probabilities(0.1, 0.8, 0.1)


@dataclass(frozen=True)
class _Study:
    """A simulated study, ready for its reports."""

    content: ReportContent
    header: Dataset
    sources: list[SourceReference]


def rows() -> Iterator[Row]:
    """CPU time of this process, medians over studies; the first, which loads fonts, is not counted."""
    studies = [_study(index) for index in range(4)]
    pages, documents = [], []
    for number in range(_STUDIES + 1):
        study = studies[number % len(studies)]
        began = time.process_time()
        page = _page(study)
        report.to_bytes(page)
        between = time.process_time()
        report.to_bytes(_structured(study, page))
        documents.append((time.process_time() - between) * 1000)
        pages.append((between - began) * 1000)
    both = [one + other for one, other in zip(pages[1:], documents[1:], strict=True)]
    yield Row("CPU to build the page of a study", f"{statistics.median(pages[1:]):.0f} ms")
    yield Row("CPU to build the structured report of a study", f"{statistics.median(documents[1:]):.0f} ms")
    slowest = f"slowest of {_STUDIES}: {max(both):.0f} ms"
    yield Row("CPU to build both reports of a study", f"{statistics.median(both):.0f} ms", slowest, "< 150 ms")


def _page(study: _Study) -> Dataset:
    uids = {"sop_instance_uid": Phi("2.25.77001"), "series_instance_uid": Phi("2.25.77002")}
    return report.build_secondary_capture(study.content, study.header, study.sources, created_at=_AT, **uids)


def _structured(study: _Study, page: Dataset) -> Dataset:
    uids = {"sop_instance_uid": Phi("2.25.77003"), "series_instance_uid": Phi("2.25.77004")}
    return structured_report.build_structured_report(
        study.content, study.header, study.sources, page=page, created_at=_AT, **uids
    )


def _study(index: int) -> _Study:
    screens = dicom.datasets(cohort.simulate(11, index))[:3]
    kept = dict(_kept(ds) for ds in screens)
    return _Study(
        ReportContent(
            header=Header.of(screens[0]),
            revision=1,
            outcome=Outcome.ACCEPTED,
            created_at=_AT,
            prediction=StudyPrediction(_SHARES, Status.ACCEPTED, {view: _answer(view) for view in View}, 20.0),
            model=ModelIdentity("bench", "1.0.0", "0123456789abcdef" * 4),
            about_model=AboutModel(review_below=0.6),
            crops={view: one[0] for view, one in kept.items()},
            panels={view: one[1] for view, one in kept.items()},
            maps={view: one[2] for view, one in kept.items()},
        ),
        screens[0],
        [SourceReference(ds.SOPClassUID, Phi(ds.SOPInstanceUID), Phi(ds.SeriesInstanceUID)) for ds in screens],
    )


def _kept(ds: Dataset) -> tuple[View, tuple[RgbImage, tuple[str, ...], Maps]]:
    pixels = np.frombuffer(ds.PixelData, np.uint8).reshape(ds.Rows, ds.Columns, 3)
    found = layouts.recognise(pixels, layouts.shipped())
    crop = layouts.crop(pixels, found)
    return found.view, (crop.pixels, tuple(p.name for p in found.screen.panels), layouts.maps_of(crop, found.layout))


def _answer(view: View) -> ViewPrediction:
    activation = np.random.default_rng(list(View).index(view)).random((7, 7, 3)).astype(np.float32)
    return ViewPrediction(view, _SHARES, (0.0, 0.0, 0.0), activation)
