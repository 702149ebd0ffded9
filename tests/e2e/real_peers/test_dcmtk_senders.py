"""Eight senders at once, each in a transfer syntax of its own, each study by five associations."""

import copy
import random
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path

import pytest
from harness import PACS_AE, until, write
from peers import said, storescu
from PIL import Image
from pydicom import Dataset, dcmread, dcmwrite
from pydicom.encaps import encapsulate
from pydicom.uid import (
    UID,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)
from studies import renew, study, uid_of

from dicom_node.scp import TRANSFER_SYNTAXES

ENCODED_BY = {
    ImplicitVRLittleEndian: ("dcmconv", "+ti"),
    ExplicitVRLittleEndian: ("dcmconv", "+te"),
    ExplicitVRBigEndian: ("dcmconv", "+tb"),
    RLELossless: ("dcmcrle",),
    JPEGBaseline8Bit: ("dcmcjpeg", "+eb", "+un"),
    JPEGLosslessSV1: ("dcmcjpeg", "+e1"),
    JPEGLSLossless: ("dcmcjpls", "+el"),
    JPEG2000Lossless: (),  # DCMTK has no encoder for it
}
PROPOSED_BY = {
    ImplicitVRLittleEndian: "-xi",
    ExplicitVRLittleEndian: "-xe",
    ExplicitVRBigEndian: "-xb",
    RLELossless: "-xr",
    JPEGBaseline8Bit: "-xy",
    JPEGLosslessSV1: "-xs",
    JPEGLSLossless: "-xt",
    JPEG2000Lossless: "-xv",
}
SYNTAXES = [syntax for syntax in ENCODED_BY if syntax in TRANSFER_SYNTAXES]


def encode(path: Path, syntax: UID) -> None:
    """Put a file into another transfer syntax; projections of 16 bits stay as they are in lossy ones."""
    if ENCODED_BY[syntax]:
        program, *options = ENCODED_BY[syntax]
        said(program, *options, path, path)
    else:
        encode_jpeg_2000(path)


def encode_jpeg_2000(path: Path) -> None:
    """Reversibly, with the colours transformed (PS3.5 8.2.4)."""
    ds = dcmread(path)
    stream = BytesIO()
    Image.fromarray(ds.pixel_array).save(stream, "JPEG2000", irreversible=False, mct=1, no_jp2=True)
    ds.PixelData = encapsulate([stream.getvalue()])
    ds["PixelData"].VR, ds["PixelData"].is_undefined_length = "OB", True
    ds.PhotometricInterpretation = "YBR_RCT"
    ds.file_meta.TransferSyntaxUID = JPEG2000Lossless
    dcmwrite(path, ds, enforce_file_format=True)


@pytest.fixture(scope="module")
def pushed(hospital, tmp_path_factory) -> dict[UID, list[Dataset]]:
    """One study a syntax of five objects; all eight senders have ended."""
    studies = {}
    paths: dict[UID, list[Path]] = {}
    for syntax in SYNTAXES:
        *screens, raw = study(PatientID=f"SIM-{syntax.keyword}")
        again = copy.deepcopy(raw)
        renew(again)
        studies[syntax] = screens
        written = write([*screens, raw, again], tmp_path_factory.mktemp("syntax"))
        for path in written[: len(screens)]:
            encode(path, syntax)
        paths[syntax] = random.Random(syntax).sample(written, len(written))

    def send(syntax: UID) -> None:
        for path in paths[syntax]:
            held = dcmread(path, stop_before_pixels=True).file_meta.TransferSyntaxUID
            storescu(hospital.perfuscope, [path], PROPOSED_BY[held], calling=PACS_AE)

    with ThreadPoolExecutor(len(SYNTAXES)) as pool:
        list(pool.map(send, SYNTAXES))
    return studies


@pytest.mark.parametrize("syntax", SYNTAXES, ids=lambda syntax: syntax.keyword)
def test_each_study_gets_one_report(syntax: UID, hospital, pushed) -> None:
    uid = uid_of(pushed[syntax])
    until(lambda: hospital.pacs.of(uid), 60, "the report arrives")
    item = hospital.perfuscope.results()[uid]
    assert (item["revision"], len(item["reports"]), len(hospital.pacs.of(uid))) == (1, 2, 1)
    assert item["label"]
    assert {v["sop_instance_uid"] for v in item["views"]} == {str(ds.SOPInstanceUID) for ds in pushed[syntax]}
