"""docs/evidence.md as sections, one a step: a step that was not run anew keeps what the page says of it."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from core import TRAINED_ON, __version__

_MARK = re.compile(r"^<!-- (\w+) -->$", re.MULTILINE)


def sections(page: Path) -> dict[str, str]:
    """What the page says, by step."""
    if not page.exists():
        return {}
    _, *parts = _MARK.split(page.read_text(encoding="utf-8"))
    return {name: text.strip("\n") for name, text in zip(parts[::2], parts[1::2], strict=True)}


def write(page: Path, *, fresh: Mapping[str, Iterable[str]], order: Iterable[str]) -> None:
    """Write the page in that order: ``fresh`` sections, and of the other steps what stood there."""
    said = sections(page) | {name: "\n".join(lines).strip("\n") for name, lines in fresh.items()}
    head = f"# Evidence\n\nWritten by `make evidence` of Perfuscope {__version__}. {TRAINED_ON}\n"
    found = [f"<!-- {name} -->\n{said[name]}\n" for name in order if name in said]
    page.write_text("\n".join([head, *found]), encoding="utf-8")
