"""De-identified objects before dciodvfy (dicom3tools): no error that the source had not."""

import shutil
import subprocess
from collections import Counter
from pathlib import Path

import pytest
from pydicom import dcmread

from dicom_node import layouts
from dicom_node.deidentify import Dates, Key, export_object
from training.phantom import cohort
from training.phantom.dicom import write_study

KEY = Key(bytes(range(32)))
REAL = Path(__file__).parents[3] / "shared" / "data" / "nm_dicom"
_NO_MATTER = "Warning - Missing attribute or value that would be needed to build DICOMDIR"
"""Study Date and Study ID may be empty in an image; the profile empties them."""


def complaints(path: Path) -> Counter[str]:
    tool = shutil.which("dciodvfy")
    if tool is None:
        pytest.fail("dciodvfy is missing: apt-get install dicom3tools", pytrace=False)
    done = subprocess.run([tool, str(path)], capture_output=True, check=False, timeout=60)
    said = (done.stdout + done.stderr).decode(errors="replace").splitlines()
    return Counter(line for line in said if line.startswith(("Error", "Warning")) and not line.startswith(_NO_MATTER))


@pytest.fixture(scope="module")
def simulated(tmp_path_factory) -> list[Path]:
    folder = tmp_path_factory.mktemp("studies")
    return [
        path
        for layout in ("qps-qgs-1280", "strips-1024")
        for path in write_study(cohort.simulate(11, 3, layout=layout), folder / layout, rle=True)
    ]


def new_complaints(source: Path, out: Path, dates: Dates) -> Counter[str]:
    exported = export_object(source, layouts=layouts.shipped(), key=KEY, dates=dates)
    exported.ds.save_as(out, enforce_file_format=True)
    return complaints(out) - complaints(source)


@pytest.mark.parametrize("dates", Dates)
def test_simulated_screens_and_raw_data_come_out_valid(simulated, dates, tmp_path):
    found = {path.stem: new_complaints(path, tmp_path / "out.dcm", dates) for path in simulated}
    assert len(simulated) == 8
    assert not any(found.values()), found


@pytest.mark.parametrize("dates", Dates)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_real_nuclear_medicine_gets_no_new_error_and_keeps_its_pixels(dates, tmp_path):
    sources = sorted(REAL.glob("*.dcm"))
    if not sources:
        pytest.skip(f"no {REAL.name}")
    for source in sources:
        assert new_complaints(source, tmp_path / "out.dcm", dates) == Counter()
        before, after = dcmread(source), dcmread(tmp_path / "out.dcm")
        assert after.PixelData == before.PixelData
        assert str(after.PatientID).startswith("P")
        assert str(after.PatientName) == f"{after.PatientID}^{after.PatientID}"
