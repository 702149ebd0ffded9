"""Dates: moved together by one patient's days, or gone; what is written is valid either way."""

from datetime import date, timedelta

import pytest
from planting import header
from pydicom import Dataset

from dicom_node.deidentify import Dates, Key, deidentify
from dicom_node.deidentify.dates import shift, shifted

KEY = Key(bytes(range(32)))
WEEK_BACK = timedelta(days=-7)


def study(patient_id: str, issuer: str = "INVENTED HOSPITAL", **dates: str) -> Dataset:
    ds = header()
    ds.PatientID, ds.IssuerOfPatientID, ds.PatientBirthDate = patient_id, issuer, "19500505"
    for keyword, value in dates.items():
        setattr(ds, keyword, value)
    return ds


def as_day(text: str) -> date:
    return date(int(text[:4]), int(text[4:6]), int(text[6:8]))


@pytest.mark.parametrize(
    ("value", "vr", "expected"),
    [
        ("20260115", "DA", "20260108"),
        ("20260301", "DA", "20260222"),
        ("2026.01.15", "DA", "20260108"),
        ("20260115 ", "DA", "20260108"),
        ("20260230", "DA", None),
        ("00010103", "DA", None),
        ("20260101-20260105", "DA", None),
        ("yesterday", "DA", None),
        ("20260115093000.5+0100", "DT", "20260108093000.5+0100"),
        ("20260115093000-1200", "DT", "20260108093000-1200"),
        ("20260115+1430", "DT", None),
        ("202601", "DT", "202512"),
        ("2026", "DT", "2025"),
        ("2026011509", "DT", "2026010809"),
        ("20260115250000", "DT", None),
        ("093000.123456", "TM", "093000.123456"),
        ("0930", "TM", "0930"),
        ("9:30", "TM", None),
        ("250000", "TM", None),
    ],
)
def test_a_value_is_moved_if_it_is_one(value, vr, expected):
    assert shifted(value, vr, WEEK_BACK) == expected


def test_intervals_within_and_between_objects_of_a_patient_stay_and_times_of_day_too():
    one = deidentify(
        study("ZQ-1", StudyDate="20260105", StudyTime="0915", AcquisitionDateTime="20260105101500.25+0100"),
        key=KEY,
        dates=Dates.MODIFIED,
    )
    two = deidentify(study("ZQ-1", StudyDate="20260301", SeriesDate="20260302"), key=KEY, dates=Dates.MODIFIED)
    assert as_day(two.StudyDate) - as_day(one.StudyDate) == timedelta(days=55)
    assert as_day(two.SeriesDate) - as_day(two.StudyDate) == timedelta(days=1)
    assert one.StudyDate != "20260105"
    assert one.StudyTime == "0915"
    assert one.AcquisitionDateTime == f"{one.StudyDate}101500.25+0100"
    assert one.LongitudinalTemporalInformationModified == "MODIFIED"
    assert [code.CodeValue for code in one.DeidentificationMethodCodeSequence] == ["113100", "113107"]


def test_patients_and_issuers_have_shifts_of_their_own():
    shifts = {shift(KEY, (f"P{n}", issuer)).days for n in range(20) for issuer in ("A", "B")}
    assert len(shifts) > 35
    assert all(-3650 <= days <= -1 for days in shifts)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_birth_date_is_emptied_and_an_invalid_date_is_not_kept():
    clean = deidentify(study("ZQ-1", StudyDate="20261301", ContentDate="next week"), key=KEY, dates=Dates.MODIFIED)
    assert not clean.PatientBirthDate
    assert not clean.StudyDate
    assert clean.ContentDate == "19700101"


def test_without_the_option_dates_are_emptied_removed_or_a_valid_dummy():
    clean = deidentify(
        study("ZQ-1", StudyDate="20260105", SeriesDate="20260105", AcquisitionDate="20260105", CurveDate="20260105"),
        key=KEY,
    )
    assert not clean.StudyDate  # Z
    assert not clean.AcquisitionDate  # X/Z
    assert clean.SeriesDate == "19700101"  # X/D: type 1 in PET
    assert "CurveDate" not in clean  # X
    assert clean.LongitudinalTemporalInformationModified == "REMOVED"
    assert [code.CodeValue for code in clean.DeidentificationMethodCodeSequence] == ["113100"]


def test_objects_without_a_patient_id_move_by_study():
    same = [
        deidentify(study("", StudyDate="20260105", StudyInstanceUID=u), key=KEY, dates=Dates.MODIFIED).StudyDate
        for u in ("1.2.3.4.5.6", "1.2.3.4.5.6", "1.2.3.4.5.7")
    ]
    assert same[0] == same[1] != same[2]
