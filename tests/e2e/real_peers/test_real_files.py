"""Tomography of real scanners, which holds no MPI screens: kept, listed and never classified."""

import re
from pathlib import Path

import pytest
from harness import PACS_AE, until
from peers import storescu
from pydicom import dcmread

FILES = sorted((Path(__file__).resolve().parents[4] / "shared" / "data" / "nm_dicom").glob("*.dcm"))


@pytest.mark.skipif(not FILES, reason="the real files are not here")
def test_real_tomography_ends_without_a_result_and_without_an_error(hospital) -> None:
    perfuscope = hospital.perfuscope
    before = len(perfuscope.log)
    storescu(perfuscope, FILES, calling=PACS_AE)
    studies = {str(dcmread(path, stop_before_pixels=True).StudyInstanceUID) for path in FILES}

    def items() -> list[dict] | None:
        found = [item for uid, item in perfuscope.results().items() if uid in studies]
        return found if len(found) == len(studies) and all(item["completed_at"] for item in found) else None

    for item in until(items, 60, "all are done"):
        assert (item["state"], item["reason"], item["label"]) == ("no_result", "no MPI screens", None)
        assert not hospital.pacs.of(item["study_instance_uid"])
    assert re.findall(r"ERROR|CRITICAL|Traceback|WARNING", perfuscope.log[before:]) == []
