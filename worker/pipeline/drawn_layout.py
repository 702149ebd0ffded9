"""A layout that was drawn on a screen in quarantine: proved as ``perfuscope layout new`` does, saved, on probation."""

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from core.errors import PerfuscopeError, Rejected
from core.orders import LAYOUT_NAME
from core.settings import Settings
from core.types import View
from db.order_tables import Order
from db.session import Sessions
from db.tables import Instance
from dicom_node import layout_decisions, layouts, screen_files
from dicom_node.inbox import Inbox
from dicom_node.layouts import Box, Circle, Layout, Panel, Rectangle, starting, writing
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
        """PerfuscopeError for an order that is not of the page's making: its name becomes a file's."""
        if not LAYOUT_NAME.fullmatch(str(asked.get("name", ""))):
            raise PerfuscopeError("that drawing has no name that a layout may have")
        try:
            return cls(
                name=str(asked["name"]),
                view=View(asked["view"]),
                captions=tuple(Box(*box) for box in asked["captions"]),
                identity=Box(*asked["identity"]) if asked["identity"] else None,
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
    path = settings.drawn_layouts / f"{drawn.name}.toml"
    made = _proved(drawn, _screen(order, sessions, inbox, drawn), path)
    content = writing.toml(made).encode()
    found = layouts.parse(content, source=path.name)
    others = [layouts.load(other) for other in settings.layout_files if other != path]
    layouts.check_together((*layouts.shipped(), *others, found))

    def act(session: Session, asked: Order, now: datetime) -> dict[str, Any]:
        subject = asked.subject or asked.id
        again = layout_decisions.drawn(session, found, subject=subject, actor=asked.actor, now=now)
        _write(path, content)
        kept = ", ".join(panel.name for panel in found.views[-1].panels)
        return {
            "text": f"{found.name} version {found.version} keeps {kept} of {drawn.view.caption} and is on probation; "
            f"{again} {'screen is' if again == 1 else 'screens are'} prepared again"
        }

    return act


def _screen(order: Order, sessions: Sessions, inbox: Inbox, drawn: Drawn) -> Example:
    with sessions.read() as session:
        instance = session.get(Instance, order.subject) if order.subject else None
    if instance is None or instance.purged_at is not None:
        raise PerfuscopeError("the screen's file is not there any more")
    try:
        screen = screen_files.read(inbox.path(instance.path))
    except (Rejected, OSError):
        raise PerfuscopeError("the screen cannot be read") from None
    return Example(screen.pixels, screen.header, drawn.view, drawn.captions, drawn.panels)


def _proved(drawn: Drawn, example: Example, path: Path) -> Layout:
    """A new layout, or a further view of one that was drawn before, which then is a new version."""
    if path.is_file():
        before = layouts.load(path)
        if any(known.view is drawn.view for known in before.views):
            msg = f"{drawn.name} knows {drawn.view.caption} already: give this one another name"
            raise PerfuscopeError(msg)
        made = starting.extended(before, example)
        return replace(made, version=before.version + 1)
    palette = layouts.shipped()[0].palette
    return starting.layout(example, name=drawn.name, identity_box=drawn.identity, palette=palette)


def _write(path: Path, content: bytes) -> None:
    """All of it or nothing, durably; the same again changes nothing."""
    path.parent.mkdir(mode=0o700, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    with part.open("wb") as opened:
        opened.write(content)
        opened.flush()
        os.fsync(opened.fileno())
    part.replace(path)


def _panel(said: dict[str, Any]) -> Panel:
    name, numbers = str(said["name"]), [int(number) for number in said["at"]]
    if said["shape"] == "circle":
        x, y, radius = numbers
        return Circle(name, (x, y), radius)
    return Rectangle(name, Box(*numbers))
