"""The one place that reads the environment and ``perfuscope.toml``; everything else gets its values as arguments."""

import os
import re
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)
from pydantic_settings import SettingsError as UnreadableVariable

from core import SELF_TEST_AE, settings_sentences
from core.errors import SettingsError
from core.settings_delivery import SENDER, Peer, ReportSettings, Route, routing_mistake
from core.settings_fields import AeTitle, BrokerUrl, DatabaseUrl, Days, Port, Seconds
from core.settings_web import WebSettings, exposure_mistake
from core.types import View

__all__ = [
    "SENDER",
    "ChecksSettings",
    "Peer",
    "ReportSettings",
    "RetentionSettings",
    "Route",
    "Settings",
    "ViewRule",
    "WebSettings",
    "load",
    "names",
]


class ViewRule(BaseModel):
    """Which view a screen's header names: every keyword's value must match its pattern (case-insensitive search).

    The first rule that matches decides. ``view = "none"`` lists a screen without classifying it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    view: View | Literal["none"]
    keywords: dict[str, str] = Field(min_length=1)
    senders: tuple[AeTitle, ...] = ()
    """AE titles the rule is for; none given: for everybody's objects."""

    @field_validator("keywords")
    @classmethod
    def _patterns(cls, keywords: dict[str, str]) -> dict[str, str]:
        for keyword, pattern in keywords.items():
            try:
                re.compile(pattern)
            except re.error as error:
                msg = f"{pattern!r} for {keyword} is not a regular expression ({error.msg})"
                raise ValueError(msg) from None
        return keywords


CheckWhen = Literal["off", "probation", "always"]


class ChecksSettings(BaseModel):
    """When screens are read for text; ``probation``: only those of layouts that are neither shipped nor trusted yet."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    text: CheckWhen = "probation"
    """Text inside what would be kept."""
    identity: CheckWhen = "probation"
    """The name, ID and birth date burned in, against the header's."""


class RetentionSettings(BaseModel):
    """How long what is done is kept; None: for ever."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    objects_days: Days | None = None
    studies_days: Days | None = None


class Settings(BaseSettings):
    """Every setting, checked; defaults are those of the embedded shape."""

    model_config = SettingsConfigDict(
        env_prefix="PERFUSCOPE_", env_nested_delimiter="__", env_ignore_empty=True, extra="forbid", frozen=True
    )

    home: Path = Path("~/.perfuscope")
    database_url: DatabaseUrl | None = Field(default=None, repr=False)
    broker_url: BrokerUrl | None = Field(default=None, repr=False)

    ae_title: AeTitle = "PERFUSCOPE"
    dicom_host: str = "127.0.0.1"
    dicom_port: Port = 11112
    accept_any_peer: bool = False
    check_called_ae: bool = True
    max_associations: Annotated[int, Field(ge=1, le=1000)] = 50
    max_pdu_bytes: Annotated[int, Field(ge=4096, le=128 * 1024 * 1024)] = 1024 * 1024
    max_object_mb: Annotated[int, Field(ge=1, le=64 * 1024)] = 2048
    min_free_disk_mb: Annotated[int, Field(ge=0)] = 1024
    network_timeout_s: Seconds = 60

    web_host: str = "127.0.0.1"
    web_port: Port = 8080

    quiet_period_s: Seconds = 30
    study_cap_s: Seconds = 3600
    association_wait_s: Annotated[float, Field(ge=0, le=60)] = 1.0
    lease_s: Annotated[float, Field(ge=1, le=3600)] = 30
    ring_again_s: Annotated[float, Field(ge=0.1, le=3600)] = 5
    max_attempts: Annotated[int, Field(ge=1, le=100)] = 5

    edge_processes: Annotated[int, Field(ge=1, le=64)] = 2
    inference_processes: Annotated[int, Field(ge=1, le=64)] = 1
    model: Path | None = None
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"

    peers: tuple[Peer, ...] = ()
    routes: tuple[Route, ...] = ()
    """None given: everything goes to ``report.destination``."""
    report: ReportSettings = ReportSettings()
    checks: ChecksSettings = ChecksSettings()
    retention: RetentionSettings = RetentionSettings()
    web: WebSettings = WebSettings()
    layouts: tuple[Path, ...] = ()
    """Files of further screen layouts, beside those that come with Perfuscope."""
    view_rules: tuple[ViewRule, ...] = ()
    """None given: the rules that come with Perfuscope."""

    @field_validator("home", "model")
    @classmethod
    def _absolute(cls, path: Path | None) -> Path | None:
        return None if path is None else path.expanduser().absolute()

    @field_validator("layouts")
    @classmethod
    def _all_absolute(cls, paths: tuple[Path, ...]) -> tuple[Path, ...]:
        return tuple(path.expanduser().absolute() for path in paths)

    @model_validator(mode="after")
    def _names_agree(self) -> "Settings":
        names = [p.name for p in self.peers]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            msg = f"peers: two peers have the name {twice!r}; names must differ"
            raise ValueError(msg)
        if any(p.ae_title == SELF_TEST_AE for p in self.peers):
            msg = f"peers: the AE title {SELF_TEST_AE!r} is taken: perfuscope doctor tests by it"
            raise ValueError(msg)
        if SENDER in names:
            raise ValueError("peers: the name 'sender' is taken (it means: back to whoever sent the study)")
        mistake = routing_mistake(self.peers, self.routes, self.report) or exposure_mistake(self.web_host, self.web)
        if mistake is not None:
            raise ValueError(mistake)
        return self

    @property
    def database(self) -> str:
        """The SQLAlchemy URL in force."""
        return self.database_url or f"sqlite:///{self.home / 'perfuscope.db'}"

    @property
    def store(self) -> Path:
        """Where received objects and built reports are kept."""
        return self.home / "store"

    @property
    def incoming(self) -> Path:
        """Where an object grows while it arrives: on the store's file system, so that a rename is atomic."""
        return self.home / "incoming"

    @property
    def cache(self) -> Path:
        """Model artifacts by SHA-256; may be emptied at any time."""
        return self.home / "cache"

    @property
    def drawn_layouts(self) -> Path:
        """Where layouts that were drawn on the pages are kept: each file there is in force."""
        return self.home / "layouts"

    @property
    def layout_files(self) -> tuple[Path, ...]:
        """The files of further layouts: those that the settings name, and those that were drawn."""
        return (*self.layouts, *sorted(self.drawn_layouts.glob("*.toml")))

    def peer_of(self, ae_title: str) -> Peer | None:
        """The first peer with that AE title that may receive reports."""
        return next((p for p in self.peers if p.ae_title == ae_title and p.may_receive), None)

    def peer_named(self, name: str) -> Peer | None:
        """The peer of that name."""
        return next((p for p in self.peers if p.name == name), None)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the signature is pydantic's
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - see above
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Command line over environment over file."""
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)


FILE_NAME = "perfuscope.toml"
_RESERVED = {"CONFIG"}
"""Read by ``cli``; no setting."""


def names() -> tuple[str, ...]:
    """The dotted name of every setting; a table's own name is none."""
    tables: dict[str, type[BaseModel]] = {
        "peers": Peer,
        "routes": Route,
        "report": ReportSettings,
        "checks": ChecksSettings,
        "retention": RetentionSettings,
        "web": WebSettings,
        "view_rules": ViewRule,
    }
    plain = [name for name in Settings.model_fields if name not in tables]
    return (*plain, *(f"{table}.{name}" for table, model in tables.items() for name in model.model_fields))


def load(config: Path | None = None, **overrides: Any) -> Settings:
    """The settings in force: ``overrides`` over ``PERFUSCOPE_*`` over the file (``config``, or the home folder's).

    Raises ``SettingsError`` with one sentence naming the setting, its value and what is allowed.
    """
    given = {name: value for name, value in overrides.items() if value is not None}
    _refuse_unknown_variables()
    home = Path(given.get("home") or os.environ.get("PERFUSCOPE_HOME") or Settings.model_fields["home"].default)
    _refuse_no_home(home)
    path = config or home.expanduser() / FILE_NAME
    if config is not None and not config.is_file():
        msg = f"there is no settings file {config}"
        raise SettingsError(msg)
    try:
        found = _from(path, given)
    except ValidationError as error:
        raise SettingsError(settings_sentences.of(error, known=names())) from None
    except UnreadableVariable as error:
        raise SettingsError(settings_sentences.unreadable_variable(error)) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        msg = f"the settings file {path} is not valid TOML: {error}"
        raise SettingsError(msg) from None
    except OSError as error:
        msg = f"the settings file {path} cannot be read: {error.strerror}"
        raise SettingsError(msg) from None
    if config is None and found.home != home.expanduser().absolute():
        msg = f"home = {str(found.home)!r} in {path} leads away from that file; name the file with --config"
        raise SettingsError(msg)
    return found


def _refuse_no_home(home: Path) -> None:
    """Where nobody says whose home ``~`` is, it would be a folder of the root or of wherever we are."""
    if home.parts[:1] == ("~",) and os.environ.get("HOME") == "":
        msg = f"home = {str(home)!r}, but HOME is empty; name the folder by PERFUSCOPE_HOME"
        raise SettingsError(msg)


def _from(path: Path, given: dict[str, Any]) -> Settings:
    class FromFile(Settings):
        model_config = SettingsConfigDict(toml_file=path)

    return FromFile(**given)


def _refuse_unknown_variables() -> None:
    known = {name.upper() for name in Settings.model_fields} | _RESERVED
    for variable in os.environ:
        name = variable.removeprefix("PERFUSCOPE_")
        first, joint, rest = name.partition("__")
        if name != variable and first not in known:
            near = settings_sentences.hint(first, known, before="PERFUSCOPE_", after=joint + rest)
            msg = f"the environment variable {variable} is no setting{near}"
            raise SettingsError(msg)
