"""What an artifact was made of: data sets, source code, recipe, libraries, and the command that was typed."""

import hashlib
import platform
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from models.card import Lineage
from models.figures import Record

_LIBRARIES = ("tensorflow-cpu", "tensorflow", "keras", "ai-edge-litert", "numpy", "pillow")


def lineage(recipe: Record, manifests: Mapping[str, str]) -> Lineage:
    """The lineage of a training by ``recipe``; ``manifests`` are the data sets' SHA-256 by what they were used for."""
    digest = hashlib.sha256(recipe.model_dump_json().encode()).hexdigest()
    return Lineage(manifests=dict(manifests), commit=commit(Path(__file__).parent), recipe_sha256=digest)


def commit(folder: Path) -> str:
    """The commit of the source code in ``folder``, with ``+`` where files differ from it, or ``unknown``."""
    git = shutil.which("git")
    if git is None or not (folder.parent / ".git").exists():
        return "unknown"  # installed, perhaps into another project's repository
    found = [_asked(git, folder, *words) for words in (("rev-parse", "HEAD"), ("status", "--porcelain"))]
    head, changed = found
    return "unknown" if not head else f"{head}+" if changed else head


def _asked(git: str, folder: Path, *words: str) -> str:
    try:
        asked = subprocess.run(  # noqa: S603 - git by its full path, with words of our own
            [git, "-C", str(folder), *words], capture_output=True, text=True, timeout=20, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return asked.stdout.strip() if asked.returncode == 0 else ""


def command(arguments: Sequence[str]) -> str:
    """A command line as a card may hold it: of every path only its last name."""
    first, *rest = arguments
    name = "perfuscope" if Path(first).name == "__main__.py" else Path(first).name
    return " ".join([name, *(_last_name(word) for word in rest)])


def _last_name(word: str) -> str:
    option, equals, value = word.rpartition("=")
    return f"{option}{equals}{Path(value).name}" if "/" in value or "\\" in value else word


def libraries() -> dict[str, str]:
    """Versions of Python and of the libraries that decide about a model."""
    found: dict[str, str] = {"python": platform.python_version()}
    for name in _LIBRARIES:
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found
