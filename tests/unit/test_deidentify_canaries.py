"""Nothing that the table names, and nothing hidden where tables do not look, is found again after de-identification."""

import io
import subprocess
import sys
from pathlib import Path

import pytest
from planting import NESTS, Canaries, as_unknown_vr, full, header, known_tags
from pydicom import Dataset, dcmread
from pydicom.sequence import Sequence

from core.errors import Rejected
from dicom_node.deidentify import Dates, Key, Refusal, deidentify
from dicom_node.deidentify.tree import MAX_DEPTH

KEY = Key(bytes(range(32)))


def written(ds: Dataset) -> bytes:
    file = io.BytesIO()
    ds.save_as(file, enforce_file_format=True)
    return file.getvalue()


def read_back(ds: Dataset) -> Dataset:
    """As it comes from a file, with values that nobody has converted yet."""
    file = io.BytesIO()
    ds.save_as(file, implicit_vr=False, little_endian=True)
    return dcmread(io.BytesIO(file.getvalue()), force=True)


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("dates", Dates)
@pytest.mark.parametrize("from_file", [False, True], ids=["built", "read"])
def test_no_canary_of_any_attribute_or_place_is_left(dates, from_file):
    canaries = Canaries()
    ds = full(canaries)
    if from_file:
        for foreign in (0x00041130, 0x00280400, 0x00280402, 0x10000010):
            del ds[foreign]  # pydicom writes them, and refuses to read them
        ds = read_back(ds)
    clean = deidentify(ds, key=KEY, dates=dates)
    assert len(canaries) > 2500
    assert canaries.left_in(written(clean), clean, times=dates is Dates.REMOVED) == []


def test_with_moved_dates_no_date_stays_where_it_was():
    ds = full(Canaries())
    clean = deidentify(ds, key=KEY, dates=Dates.MODIFIED)
    before = {(e.tag, str(e.value)) for e in ds.iterall() if e.VR in {"DA", "DT"}}
    after = {(e.tag, str(e.value)) for e in clean.iterall() if e.VR in {"DA", "DT"} and e.value}
    assert after
    assert before.isdisjoint(after)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_no_canary_is_left_of_attributes_that_came_in_vr_un():
    canaries = Canaries()
    ds = read_back(as_unknown_vr(canaries))
    assert len(canaries) > 400
    clean = deidentify(ds, key=KEY)
    assert canaries.left_in(written(clean), clean) == []


def test_the_table_is_the_edition_of_2026_and_reaches_three_levels_down():
    assert len(known_tags()) > 590
    clean = deidentify(full(Canaries()), key=KEY)
    item = clean
    for keyword in NESTS:
        item = item[keyword].value[0]
    assert "PatientID" in item


def test_technical_attributes_stay():
    ds = header()
    ds.SoftwareVersions, ds.KVP, ds.SliceThickness = "6.1", "120", "4"
    ds.EnergyWindowInformationSequence = Sequence([Dataset()])
    ds.EnergyWindowInformationSequence[0].EnergyWindowName = "Tc99m"
    clean = deidentify(ds, key=KEY)
    for keyword in ("Manufacturer", "ManufacturerModelName", "SoftwareVersions", "KVP", "SliceThickness", "Rows"):
        assert clean[keyword].value == ds[keyword].value
    assert clean.EnergyWindowInformationSequence[0].EnergyWindowName == "Tc99m"


def test_uids_and_pseudonyms_are_the_same_in_another_process():
    script = """
import sys
sys.path.insert(0, "tests")
from planting import Canaries, full
from dicom_node.deidentify import Key, deidentify
ds = deidentify(full(Canaries()), key=Key(bytes(range(32))))
print([str(e.value) for e in ds.iterall() if e.VR in {"UI", "PN", "LO"}])
"""
    root = Path(__file__).parents[2]
    other = subprocess.run(
        [sys.executable, "-c", script], cwd=root, capture_output=True, text=True, check=True, timeout=60
    )
    ds = deidentify(full(Canaries()), key=KEY)
    assert other.stdout.strip() == str([str(e.value) for e in ds.iterall() if e.VR in {"UI", "PN", "LO"}])
    assert "2.25." in other.stdout


def test_the_argument_stays_as_it_is():
    ds = full(Canaries())
    before = written(ds)
    deidentify(ds, key=KEY)
    assert written(ds) == before


def nested(depth: int) -> Dataset:
    ds = header()
    holder = ds
    for _ in range(depth):
        item = Dataset()
        holder.ContentSequence = Sequence([])
        holder.ViewCodeSequence = Sequence([item])
        holder = item
    holder.PatientName = "INVENTED^DEEP"
    return ds


def test_sequences_are_followed_as_deep_as_the_limit():
    assert b"INVENTED" not in written(deidentify(nested(MAX_DEPTH), key=KEY))


@pytest.mark.parametrize("depth", [MAX_DEPTH + 1, 3000])
def test_sequences_nested_too_deep_are_refused_with_a_code(depth):
    with pytest.raises(Rejected) as caught:
        deidentify(nested(depth), key=KEY)
    assert caught.value.detail == Refusal.NESTED_TOO_DEEP
