"""The one place that reads the environment and ``perfuscope.toml``; everything else gets its values as arguments."""

import difflib
import os
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

from core.errors import SettingsError
from core.types import View

AeTitle = Annotated[
    str,
    Field(
        min_length=1,
        max_length=16,
        pattern=r"^[\x21-\x5b\x5d-\x7e]([\x20-\x5b\x5d-\x7e]*[\x21-\x5b\x5d-\x7e])?$",
    ),
]
Port = Annotated[int, Field(ge=1, le=65535)]
Seconds = Annotated[float, Field(gt=0, le=30 * 24 * 3600)]


class Peer(BaseModel):
    """A DICOM application that may send to us or receive from us."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9._-]+$")]
    ae_title: AeTitle
    host: str = "127.0.0.1"
    port: Port = 104
    may_send: bool = True
    may_receive: bool = True


class ViewRule(BaseModel):
    """Which view a screen's header names: every keyword's value must match its pattern (case-insensitive search).

    The first rule that matches decides. ``view = "none"`` lists a screen without classifying it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    view: View | Literal["none"]
    keywords: dict[str, str] = Field(min_length=1)


class ReportSettings(BaseModel):
    """Where reports go and how hard delivery is tried."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    destination: str = "sender"
    send_no_result: bool = False
    max_attempts: Annotated[int, Field(ge=1, le=1000)] = 30
    timeout_s: Seconds = 30


class Settings(BaseSettings):
    """Every setting, checked; defaults are those of the embedded shape."""

    model_config = SettingsConfigDict(env_prefix="PERFUSCOPE_", env_nested_delimiter="__", extra="forbid", frozen=True)

    home: Path = Path("~/.perfuscope")
    database_url: str | None = Field(default=None, repr=False)
    broker_url: str | None = Field(default=None, repr=False)

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
    report: ReportSettings = ReportSettings()
    view_rules: tuple[ViewRule, ...] = ()
    """None given: the rules that come with Perfuscope."""

    @field_validator("home")
    @classmethod
    def _absolute_home(cls, home: Path) -> Path:
        return home.expanduser().absolute()

    @model_validator(mode="after")
    def _names_agree(self) -> "Settings":
        names = [p.name for p in self.peers]
        if len(set(names)) != len(names):
            raise ValueError("peers: two peers have the same name")
        if "sender" in names:
            raise ValueError("peers: the name 'sender' is taken (it means: back to whoever sent the study)")
        if self.report.destination not in ("sender", *names):
            allowed = ", ".join(["sender", *names])
            msg = f"report.destination = {self.report.destination!r} is no peer; allowed: {allowed}"
            raise ValueError(msg)
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
_RESERVED = {"WEB_HOST", "WEB_PORT", "CONFIG"}
"""Names that other releases read; they are let through."""


def load(config: Path | None = None, **overrides: Any) -> Settings:
    """The settings in force: ``overrides`` over ``PERFUSCOPE_*`` over the file (``config``, or the home folder's).

    Raises ``SettingsError`` with one sentence naming the setting, its value and what is allowed.
    """
    given = {name: value for name, value in overrides.items() if value is not None}
    _refuse_unknown_variables()
    try:
        home = Path(given.get("home") or os.environ.get("PERFUSCOPE_HOME") or Settings.model_fields["home"].default)
        path = config or home.expanduser() / FILE_NAME
        if config is not None and not config.is_file():
            msg = f"the settings file {config} does not exist"
            raise SettingsError(msg)

        class FromFile(Settings):
            model_config = SettingsConfigDict(toml_file=path)

        return FromFile(**given)
    except ValidationError as error:
        raise SettingsError(_sentence(error)) from None
    except tomllib.TOMLDecodeError as error:
        msg = f"the settings file {path} is not valid TOML: {error}"
        raise SettingsError(msg) from None


def _refuse_unknown_variables() -> None:
    known = {name.upper() for name in Settings.model_fields} | _RESERVED
    for variable in os.environ:
        name = variable.removeprefix("PERFUSCOPE_")
        if name != variable and name.partition("__")[0] not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"; did you mean PERFUSCOPE_{near[0]}?" if near else ""
            msg = f"the environment variable {variable} is no setting{hint}"
            raise SettingsError(msg)


def _sentence(error: ValidationError) -> str:
    first = error.errors()[0]
    name = ".".join(str(part) for part in first["loc"])
    if not name:
        return first["msg"].removeprefix("Value error, ")
    if first["type"] == "extra_forbidden":
        return f"{name} is no setting"
    return f"{name} = {first['input']!r} is not allowed: {first['msg'][0].lower()}{first['msg'][1:]}"
