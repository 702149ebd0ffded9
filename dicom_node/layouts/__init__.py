"""Screen layouts: which circles of a workstation screen are kept, and how the screen is known from its pixels.

A layout is a keep-list. What it does not name does not survive, so a text nobody thought of is dropped too.
"""

from dicom_node.layouts.cropping import Crop, crop
from dicom_node.layouts.errors import LayoutError
from dicom_node.layouts.files import load, load_all, shipped
from dicom_node.layouts.layout import Box, Caption, Layout, Panel, Ring, ViewLayout
from dicom_node.layouts.palette import Palette
from dicom_node.layouts.recognition import Match, caption_bits, recognise

__all__ = [
    "Box",
    "Caption",
    "Crop",
    "Layout",
    "LayoutError",
    "Match",
    "Palette",
    "Panel",
    "Ring",
    "ViewLayout",
    "caption_bits",
    "crop",
    "load",
    "load_all",
    "recognise",
    "shipped",
]
