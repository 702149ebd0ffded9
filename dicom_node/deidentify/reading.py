"""Reading a file for export, with no more trust than the node has in what it receives."""

import warnings
from io import BytesIO
from pathlib import Path

from pydicom import Dataset, dcmread
from pydicom.filereader import read_file_meta_info

from core.errors import Rejected, Unavailable
from core.types import Reason
from dicom_node.decode import PYDICOM_ERRORS, SUPPORTED_SYNTAXES
from dicom_node.deidentify.refusal import Refusal, refused
from dicom_node.prepare import MAX_FILE_BYTES


def read(path: Path) -> Dataset:
    """The data set in a file; raises Rejected if it is too large or none, Unavailable if the file cannot be read."""
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise Rejected(Reason.TOO_LARGE)
        content = path.read_bytes()
    except OSError:
        raise Unavailable("file_unreadable") from None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydicom's warnings print attribute values
        try:
            # A deflated data set would be unpacked by reading it, so its syntax is looked at before.
            if read_file_meta_info(path).TransferSyntaxUID in SUPPORTED_SYNTAXES:
                return dcmread(BytesIO(content))
        except PYDICOM_ERRORS:
            raise refused(Refusal.UNREADABLE) from None
    raise refused(Refusal.SYNTAX)
