"""What a layout says, as values that are valid once they exist."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import combinations

from core.types import View
from dicom_node.layouts.box import Box
from dicom_node.layouts.caption import Caption
from dicom_node.layouts.criteria import Criteria
from dicom_node.layouts.errors import LayoutError
from dicom_node.layouts.palette import Palette
from dicom_node.layouts.panel import Panel, Ring, overlap

MAX_PANELS = 4
"""A crop is a grid of two by two tiles."""


@dataclass(frozen=True, slots=True)
class ViewLayout:
    """One screen of a layout: its panels in the order of the crop's tiles, and its captions."""

    view: View
    panels: tuple[Panel, ...]
    captions: tuple[Caption, ...]

    def __post_init__(self) -> None:
        if not 1 <= len(self.panels) <= MAX_PANELS:
            raise LayoutError(f"{self.view}: a view has 1 to {MAX_PANELS} panels")
        if not self.captions:
            raise LayoutError(f"{self.view}: a view needs at least one caption")
        if len({panel.name for panel in self.panels}) < len(self.panels):
            raise LayoutError(f"{self.view}: two panels have the same name")
        for a, b in combinations(self.panels, 2):
            if overlap(a, b):
                raise LayoutError(f"{self.view}: panels {a.name} and {b.name} overlap")

    def confusable(self, other: "ViewLayout") -> bool:
        """Whether one image may show both: one's panels are all among the other's, and no caption keeps them apart."""
        places = [{panel.geometry for panel in v.panels} for v in (self, other)]
        apart = any(a.excludes(b) for a in self.captions for b in other.captions)
        return (places[0] <= places[1] or places[1] <= places[0]) and not apart


@dataclass(frozen=True, slots=True)
class Layout:
    """The screens of one workstation program at one size."""

    name: str
    version: int
    rows: int
    columns: int
    ring: Ring
    palette: Palette
    identity_box: Box | None
    """Where the patient's name is burned in, never part of a panel or a caption; None where it is not."""
    coloured_share: float
    """Share of the kept pixels that must be in colour: maps in grey are not what a model was trained on."""
    views: tuple[ViewLayout, ...] = field(repr=False)
    rank: int = 0
    """Of several layouts that agree with an image the highest rank wins, then the one that asks more of the header."""
    criteria: Criteria = field(default_factory=Criteria)
    """What the header must say, where there is one."""
    allowed_text: tuple[str, ...] = ()
    """Captions that may stand inside kept areas."""
    shipped: bool = False
    """Whether it came with Perfuscope; no file can say so of itself."""
    sha256: str = ""
    """Of the file's bytes."""

    def __post_init__(self) -> None:
        if not self.name or not self.views or self.version < 1:
            raise LayoutError("a layout has a name, a version from 1 on, and at least one view")
        if not (16 <= self.rows <= 65535 and 16 <= self.columns <= 65535):
            raise LayoutError(f"{self.name}: rows and columns must be from 16 to 65535")
        if not 0 <= self.coloured_share <= 1:
            raise LayoutError(f"{self.name}: coloured_share must be from 0 to 1")
        if self.identity_box is not None and not self.identity_box.inside(self.rows, self.columns):
            raise LayoutError(f"{self.name}: identity_box lies outside the image")
        for view in self.views:
            self._check(view)
        for a, b in combinations(self.views, 2):
            if a.view == b.view:
                raise LayoutError(f"{self.name}: view {a.view} is there twice")
            if a.confusable(b):
                raise LayoutError(f"{self.name}: the captions do not tell {a.view} from {b.view}")

    @property
    def specificity(self) -> tuple[int, int]:
        """(rank, number of header criteria): of several layouts that agree with an image the greatest wins."""
        return self.rank, len(self.criteria)

    def _check(self, view: ViewLayout) -> None:
        where, identity = f"{self.name}: {view.view}", self.identity_box
        for panel in view.panels:
            if not panel.bounds(self.ring.width).inside(self.rows, self.columns):
                raise LayoutError(f"{where}: panel {panel.name} lies outside the image")
            if identity is not None and panel.touches(identity):
                raise LayoutError(f"{where}: panel {panel.name} would keep part of identity_box")
            if any(panel.touches(caption.box) for caption in view.captions):
                raise LayoutError(f"{where}: panel {panel.name} overlaps a caption")
        for caption in view.captions:
            if not caption.box.inside(self.rows, self.columns):
                raise LayoutError(f"{where}: a caption lies outside the image")
            if identity is not None and caption.box.touches(identity):
                raise LayoutError(f"{where}: a caption lies in identity_box, where no text is fixed")


def check_together(layouts: Iterable[Layout]) -> None:
    """Raise LayoutError if two layouts share a name, or could both claim an image with equal right."""
    for a, b in combinations(layouts, 2):
        if a.name == b.name:
            raise LayoutError(f"two layouts are called {a.name}")
        if (a.rows, a.columns, a.specificity) != (b.rows, b.columns, b.specificity) or a.ring.excludes(b.ring):
            continue
        both = [x.view for x in a.views for y in b.views if x.confusable(y)]
        if both:
            raise LayoutError(
                f"{a.name} and {b.name} have the same rank and as many header criteria ({len(a.criteria)}), "
                f"and both may match {both[0]}: give one a higher rank, or one more key in [match]"
            )
