"""De-identification by PS3.15 Annex E: the Basic Profile with clean pixels, and dates moved if asked.

Pixels are kept by the screen's layout, attributes by the standard's table; then what is left is searched for words of
the original. Nothing here is told to a log, and no error quotes a value.
"""

from dicom_node.deidentify.dates import Dates
from dicom_node.deidentify.export import Exported, export_object
from dicom_node.deidentify.key import Key, KeyRefused, open_key
from dicom_node.deidentify.leftovers import LeftoverReport
from dicom_node.deidentify.pixels import CleanScreen, clean_screen
from dicom_node.deidentify.profile import Pixels, deidentify
from dicom_node.deidentify.pseudonyms import Pseudonyms
from dicom_node.deidentify.refusal import Refusal, exportable

__all__ = [
    "CleanScreen",
    "Dates",
    "Exported",
    "Key",
    "KeyRefused",
    "LeftoverReport",
    "Pixels",
    "Pseudonyms",
    "Refusal",
    "clean_screen",
    "deidentify",
    "export_object",
    "exportable",
    "open_key",
]
