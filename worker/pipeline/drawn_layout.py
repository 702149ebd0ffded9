"""A layout that was drawn on a screen in quarantine: proved as ``perfuscope layout new`` does, saved, on probation."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from core.errors import PerfuscopeError, Rejected
from core.settings import Settings
from core.types import View
from db import layout_states
from db.layout_states import Standing
from db.order_tables import Order
from db.session import Sessions
from db.tables import Instance
from dicom_node import layout_decisions, layouts, screen_files, textcheck
from dicom_node.inbox import Inbox
from dicom_node.layout_folder import LayoutFolder
from dicom_node.layouts import Box, Circle, Layout, Panel, Rectangle, pointed, starting, writing
from dicom_node.layouts.starting import Example


@dataclass(frozen=True, slots=True)
class Drawn:
    """What was drawn, out of an order."""

    name: str
    view: View
    captions: tuple[Box, ...]
    identity: Box | None
    panels: tuple[Panel, ...]

    @classmethod
    def of(cls, asked: dict[str, Any]) -> "Drawn":
        """PerfuscopeError for an order that is not of the page's making."""
        try:
            return cls(
                name=str(asked["name"]),
                view=View(asked["view"]),
                captions=tuple(Box(*_whole(box)) for box in asked["captions"]),
                identity=Box(*_whole(asked["identity"])) if asked["identity"] else None,
                panels=tuple(_panel(panel) for panel in asked["panels"]),
            )
        except (KeyError, TypeError, ValueError):
            raise PerfuscopeError("that drawing cannot be read") from None


def saving(
    order: Order, sessions: Sessions, inbox: Inbox, settings: Settings
) -> Callable[[Session, Order, datetime], dict[str, Any]]:
    """Prove the layout on its screen; the act that saves it and has waiting screens prepared again.

    Raises ``PerfuscopeError`` for one that would keep part of the identity box, would not know its own screen, would
    know a shifted one, or could claim what another layout claims.
    """
    drawn = Drawn.of(order.asked)
    kept = LayoutFolder.of(settings)
    before = kept.content(drawn.name)
    content = writing.toml(_proved(drawn, _screen(order, sessions, inbox, drawn), before)).encode()
    found = layouts.parse(content, source=kept.path(drawn.name).name)
    kept.check(found)

    def act(session: Session, asked: Order, now: datetime) -> dict[str, Any]:
        if before is not None and before != content:
            layout_decisions.check_replaced(session, _parsed(drawn, before), by=found)
        subject = asked.subject or asked.id
        again = layout_decisions.drawn(session, found, subject=subject, actor=asked.actor, now=now)
        kept.put(found, content, before=before)
        standing = layout_states.standing(session, layout_decisions.key(found))
        panels = ", ".join(panel.name for panel in found.views[-1].panels)
        return {
            "text": f"{found.name} version {found.version} keeps {panels} of {drawn.view.caption} "
            f"and is {_IS[standing]}; {again} {'screen is' if again == 1 else 'screens are'} prepared again"
            f"{_unread(found, standing, settings)}"
        }

    return act


_IS = {
    Standing.PROBATION: "on probation",
    Standing.TRUSTED: "trusted",
    Standing.SUSPENDED: "suspended",
}


def _unread(found: Layout, standing: Standing, settings: Settings) -> str:
    """What is to be said where a layout on probation asks for a reader that is not there."""
    asked = "probation" in {settings.checks.text, settings.checks.identity}
    if standing is not Standing.PROBATION or textcheck.installed() or not asked:
        return ""
    return (
        '. Nothing here reads screens for text: they stay in quarantine until the extra "ocr" is installed, or, once '
        f"you have looked at what is kept, until perfuscope layout trust {found.name}"
    )


def _screen(order: Order, sessions: Sessions, inbox: Inbox, drawn: Drawn) -> Example:
    with sessions.read() as session:
        instance = session.get(Instance, order.subject) if order.subject else None
    if instance is None or instance.purged_at is not None:
        raise PerfuscopeError("the screen's file is not there any more")
    try:
        screen = screen_files.read(inbox.path(instance.path))
    except (Rejected, OSError):
        raise PerfuscopeError("the screen cannot be read") from None
    panels = pointed.panels(screen.pixels, drawn.view, drawn.panels)
    return Example(screen.pixels, screen.header, drawn.view, drawn.captions, panels)


def _proved(drawn: Drawn, example: Example, before: bytes | None) -> Layout:
    """A new layout, or a further view of one that was drawn before, which then is a new version.

    Where the file holds this very drawing already, because whoever saved it died before that was written down, or it
    was asked for twice, it is that layout.
    """
    if before is None:
        return _made(drawn, example, None)
    known = _parsed(drawn, before)
    if known.views[-1].view is drawn.view:
        again = _made(drawn, example, _without_last(known))
        if writing.toml(again).encode() == before:
            return again
    if any(one.view is drawn.view for one in known.views):
        msg = f"{drawn.name} knows {drawn.view.caption} already: give this one another name"
        raise PerfuscopeError(msg)
    return _made(drawn, example, known)


def _made(drawn: Drawn, example: Example, older: Layout | None) -> Layout:
    if older is not None:
        return replace(starting.extended(older, example), version=older.version + 1)
    palette = layouts.shipped()[0].palette
    return starting.layout(example, name=drawn.name, identity_box=drawn.identity, palette=palette)


def _without_last(layout: Layout) -> Layout | None:
    """The layout as it was before its last view was drawn."""
    return replace(layout, views=layout.views[:-1], version=layout.version - 1) if len(layout.views) > 1 else None


def _parsed(drawn: Drawn, content: bytes) -> Layout:
    return layouts.parse(content, source=f"{drawn.name}.toml")


def _panel(said: dict[str, Any]) -> Panel:
    name, numbers = str(said["name"]), _whole(said["at"])
    if said["shape"] == "circle":
        x, y, radius = numbers
        return Circle(name, (x, y), radius)
    return Rectangle(name, Box(*numbers))


def _whole(numbers: Any) -> list[int]:
    """The numbers, if all are whole; a row of ``orders`` may hold anything."""
    if not all(isinstance(number, int) for number in numbers):
        raise TypeError("a place is whole numbers")
    return list(numbers)
