"""What a drawn layout's form says: rows of shapes, each with what it is and where."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from core.errors import PerfuscopeError
from core.orders import LAYOUT_NAME
from core.types import View
from viewer.forms import Fields

_GATED = ("perfusion_ed", "perfusion_es", "motion", "thickening")
NAMES: dict[View, tuple[str, ...]] = {
    View.QPS: ("stress", "rest", "difference"),
    View.STRESS_QGS: _GATED,
    View.REST_QGS: _GATED,
}
"""The panels of each view, as ``dicom_node.layouts.starting`` names them."""
PANELS = tuple(dict.fromkeys(name for names in NAMES.values() for name in names))
ROWS = (("identity", "box"), ("caption", "box"), ("caption", "box"), *(("panel", "circle") for _ in range(4)))
"""The rows of the form: what each begins as."""
FIRST_PANEL = 3
"""The row of the first panel."""
_LARGEST = 20_000


@dataclass(frozen=True, slots=True)
class Row:
    """One shape: where it lies, in pixels; a row that is left empty is none."""

    what: str
    shape: str
    name: str
    numbers: tuple[int, ...]


def asked(form: Fields) -> dict[str, Any]:
    """What the order says. PerfuscopeError with the first mistake."""
    name = form.one("name").strip()
    if not LAYOUT_NAME.fullmatch(name):
        raise PerfuscopeError("the layout's name is 2 to 48 of a-z, 0-9 and -, a letter first")
    if form.one("view") not in {view.value for view in View}:
        raise PerfuscopeError("say which view the screen shows")
    rows = [row for index in range(len(ROWS)) if (row := _row(form, index)) is not None]
    identity = [row.numbers for row in rows if row.what == "identity"]
    captions = [row.numbers for row in rows if row.what == "caption"]
    panels = [row for row in rows if row.what == "panel"]
    if not captions:
        raise PerfuscopeError("draw a caption: a text that every patient's screen of this view has")
    if bool(identity) is (form.one("nobody") == "yes"):
        raise PerfuscopeError("draw where the patient is named, or say that these screens name nobody")
    _check_names(View(form.one("view")), [panel.name for panel in panels])
    return {
        "name": name,
        "view": form.one("view"),
        "identity": list(identity[0]) if identity else None,
        "captions": [list(numbers) for numbers in captions],
        "panels": [{"name": p.name, "shape": p.shape, "at": list(p.numbers)} for p in panels],
    }


def form(said: Mapping[str, Any]) -> Fields:
    """The form of what an order says: what was refused is drawn on again. ``asked`` backwards."""
    identity, panels = said.get("identity"), said.get("panels") or []
    sent = {"name": str(said.get("name") or ""), "view": str(said.get("view") or "")}
    places = dict(enumerate((said.get("captions") or [])[: FIRST_PANEL - 1], start=1))
    if identity:
        places[0] = identity
    else:
        sent["nobody"] = "yes"
    for index, panel in enumerate(panels, start=FIRST_PANEL):
        places[index] = panel["at"]
        sent |= {f"name-{index}": panel["name"], f"shape-{index}": panel["shape"]}
    names = {view.value: called for view, called in NAMES.items()}.get(sent["view"], ())
    free = [name for name in names if name not in {panel["name"] for panel in panels}]
    sent |= {f"name-{index}": name for index, name in enumerate(free, start=FIRST_PANEL + len(panels))}
    for index, at in places.items():
        sent |= {f"{letter}-{index}": str(number) for letter, number in zip("abcd", at, strict=False)}
    return Fields({name: [value] for name, value in sent.items()})


def _check_names(view: View, names: list[str]) -> None:
    if len(set(names)) != len(names):
        raise PerfuscopeError("give each panel a name of its own")
    if not set(names) <= set(NAMES[view]):
        msg = f"the panels of {view.caption} are {', '.join(NAMES[view])}"
        raise PerfuscopeError(msg)


def _row(form: Fields, index: int) -> Row | None:
    what, usual = ROWS[index]
    shape = form.one(f"shape-{index}") if what == "panel" else usual
    if shape not in {"circle", "box"}:
        shape = usual
    given = [form.one(f"{letter}-{index}").strip() for letter in "abcd"[: 3 if shape == "circle" else 4]]
    if not any(given):
        return None
    if not all(text.isascii() and text.isdecimal() and len(text) < 6 and int(text) <= _LARGEST for text in given):
        raise PerfuscopeError("a place is whole numbers of pixels: all of them, or none for a row that is not used")
    return Row(what, shape, form.one(f"name-{index}"), tuple(int(text) for text in given))
