"""Structured reports, as dsrdump prints them, say what they said when somebody last read them."""

import re
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import pytest
from names import REGULAR
from peers import said
from pydicom import Dataset
from pydicom.tag import Tag
from studies import simulated
from test_report_pictures import AT, HERE, pages

from core.phi import Phi
from dicom_node import report, structured_report
from dicom_node.report import SourceReference
from dicom_node.report_content import ReportContent
from dicom_node.report_header import raw

pages = lru_cache(pages)
TEXTS = HERE / "structured"
PAGES = ("accepted", "needs_review", "no_result", "withdrawn")
SOURCES = [SourceReference("1.2.840.10008.5.1.4.1.1.7", Phi(f"2.25.1{n}"), Phi(f"2.25.{n}")) for n in (1, 2, 3)]
BEFORE = [SourceReference("1.2.840.10008.5.1.4.1.1.88.34", Phi("2.25.8"), Phi("2.25.9"))]


def dumped(said_of: ReportContent, header: Dataset, folder: Path) -> str:
    """The report as text: long values whole, every code, the software's own UID left out. Bytes as Latin-1."""
    made = structured_report.build_structured_report(
        said_of,
        header,
        SOURCES,
        page=None,
        sop_instance_uid=Phi("2.25.77001"),
        series_instance_uid=Phi("2.25.77002"),
        created_at=AT,
        predecessors=BEFORE if said_of.replaces else (),
    )
    path = folder / "structured.dcm"
    path.write_bytes(report.to_bytes(made))
    text = said("dsrdump", "--quiet", "--print-long-values", "--print-all-codes", "--print-instance-uid", path)
    return re.sub(r'(Device Observer UID"\)=")[\d.]+', r"\1...", text)


def compare(name: str, text: str, *, regenerate: bool) -> None:
    path = TEXTS / f"{name}.txt"
    if regenerate:
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(text.encode("latin-1"))
    assert path.read_bytes().decode("latin-1") == text


@pytest.mark.parametrize("name", PAGES)
def test_it_says_what_it_said(name: str, regenerate: bool, tmp_path: Path) -> None:
    compare(name, dumped(pages()[name], simulated()[0], tmp_path), regenerate=regenerate)


@pytest.mark.parametrize("key", REGULAR)
def test_a_name_of_every_character_set_is_in_it_as_it_was_sent(key: str, regenerate: bool, tmp_path: Path) -> None:
    name, header = REGULAR[key], Dataset()
    values = {"StudyInstanceUID": b"2.25.123", "PatientID": b"SIM-1", "PatientName": name.value}
    for keyword, value in (values | {"SpecificCharacterSet": name.charset}).items():
        if value is not None:
            header[Tag(keyword)] = raw(Tag(keyword), value)
    text = dumped(replace(pages()["no_result"], crops={}), header, tmp_path)
    assert name.value.decode("latin-1") in text
    compare(f"name_{key}", text, regenerate=regenerate)
