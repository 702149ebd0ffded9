"""Every table of the DICOM conformance statement says what the program does."""

import re
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from names import REGULAR
from pydicom import Dataset
from pydicom.uid import UID, KeyObjectSelectionDocumentStorage, SecondaryCaptureImageStorage
from pynetdicom.sop_class import StorageCommitmentPushModel, StudyRootQueryRetrieveInformationModelFind, Verification

from core.errors import Unavailable
from core.phi import Phi
from core.settings import Settings
from core.types import ModelIdentity, Outcome, Probabilities, Status, StudyPrediction
from dicom_node import (
    commitment_answers,
    key_object,
    receiver,
    report,
    report_page,
    report_style,
    scp,
    scu_outcome,
    structured_codes,
    structured_report,
)
from dicom_node.report import SourceReference
from dicom_node.report_content import ReportContent
from dicom_node.report_envelope import VERBATIM, VERBATIM_OR_EMPTY
from dicom_node.report_header import Header

PAGE = (Path(__file__).parents[2] / "docs" / "dicom-conformance.md").read_text(encoding="utf-8")
AT = datetime(2026, 1, 15, 23, 30, 5, tzinfo=UTC)
SOURCES = [SourceReference(SecondaryCaptureImageStorage, Phi("2.25.11"), Phi("2.25.1"))]


def tables(heading: str) -> list[list[list[str]]]:
    """The tables under a heading, row by row, without their heads."""
    _, _, rest = PAGE.partition(f"# {heading}\n")
    assert rest, heading
    part = re.split(r"^#+ ", rest, maxsplit=1, flags=re.MULTILINE)[0]
    found = re.findall(r"(?:^\|.*\n)+", part, flags=re.MULTILINE)
    return [[[cell.strip() for cell in line.strip("|\n").split("|")] for line in one.splitlines()[2:]] for one in found]


def table(heading: str, number: int = 0) -> list[list[str]]:
    return tables(heading)[number]


def test_the_order_is_that_of_the_standard():
    heads = re.findall(r"^## (\d) (.+)$", PAGE, flags=re.MULTILINE)
    assert [number for number, _ in heads] == [str(n) for n in range(1, 9)]
    words = ["overview", "contents", "introduction", "networking", "media", "character sets", "security", "annexes"]
    assert all(word in name.lower() for word, (_, name) in zip(words, heads, strict=True))


def test_services():
    rows = table("Network services")
    for name, uid, _, _ in rows:
        assert UID(uid).name == name
    as_scp = [uid for _, uid, _, scp_ in rows if scp_]
    assert as_scp == [Verification, *scp.STORAGE_CLASSES]
    ours = {SecondaryCaptureImageStorage, KeyObjectSelectionDocumentStorage, *structured_report.SOP_CLASSES.values()}
    others = {Verification, StorageCommitmentPushModel, StudyRootQueryRetrieveInformationModelFind}
    assert {uid for _, uid, scu, _ in rows if scu} == ours | others


def test_limits_of_an_association():
    for name, default, _ in table("4.2.1 NODE"):
        found = Settings.model_fields[name.strip("`")].default
        assert str(found).lower() == default.lower()


def test_transfer_syntaxes():
    rows = table("4.2.1 NODE", 1)
    assert [uid for _, uid in rows] == list(scp.TRANSFER_SYNTAXES)
    for name, uid in rows:
        assert UID(uid).name.startswith(name.partition(" (")[0].partition(",")[0])


def test_statuses_that_the_node_answers():
    answered = {
        receiver.SUCCESS,
        receiver.OUT_OF_RESOURCES,
        receiver.DATA_SET_MISMATCH,
        receiver.CANNOT_UNDERSTAND,
        scp._NOT_AUTHORISED,
    }
    assert {int(status, 16) for status, _ in table("4.2.1 NODE", 2)} == answered
    events = {
        commitment_answers.SUCCESS,
        commitment_answers.PROCESSING_FAILURE,
        commitment_answers.NO_SUCH_INSTANCE,
        commitment_answers.NO_SUCH_EVENT,
        commitment_answers.INVALID_ARGUMENT,
    }
    assert {int(status, 16) for status, _ in table("4.2.1 NODE", 3)} == events


def test_what_a_peers_status_means():
    rows = table("4.2.2 SENDER")
    for statuses, code, again in rows:
        for status in statuses.split(", "):
            found = scu_outcome.code_of(int(status, 16))
            assert found == code
            if again:
                sent = scu_outcome.Sent(scu_outcome.Sendable(Path("x"), 1), found, int(status, 16))
                with pytest.raises(Unavailable if again == "yes" else scu_outcome.StoreRefused):
                    scu_outcome.SendResult((sent,)).raise_for_failure()
    known = {*scu_outcome._FINAL, *scu_outcome._RETRYABLE}
    assert known <= {int(status, 16) for statuses, _, _ in rows for status in statuses.split(", ")}


def test_the_implementation_is_named():
    assert str(report.IMPLEMENTATION_CLASS_UID) in PAGE
    assert f"the version name {report.IMPLEMENTATION_VERSION_NAME}." in PAGE


def test_character_sets():
    tested = {(name.charset or b"(none)").decode() for name in REGULAR.values()}
    assert {charset for charset, _ in table("6 Support of character sets")} == tested


def test_codes():
    ours = [value for value in vars(structured_codes).values() if isinstance(value, structured_codes.CodedConcept)]
    ours += structured_codes.FINDINGS.values()
    told = {tuple(row) for row in table("8.2 Templates and codes")}
    assert told == {(code.value, code.scheme_designator, code.meaning) for code in ours}


# What the objects hold


def source(*, full: bool) -> Dataset:
    header = Dataset()
    header.StudyInstanceUID = "2.25.123"
    if full:
        header.SpecificCharacterSet, header.TimezoneOffsetFromUTC = "ISO_IR 100", "+0100"
        header.PatientBirthDate, header.StudyDate, header.StudyTime = "19500101", "20260115", "120000"
        for keyword in {*VERBATIM, *VERBATIM_OR_EMPTY} - {element.keyword for element in header}:
            setattr(header, keyword, "TEST")
        header.LossyImageCompression, header.LossyImageCompressionRatio = "01", "8"
        header.LossyImageCompressionMethod = "ISO_10918_1"
    return header


@pytest.fixture(scope="module", params=[True, False], ids=["full", "bare"])
def made(request) -> tuple[bool, dict[str, Dataset]]:
    """Each kind of object, of a source that has everything or nothing."""
    full: bool = request.param
    said = StudyPrediction(Probabilities(0.1, 0.8, 0.1), Status.ACCEPTED, {}, 20.0)
    content = ReportContent(Header(), 1, Outcome.ACCEPTED, AT, said, model=ModelIdentity("a", "1", "f" * 64))
    uids = {"sop_instance_uid": Phi("2.25.7"), "series_instance_uid": Phi("2.25.8"), "created_at": AT}
    header, before = source(full=full), SOURCES if full else ()
    with pytest.MonkeyPatch.context() as patch:  # an empty page costs no time
        shape = (report_style.ROWS, report_style.COLUMNS, 3)
        patch.setattr(report_page, "render", lambda _: np.zeros(shape, np.uint8))
        page = report.build_secondary_capture(content, header, SOURCES, **uids)
    structured = structured_report.build_structured_report(
        content, header, SOURCES, page=page, predecessors=before, **uids
    )
    rejection = key_object.build_rejection(SOURCES, header, **uids)
    return full, dict(zip(KINDS, (page, structured, rejection), strict=True))


KINDS = ("8.1.2 Secondary Capture", "8.1.3 Structured report", "8.1.4 Key Object Selection")


@pytest.mark.parametrize("kind", KINDS)
def test_an_object_holds_what_its_table_lists_and_nothing_else(kind, made):
    full, objects = made
    listed = {keyword for keyword, said in rows(kind) if full or ", where" not in said}
    assert {element.keyword for element in objects[kind]} == listed
    assert not [element for element in objects[kind].iterall() if element.tag.is_private]


@pytest.mark.parametrize("kind", KINDS)
def test_fixed_values_are_those_of_its_table(kind, made):
    _, objects = made
    fixed = {keyword: found[1] for keyword, said in rows(kind) if (found := re.match("`([^`]+)`", said))}
    assert fixed
    for keyword, value in fixed.items():
        element = objects[kind][keyword]
        said = "\\".join(map(str, element.value)) if element.VM > 1 else str(element.value)
        assert said == value, keyword


def rows(kind: str) -> list[list[str]]:
    return table("8.1.1 What every object has") + table(kind)


def test_what_is_copied_is_what_its_table_says():
    rows = table("8.1.1 What every object has")
    assert {k for k, said in rows if said.startswith("copied, or empty")} == set(VERBATIM_OR_EMPTY)
    rest = {k for k, said in rows if said.startswith("copied") and "or empty" not in said}
    assert rest == set(VERBATIM)
