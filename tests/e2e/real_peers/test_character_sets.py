"""A patient's name comes back in the very bytes it came in, whatever they are, and is readable where it can be."""

import warnings
from pathlib import Path

import pytest
from harness import until
from names import ODD, Name
from names import REGULAR as ALL_REGULAR
from peers import ARCHIVE_AE, complaints, disagreements, said, storescu
from pydicom import Dataset, dcmread
from pydicom.tag import Tag
from sizes import spread
from studies import study, uid_of

from core import MANUFACTURER
from dicom_node.report import to_bytes
from dicom_node.report_header import encodings, raw

REGULAR = spread(ALL_REGULAR, 3)
NAMES = REGULAR | spread(ODD, 3)
"""Of all of them, units ask what a report's header holds."""
PERSON_NAMES = ("PatientName", "ReferringPhysicianName")
UNKNOWN_TO_DCIODVFY = {"chinese_gbk"}
UNKNOWN_TO_DCMDUMP = {"japanese", "japanese_katakana"}
"""Debian's DCMTK converts by the C library, which has no ISO 2022 IR 87; it shows the bytes as they are."""


def of_patient(key: str, name: Name) -> list[Dataset]:
    """A study of a patient with that name, whose physician has it too."""
    screens = study(PatientID=f"SIM-{list(NAMES).index(key)}")[:3]
    for ds in screens:
        del ds.SpecificCharacterSet
        if name.charset is not None:
            ds[Tag("SpecificCharacterSet")] = raw(Tag("SpecificCharacterSet"), name.charset)
        for keyword in PERSON_NAMES:
            ds[Tag(keyword)] = raw(Tag(keyword), name.value)
        ds["PixelData"].VR = "OB"
        ds.set_original_encoding(False, True, encodings(ds))  # else pydicom would decode them to write them
    return screens


def header(path: Path) -> Dataset:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydicom speaks of every odd character set
        return dcmread(path, stop_before_pixels=True)


@pytest.fixture(scope="module")
def reports(hospital, tmp_path_factory) -> dict[str, tuple[Path, Path, Path]]:
    """A screen as sent, and the page and the structured report as received, by kind of name."""
    folder, sent, uids = tmp_path_factory.mktemp("names"), {}, {}
    for key, name in NAMES.items():
        screens = of_patient(key, name)
        uids[uid_of(screens)] = key
        sent[key] = [folder / f"{key}_{number}.dcm" for number in range(len(screens))]
        for path, ds in zip(sent[key], screens, strict=True):
            path.write_bytes(to_bytes(ds))
        storescu(hospital.perfuscope, sent[key], calling=ARCHIVE_AE)

    def received() -> dict[tuple[str, str], Path] | None:
        headers = {path: header(path) for path in hospital.archive.files()}
        ours = {path: ds for path, ds in headers.items() if ds.StudyInstanceUID in uids}
        found = {(uids[ds.StudyInstanceUID], ds.Modality): path for path, ds in ours.items()}
        return found if len(found) == 2 * len(NAMES) else None

    back = until(received, 120, "all reports are in the archive")
    return {key: (sent[key][0], back[key, "OT"], back[key, "SR"]) for key in NAMES}


@pytest.mark.parametrize("key", NAMES)
def test_a_name_comes_back_byte_for_byte(key: str, reports) -> None:
    sent, *both = (header(path) for path in reports[key])
    for back in both:
        assert back.Manufacturer == MANUFACTURER
        for keyword in ("SpecificCharacterSet", *PERSON_NAMES, "PatientID", "StudyDescription", "StudyID"):
            tag = Tag(keyword)
            assert (tag in back) == (tag in sent), keyword
            if tag in sent:
                assert (back.get_item(tag).value or b"") == (sent.get_item(tag).value or b""), keyword
    assert (sent.get_item(Tag("PatientName")).value or b"").rstrip(b" ") == NAMES[key].value


@pytest.mark.parametrize("key", REGULAR)
def test_validators_take_the_report_and_other_readers_read_its_name(key: str, reports) -> None:
    convert = [] if key in UNKNOWN_TO_DCMDUMP else ["--convert-to-utf8"]
    name = REGULAR[key]
    for back in reports[key][1:]:
        assert [line for line in complaints(back) if key not in UNKNOWN_TO_DCIODVFY] == []
        read = said("dcmdump", *convert, "--search", "PatientName", "--print-all", back)
        assert (name.text.encode() if convert else name.value) in read.encode("latin-1")
    assert [line for line in disagreements(reports[key]) if key not in UNKNOWN_TO_DCIODVFY] == []


@pytest.mark.parametrize("key", NAMES)
def test_the_tables_hold_the_name_as_text(key: str, hospital, reports) -> None:
    sent = header(reports[key][0])
    name = hospital.patient_name(str(sent.StudyInstanceUID))
    assert "\0" not in name
    if NAMES[key].text is not None:
        assert name == NAMES[key].text


def test_no_name_reaches_the_log(hospital, reports) -> None:
    log = hospital.perfuscope.log
    for name in NAMES.values():
        words = (name.text or name.value.decode("latin-1")).replace("=", "^").split("^")
        assert [word for word in words if len(word) > 3 and word in log] == []
