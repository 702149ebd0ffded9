"""What a classifier is handed of a patient: crops with the places of their polar maps, and the arrays made of them."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.errors import Rejected
from core.maps import Maps
from core.pixels import RgbImage
from core.types import REQUIRED_VIEWS, Reason, View
from models.polar import ANGLES, RINGS, polar_map
from models.preprocess import SIZE, resize
from models.study_input import MAPS

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class CropInput:
    """A crop as it is handed to a classifier."""

    pixels: RgbImage
    maps: Maps | None
    """None where the crop was cut by a release that did not keep them."""


def pixels_of(crops: Mapping[View, CropInput]) -> NDArray[np.uint8]:
    """The crops resized, shape (3, 224, 224, 3), in the order of REQUIRED_VIEWS; black for a view without one."""
    pixels = np.zeros((len(REQUIRED_VIEWS), SIZE, SIZE, 3), dtype=np.uint8)
    for place, view in enumerate(REQUIRED_VIEWS):
        if view in crops:
            pixels[place] = resize(crops[view].pixels)
    return pixels


def maps_of(crops: Mapping[View, CropInput]) -> Floats:
    """The polar maps, shape (10, 32, 72), in the order of MAPS; 0 where a view is not among the crops.

    Rejected(MAPS_MISSING) for a crop without maps, or whose layout has not all that its view needs.
    """
    stack = np.zeros((len(MAPS), RINGS, ANGLES), dtype=np.float32)
    for place, (view, name) in enumerate(MAPS):
        if view in crops:
            stack[place] = _polar_map(crops[view], view, name)
    return stack


def _polar_map(crop: CropInput, view: View, name: str) -> Floats:
    if crop.maps is None:
        raise Rejected(Reason.MAPS_MISSING, "cut before they were kept: prepare the study again")
    if name not in crop.maps.circles:
        raise Rejected(Reason.MAPS_MISSING, f"its layout has no {name} on {view.caption}")
    try:
        return polar_map(crop.pixels, crop.maps.circles[name], crop.maps.anchors)
    except ValueError:
        raise Rejected(Reason.MAPS_MISSING, f"{name} does not lie on the crop of {view.caption}") from None
