"""Screen layouts: which panels of a workstation screen are kept, and how the screen is known.

A layout is a keep-list. What it does not name does not survive, so a text nobody thought of is dropped too.
"""

from dicom_node.layouts.box import Box
from dicom_node.layouts.caption import Caption
from dicom_node.layouts.circles import maps_of
from dicom_node.layouts.criteria import KEYWORDS, Criteria, Header
from dicom_node.layouts.cropping import Crop, crop, crop_again
from dicom_node.layouts.errors import LayoutError
from dicom_node.layouts.files import load, load_all, parse, shipped
from dicom_node.layouts.layout import Layout, ViewLayout, check_together
from dicom_node.layouts.palette import Palette
from dicom_node.layouts.panel import Circle, Panel, Rectangle, Ring
from dicom_node.layouts.recognition import Match, caption_bits, closest, compare, recognise, ring_score

__all__ = [
    "KEYWORDS",
    "Box",
    "Caption",
    "Circle",
    "Criteria",
    "Crop",
    "Header",
    "Layout",
    "LayoutError",
    "Match",
    "Palette",
    "Panel",
    "Rectangle",
    "Ring",
    "ViewLayout",
    "caption_bits",
    "check_together",
    "closest",
    "compare",
    "crop",
    "crop_again",
    "load",
    "load_all",
    "maps_of",
    "parse",
    "recognise",
    "ring_score",
    "shipped",
]
