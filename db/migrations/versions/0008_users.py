"""Users, their logins and tokens, and logins that failed."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_OWNER = "perfuscope_owner"
_GRANTS = {
    "users": "SELECT, INSERT, UPDATE",
    "web_sessions": "SELECT, INSERT, UPDATE, DELETE",
    "api_tokens": "SELECT, INSERT, UPDATE",
    "login_attempts": "SELECT, INSERT, DELETE",
}
"""The viewer's: it logs in and out, and administrators look after users on its pages. Nobody else reads them."""
_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    _make_users()
    _make_sessions()
    _make_tokens()
    _make_attempts()
    if op.get_bind().dialect.name != "sqlite":
        for table, privileges in _GRANTS.items():
            op.execute(f"ALTER TABLE phi.{table} OWNER TO {_OWNER}")
            op.execute(f"GRANT {privileges} ON phi.{table} TO perfuscope_viewer")


def downgrade() -> None:
    for table in ("login_attempts", "api_tokens", "web_sessions", "users"):
        op.drop_table(table, schema="phi")


def _make_users() -> None:
    op.create_table(
        "users",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(32), nullable=False),
        sa.Column("role", sa.String(40), nullable=False),
        sa.Column("password", sa.String(255), nullable=False),
        sa.Column("must_change", sa.Boolean(), nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("password_set_at", _TIME, nullable=False),
        sa.Column("last_login_at", _TIME, nullable=True),
        sa.Column("disabled_at", _TIME, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_users")),
        sa.UniqueConstraint("name", name=op.f("uq_users_name")),
        schema="phi",
    )


def _make_sessions() -> None:
    op.create_table(
        "web_sessions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("token_sha256", sa.String(64), nullable=False),
        sa.Column("opened_at", _TIME, nullable=False),
        sa.Column("seen_at", _TIME, nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["phi.users.id"], name=op.f("fk_web_sessions_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_web_sessions")),
        sa.UniqueConstraint("token_sha256", name=op.f("uq_web_sessions_token_sha256")),
        schema="phi",
    )
    op.create_index(op.f("ix_web_sessions_user_id"), "web_sessions", ["user_id"], schema="phi")


def _make_tokens() -> None:
    op.create_table(
        "api_tokens",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("label", sa.String(24), nullable=False),
        sa.Column("token_sha256", sa.String(64), nullable=False),
        sa.Column("scopes", sa.String(255), nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("expires_at", _TIME, nullable=False),
        sa.Column("last_used_at", _TIME, nullable=True),
        sa.Column("revoked_at", _TIME, nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["phi.users.id"], name=op.f("fk_api_tokens_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_tokens")),
        sa.UniqueConstraint("token_sha256", name=op.f("uq_api_tokens_token_sha256")),
        sa.UniqueConstraint("user_id", "label", name=op.f("uq_api_tokens_user_id_label")),
        schema="phi",
    )


def _make_attempts() -> None:
    op.create_table(
        "login_attempts",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("at", _TIME, nullable=False),
        sa.Column("name_key", sa.String(32), nullable=False),
        sa.Column("address", sa.String(45), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_login_attempts")),
        schema="phi",
    )
    op.create_index(op.f("ix_login_attempts_name_key_at"), "login_attempts", ["name_key", "at"], schema="phi")
    op.create_index(op.f("ix_login_attempts_address_at"), "login_attempts", ["address", "at"], schema="phi")
