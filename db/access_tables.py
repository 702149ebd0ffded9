"""The tables of users, their logins and their programs' tokens. They stand in ``phi``: no other zone may read them."""

from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from core.roles import Role
from db.tables import PHI, Base

NAME_LENGTH, LABEL_LENGTH = 32, 24
"""Together they fit where the audit trail keeps who did it."""


class User(Base):
    """Somebody who may log in. Rows stay, so that a name never comes to mean somebody else."""

    __tablename__ = "users"
    __table_args__ = ({"schema": PHI},)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    name: Mapped[str] = mapped_column(String(NAME_LENGTH), unique=True)
    role: Mapped[Role]
    password: Mapped[str] = mapped_column(String(255))
    """Its Argon2id hash, with salt and costs."""
    must_change: Mapped[bool]
    """Whether the password was set by somebody else."""
    created_at: Mapped[datetime]
    password_set_at: Mapped[datetime]
    last_login_at: Mapped[datetime | None]
    disabled_at: Mapped[datetime | None]


class WebSession(Base):
    """A login. The browser has the token, this the token's hash; a login that ended has no row."""

    __tablename__ = "web_sessions"
    __table_args__ = ({"schema": PHI},)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    user_id: Mapped[UUID] = mapped_column(ForeignKey(User.id), index=True)
    token_sha256: Mapped[str] = mapped_column(String(64), unique=True)
    opened_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    """When its user last opened something, to the minute."""


class ApiToken(Base):
    """A program's key to the API, good for some scopes, for its user's role, until a day."""

    __tablename__ = "api_tokens"
    __table_args__ = (UniqueConstraint("user_id", "label"), {"schema": PHI})

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    user_id: Mapped[UUID] = mapped_column(ForeignKey(User.id))
    label: Mapped[str] = mapped_column(String(LABEL_LENGTH))
    token_sha256: Mapped[str] = mapped_column(String(64), unique=True)
    scopes: Mapped[str] = mapped_column(String(255))
    """With blanks between them."""
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    last_used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class LoginAttempt(Base):
    """A login that failed. What was typed as a name is not kept: it may have been a password."""

    __tablename__ = "login_attempts"
    __table_args__ = (Index(None, "name_key", "at"), Index(None, "address", "at"), {"schema": PHI})

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    at: Mapped[datetime]
    name_key: Mapped[str] = mapped_column(String(32))
    """The user's id, or a digest that only the process that made it can make again."""
    address: Mapped[str] = mapped_column(String(45))
