"""Options that many commands share, and how a command gets its settings and database."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from core import settings as core_settings
from core.errors import SettingsError
from core.settings import Settings

if TYPE_CHECKING:
    from db.session import Sessions

Home = Annotated[
    Path | None,
    typer.Option("--home", help="Store, database and settings (PERFUSCOPE_HOME; default: ~/.perfuscope)."),
]
Config = Annotated[
    Path | None,
    typer.Option("--config", help="Settings file. (default: perfuscope.toml in the home folder)"),
]


def settings(
    home: Path | None = None, config: Path | None = None, *, with_store: bool = True, **overrides: Any
) -> Settings:
    """The settings in force, and the home folder made for nobody but its owner; with a store in the identified zone."""
    named = os.environ.get("PERFUSCOPE_CONFIG")
    found = core_settings.load(config or (Path(named) if named else None), home=home, **overrides)
    os.umask(0o077)
    try:
        for folder in (found.home, *((found.store, found.incoming) if with_store else ())):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        msg = f"home = {str(found.home)!r} cannot be used: {error.strerror}"
        raise SettingsError(msg) from None
    return found


def asked(home: Path | None = None, config: Path | None = None) -> Settings:
    """The settings in force, for a command that only asks: it makes no folder."""
    named = os.environ.get("PERFUSCOPE_CONFIG")
    os.umask(0o077)
    return core_settings.load(config or (Path(named) if named else None), home=home)


def installed(home: Path | None = None, config: Path | None = None) -> Settings:
    """As ``asked``; SettingsError where the database would be one in the home folder and is not there yet."""
    found = asked(home, config)
    if found.database_url is None and not (found.home / "perfuscope.db").exists():
        msg = f"there is no Perfuscope in {found.home} yet; start it: perfuscope up, or run: perfuscope db upgrade"
        raise SettingsError(msg)
    return found


def sessions(found: Settings) -> "Sessions":
    """The database, refused with the command to run if its schema is outdated."""
    from db import schema
    from db.session import Sessions, make_engine

    engine = make_engine(found.database)
    schema.check(engine)
    return Sessions(engine)


def environment(found: Settings, config: Path | None) -> dict[str, str]:
    """The environment by which a child process gets the same settings."""
    env = dict(os.environ)
    env["PERFUSCOPE_HOME"] = str(found.home)
    env["PERFUSCOPE_DICOM_PORT"] = str(found.dicom_port)
    env["PERFUSCOPE_WEB_PORT"] = str(found.web_port)
    if config is not None:
        env["PERFUSCOPE_CONFIG"] = str(config.absolute())
    return env
