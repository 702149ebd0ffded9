"""What stands written on a screen: whether text is left in a crop, and whether the burned-in identity is the header's.

Importing this loads no reader; ``load_engine`` does. No text that was read leaves these modules.
"""

from dicom_node.textcheck.engine import Engine, installed, load_engine
from dicom_node.textcheck.finding import Place, TextCheck, find_text, lines_on
from dicom_node.textcheck.identity import IdentityCheck, Outcome, Said, compare_identity

__all__ = [
    "Engine",
    "IdentityCheck",
    "Outcome",
    "Place",
    "Said",
    "TextCheck",
    "compare_identity",
    "find_text",
    "installed",
    "lines_on",
    "load_engine",
]
