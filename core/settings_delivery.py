"""The settings of delivery: who the peers are, what goes to whom, and how hard it is tried."""

from datetime import tzinfo
from fnmatch import fnmatchcase
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field

from core.settings_fields import AePattern, AeTitle, PeerName, Port, Seconds, ZoneName

SENDER = "sender"
"""As a destination: back to the peer that has the AE title by which the study was sent."""

Kind = Literal["sc", "sr", "notice"]
"""What may be routed: the page, the structured report, the page that says why there is no result."""


SrClass = Literal["comprehensive_3d", "comprehensive", "enhanced"]
"""The classes of structured report (PS3.3 A.35)."""


class Peer(BaseModel):
    """A DICOM application that may send to us or receive from us."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: PeerName
    ae_title: AeTitle
    host: str = "127.0.0.1"
    port: Port = 104
    may_send: bool = True
    may_receive: bool = True
    commitment: bool = False
    find: bool = False


class Route(BaseModel):
    """Where reports on studies of some senders go. Every route whose pattern fits the calling AE title counts."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    calling: AePattern = "*"
    destinations: tuple[str, ...] = Field(min_length=1)
    kinds: tuple[Kind, ...] = Field(default=("sc", "sr", "notice"), min_length=1)
    commitment: bool = True

    def fits(self, ae_title: str) -> bool:
        """Whether studies that came by this AE title go by this route."""
        return fnmatchcase(ae_title, self.calling)


class ReportSettings(BaseModel):
    """Where reports go and how hard delivery is tried."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    destination: str = SENDER
    send_no_result: bool = False
    show_patient: bool = True
    """Whether the page shows whom it is about; else nothing of the header is in its pixels."""
    timezone: ZoneName = "local"
    sr_class: SrClass = "comprehensive_3d"
    max_attempts: Annotated[int, Field(ge=1, le=1000)] = 30
    longest_wait_s: Seconds = 3600
    timeout_s: Seconds = 30
    commitment_timeout_s: Seconds = 900
    commitment_attempts: Annotated[int, Field(ge=1, le=100)] = 3
    reject_superseded: bool = False

    @property
    def zone(self) -> tzinfo | None:
        """The zone that a report's times are written in, where the source names none; None is this machine's."""
        return None if self.timezone == "local" else ZoneInfo(self.timezone)


def routing_mistake(peers: tuple[Peer, ...], routes: tuple[Route, ...], report: ReportSettings) -> str | None:
    """The sentence about the first destination that cannot be one, if there is one."""
    named = {peer.name: peer for peer in peers}
    wanted = [("report.destination", report.destination)]
    wanted += [(f"routes.{n}.destinations", name) for n, route in enumerate(routes) for name in route.destinations]
    for setting, name in wanted:
        if name not in (SENDER, *named):
            return f"{setting} = {name!r} is no peer; allowed: {', '.join([SENDER, *named])}"
        if name != SENDER and not named[name].may_receive:
            return f"{setting} = {name!r}: that peer has may_receive = false"
    return None
