"""What ``perfuscope layout check`` says of a file: as lines for people, and as JSON."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.padding import Padding

from cli.sentences import shown
from core.types import Reason

if TYPE_CHECKING:
    from dicom_node.layouts import Caption, Layout, Match


@dataclass(frozen=True, slots=True)
class Checked:
    """What became of one file."""

    file: Path
    size: str
    compared: "tuple[Match, ...]" = ()
    """Every view of every layout of the image's size."""
    match: "Match | None" = None
    reason: Reason | None = None
    detail: str = ""
    picture: Path | None = None
    with_header: bool = True

    @property
    def refused(self) -> str:
        """Why there is no match, in words."""
        said = self.reason.sentence if self.reason else ""
        return f"{said} ({self.detail})" if self.detail else said


def as_json(one: Checked) -> dict[str, Any]:
    """What became of a file, as JSON."""
    found = one.match
    return {
        "file": str(one.file),
        "size": one.size or None,
        "size_known": bool(one.compared),
        "layout": found.name if found else None,
        "version": found.version if found else None,
        "sha256": found.layout.sha256 if found else None,
        "shipped": found.layout.shipped if found else None,
        "view": found.view if found else None,
        "reason": one.reason,
        "detail": one.detail or None,
        "picture": str(one.picture) if one.picture else None,
        "compared": [_compared(match, with_header=one.with_header) for match in one.compared],
    }


def _compared(match: "Match", *, with_header: bool) -> dict[str, Any]:
    layout, screen = match.layout, match.screen
    return {
        "layout": layout.name,
        "version": layout.version,
        "view": screen.view,
        "agrees": match.agrees,
        "rank": layout.rank,
        "header": {
            keyword: (keyword not in match.unmet) if with_header else None for keyword in layout.criteria.keywords
        },
        "outlines": {p.name: round(score, 3) for p, score in zip(screen.panels, match.ring_scores, strict=True)},
        "outline_needed": layout.ring.share,
        "captions": [
            {"box": list(c.box), "score": round(score, 3), "needed": c.agreement}
            for c, score in zip(screen.captions, match.caption_scores, strict=True)
        ],
    }


def show(checked: list[Checked], known: "tuple[Layout, ...]") -> None:
    """Print what became of each file; ``known`` are the layouts asked."""
    console = Console()
    sizes = ", ".join(sorted({f"{layout.columns} x {layout.rows}" for layout in known}))
    for number, one in enumerate(checked, start=1):
        size = f"  [dim]{one.size}[/dim]" if one.size else ""
        console.print(f"[bold]{number}[/bold]  {shown(one.file.name)}{size}", highlight=False)
        for line in _lines(one, sizes):
            console.print(Padding(line, (0, 0, 0, 3)), highlight=False)


def _lines(one: Checked, sizes: str) -> Iterator[str]:
    if one.match:
        origin = "shipped" if one.match.layout.shipped else "this site's"
        said = f"{shown(one.match.name)} version {one.match.version} ({origin})"
        yield f"[green]known[/green] as {one.match.view.caption} of {said}"
        yield from (f"[dim]{line}[/dim]" for line in _why(one.match, one.compared, with_header=one.with_header))
    else:
        yield f"[red]not known[/red]: {shown(one.refused)}"
        if one.reason is Reason.WRONG_SIZE:
            yield f"[dim]sizes of the layouts asked: {sizes}[/dim]"
        for match in one.compared:
            yield f"{shown(match.name)}, {match.view.caption}:"
            yield from (f"[dim]  {line}[/dim]" for line in _lacks(match))
    if one.picture:
        yield f"picture {shown(str(one.picture))}"


def _why(match: "Match", compared: "tuple[Match, ...]", *, with_header: bool) -> Iterator[str]:
    layout = match.layout
    yield _outlines(match)
    yield _captions(match)
    asked = layout.criteria.keywords if with_header else ()
    said = f"{', '.join(asked)} as asked" if asked else "nothing asked"
    yield f"header: {said}{'' if with_header else ', a picture file has none'}"
    others = [other for other in compared if other.agrees and other.layout is not layout]
    for other in others:
        yield f"{shown(other.name)} agrees too, but {_order(layout)} goes before {_order(other.layout)}"


def _order(layout: "Layout") -> str:
    return f"rank {layout.rank} with {len(layout.criteria)} header keys"


def _lacks(match: "Match") -> Iterator[str]:
    """What does not fit, with how well it fits and how well it should."""
    if match.agrees:
        yield "agrees"
    if match.unmet:
        yield f"header: {', '.join(match.unmet)} not as asked"
    if match.ring_score < match.layout.ring.share:
        yield _outlines(match)
    if any(score < caption.agreement for score, caption in _read(match)):
        yield _captions(match)


def _outlines(match: "Match") -> str:
    scores = zip(match.screen.panels, match.ring_scores, strict=True)
    said = ", ".join(f"{panel.name} {score:.2f}" for panel, score in scores)
    return f"outlines: {said} ({match.layout.ring.share:.2f} needed)"


def _captions(match: "Match") -> str:
    return f"captions: {', '.join(f'{score:.2f} ({caption.agreement:.2f} needed)' for score, caption in _read(match))}"


def _read(match: "Match") -> "Iterator[tuple[float, Caption]]":
    return zip(match.caption_scores, match.screen.captions, strict=True)
