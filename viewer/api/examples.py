"""Examples for the API's document. The patient is invented."""

from typing import Any

from core import DISCLAIMER
from db import statistics_table, worklist_table

_ID = "7d1c2f0e-3b8a-4c52-9f6e-0a9b1c2d3e4f"
_CURSOR = "1795766400.000000_7d1c2f0e3b8a4c529f6e0a9b1c2d3e4f"
_SAID = {"normal": 0.12, "ischemia": 0.81, "infarction": 0.07}
_MODEL = {"name": "mobilenet-sim-2", "version": "1", "sha256": "0" * 64}
_VIEWS = [{"view": view, "label": "ischemia", "probabilities": _SAID} for view in ("qps", "rest_qgs", "stress_qgs")]
_REPORT = {"kind": "sc", "sop_instance_uid": "2.25.1234", "destination": "pacs", "state": "committed"}
_RESULT: dict[str, Any] = {
    "study_id": _ID,
    "state": "accepted",
    "revision": 1,
    "label": "ischemia",
    "status": "accepted",
    "probabilities": _SAID,
    "model": _MODEL,
    "completed_at": "2026-11-27T08:00:02.140000+00:00",
    "reason": None,
}
_ITEM: dict[str, Any] = _RESULT | {
    "study_instance_uid": "2.25.99",
    "patient_id": "T-001",
    "accession_number": "A1",
    "views": [view | {"sop_instance_uid": f"2.25.99.{n}"} for n, view in enumerate(_VIEWS)],
    "received_at": "2026-11-27T08:00:00+00:00",
    "reports": [_REPORT],
    "standing": "agreed",
    "reviews": [{"reader": "reader-one", "label": "ischemia", "confidence": "high", "at": "2026-11-27T09:30:00+00:00"}],
}
STUDIES = {"items": [_ITEM], "next_cursor": _CURSOR, "disclaimer": DISCLAIMER}
STUDY = _ITEM | {
    "reports": [_REPORT | {"revision": 1}],
    "objects": [
        {
            "kind": "OT",
            "description": "QPS",
            "view": "qps",
            "state": "prepared",
            "reason": None,
            "decision": None,
            "purged_at": None,
            "sop_instance_uid": "2.25.99.0",
        }
    ],
    "revisions": [
        {
            "revision": 1,
            "stage": "done",
            "outcome": "accepted",
            "label": "ischemia",
            "reason": None,
            "superseded": None,
        }
    ],
}
PREDICTIONS = {"items": [_RESULT | {"views": _VIEWS}], "next_cursor": _CURSOR, "disclaimer": DISCLAIMER}
REPORTS = {
    "items": [_REPORT | {"study_id": _ID, "revision": 1}],
    "next_cursor": _CURSOR,
    "disclaimer": DISCLAIMER,
}
_COUNTS = {
    "studies": 12,
    "normal": 7,
    "ischemia": 2,
    "infarction": 1,
    "needs_review": 1,
    "no_result": 1,
    "quarantined": 0,
    "at_work": 0,
}
STATISTICS = {
    "since": "2026-11-26T00:00:00+00:00",
    "until": "2026-11-27T00:00:00+00:00",
    "model": "mobilenet-sim-2 1",
    "days": [{"day": "2026-11-26", **_COUNTS}],
    "stations": [{"station": "XELERIS", **_COUNTS, "timed": 11, "median_s": 0.4, "p95_s": 0.9}],
    "reasons": [{"reason": "incomplete", "sentence": "incomplete", "studies": 1}],
    "drift": [
        {
            "station": "XELERIS",
            "figure": "review",
            "hits": 1,
            "n": 11,
            "share": 0.0909,
            "low": 0.0162,
            "high": 0.3774,
            "reference_hits": 71,
            "reference_n": 816,
            "reference_share": 0.087,
            "standard_errors": 0.05,
            "beyond_chance": False,
            "model": "mobilenet-sim-2 1",
        }
    ],
    "agreement": [
        {
            "station": "(all)",
            "with": "model",
            "label": None,
            "agreed": 9,
            "n": 10,
            "share": 0.9,
            "low": 0.5958,
            "high": 0.9821,
        }
    ],
    "kappa": [
        {
            "first": "reader-one",
            "second": "(model)",
            "agreed": 27,
            "n": 30,
            "expected": 0.4844,
            "kappa": 0.8061,
            "low": 0.5031,
            "high": 0.9329,
        }
    ],
    "disclaimer": DISCLAIMER,
}
STUDIES_CSV = ",".join(worklist_table.COLUMNS) + "\n"
_EVENT: dict[str, Any] = {
    "id": _ID,
    "at": "2026-11-27T08:10:00+00:00",
    "actor": "user:ada",
    "action": "view",
    "study_id": _ID,
    "subject": None,
    "detail": "study",
}
TRAIL = {"items": [_EVENT], "next_cursor": _CURSOR}
STATISTICS_CSV = ",".join(statistics_table.columns(statistics_table.Subject.DAYS)) + "\n2026-11-26,12,7,2,1,1,1,0,0\n"
