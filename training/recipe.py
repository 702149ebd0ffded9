"""A recipe: everything a training run decides, in one TOML file, whose head says how to run it and what to expect.

``kind`` says what is trained: ``views``, one image one decision (``training.fit``), or ``study``, one
decision a patient (``training.study``). Each kind has a record of its own.
"""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from pydantic import ValidationError

from core.errors import PerfuscopeError
from training.fit.recipe import Stage, ViewsRecipe
from training.recipe_fields import Count, Data, Share, Split
from training.study.recipe import StudyRecipe

__all__ = ["KINDS", "Count", "Data", "Recipe", "Share", "Split", "Stage", "StudyRecipe", "ViewsRecipe", "find", "read"]

Recipe = ViewsRecipe | StudyRecipe
"""A recipe of any kind."""

KINDS: Mapping[str, type[Recipe]] = MappingProxyType({"views": ViewsRecipe, "study": StudyRecipe})
"""The record of each kind."""


def read(path: Path) -> Recipe:
    """The recipe in a TOML file; PerfuscopeError names what is wrong."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise PerfuscopeError(f"{path.name} is not a TOML file: {error}.") from error
    kind = KINDS.get(str(document.get("kind")))
    if kind is None:
        raise PerfuscopeError(f"{path.name}: kind must be one of {', '.join(KINDS)}, not {document.get('kind')!r}.")
    try:
        return kind.model_validate(document)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the recipe"
        raise PerfuscopeError(f"{path.name}: {where}: {first['msg']}.") from error


def find(name: str) -> Path:
    """The recipe called ``name``: a path, or the name of one that comes with Perfuscope."""
    home = Path(__file__).parent / "recipes"
    for path in (Path(name), home / f"{name}.toml"):
        if path.is_file():
            return path
    known = ", ".join(sorted(p.stem for p in home.glob("*.toml")))
    raise PerfuscopeError(f"{name} is neither a recipe file nor one of: {known}.")
