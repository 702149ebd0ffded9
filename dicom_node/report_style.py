"""The report page's measures, type sizes and colours."""

from core.types import Label
from dicom_node.report_marks import Colour

COLUMNS, ROWS = 1600, 1200
MARGIN = 48
RIGHT = COLUMNS - MARGIN
PANEL = 380
"""How wide the words beside the maps are."""
TILE, TILE_GAP = 164, 8
VIEW = 2 * TILE + TILE_GAP
"""How wide a view's maps are."""
VIEW_LEFT, VIEW_STEP = MARGIN + PANEL + 48, VIEW + 34
TOP, BOTTOM = 158, 1022
"""The lines above and below the maps."""

HUGE, LARGE, TITLE, MEDIUM, BODY, SMALL = 62, 36, 34, 25, 22, 19
"""Type that is read at half size is at least ``SMALL``."""

INK: Colour = (238, 238, 238)
SOFT: Colour = (184, 188, 192)
QUIET: Colour = (142, 148, 154)
TRACK: Colour = (44, 48, 52)
HATCH: Colour = (96, 102, 108)
RULE: Colour = (64, 69, 74)
# Okabe and Ito's palette, told apart by the colour-blind; a word always stands beside the colour.
ACCENTS: dict[Label, Colour] = {
    Label.NORMAL: (86, 180, 233),
    Label.ISCHEMIA: (230, 159, 0),
    Label.INFARCTION: (228, 108, 34),
}
CAUTION: Colour = (240, 228, 66)


def view_left(column: int) -> int:
    """Where the maps of the view in that column begin."""
    return VIEW_LEFT + column * VIEW_STEP
