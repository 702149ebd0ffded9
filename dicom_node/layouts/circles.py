"""Where a layout's polar maps lie on the crop that it cut, and the scale they are drawn in."""

from types import MappingProxyType

from core.maps import Maps
from dicom_node.layouts.cropping import Crop
from dicom_node.layouts.layout import Layout
from dicom_node.layouts.panel import Circle


def maps_of(crop: Crop, layout: Layout) -> Maps:
    """The round panels of ``crop``, which ``layout`` cut; rectangles hold no polar map."""
    (screen,) = (s for s in layout.views if s.view is crop.view)
    circles = {
        panel.name: (
            crop.boxes[panel.name].left + panel.radius,
            crop.boxes[panel.name].top + panel.radius,
            panel.radius,
        )
        for panel in screen.panels
        if isinstance(panel, Circle)
    }
    return Maps(layout.palette.anchors, MappingProxyType(circles))
