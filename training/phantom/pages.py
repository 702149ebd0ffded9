"""The pages that can be simulated: what a workstation program calls itself, and how it draws the three screens."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from types import MappingProxyType

from core.errors import PerfuscopeError
from core.pixels import RgbImage
from core.types import View
from training.phantom import screens, strips
from training.phantom.examination import Examination


@dataclass(frozen=True, slots=True)
class Page:
    """One program's screens, by the name of the layout that reads them."""

    name: str
    model_name: str
    """Its Manufacturer's Model Name."""
    series: Mapping[View, tuple[int, str]]
    """Number and description of each screen's series."""
    draw: Callable[[View, Examination], RgbImage]


COLUMNS = Page(
    name="qps-qgs-1280",
    model_name="Phantom",
    series=MappingProxyType(
        {View.QPS: (101, "AC QPS"), View.STRESS_QGS: (102, "AC STRESS QGS"), View.REST_QGS: (103, "AC REST QGS")}
    ),
    draw=screens.draw,
)
STRIPS = Page(
    name="strips-1024",
    model_name="Phantom with strips",
    series=MappingProxyType(
        {
            View.QPS: (801, "QPS Results [AC]"),
            View.STRESS_QGS: (802, "QGS Results Stress [AC]"),
            View.REST_QGS: (803, "QGS Results Rest [AC]"),
        }
    ),
    draw=strips.draw,
)
HOT = replace(
    COLUMNS,
    name="qps-qgs-1280-hot",
    model_name="Phantom hot",
    draw=partial(screens.draw, style=screens.HOT_STYLE),
)
RAINBOW = replace(
    STRIPS,
    name="strips-1024-rainbow",
    model_name="Phantom with strips, rainbow",
    draw=partial(strips.draw, style=strips.RAINBOW_STYLE),
)
PAGES: Mapping[str, Page] = MappingProxyType({page.name: page for page in (COLUMNS, HOT, STRIPS, RAINBOW)})


def named(name: str) -> Page:
    """The page of that name; PerfuscopeError names those there are."""
    if name not in PAGES:
        raise PerfuscopeError(f"there is no simulated page {name!r}; there are {', '.join(PAGES)}.")
    return PAGES[name]


__all__ = ["COLUMNS", "HOT", "PAGES", "RAINBOW", "STRIPS", "Page", "named"]
