"""Layouts are on probation, trusted or suspended; what was read of a screen is kept with it."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_OWNER = "perfuscope_owner"


def _sqlite() -> bool:
    return op.get_bind().dialect.name == "sqlite"


def _phi() -> str | None:
    return None if _sqlite() else "phi"


def upgrade() -> None:
    op.add_column("instances", sa.Column("checks", sa.JSON(), nullable=True), schema=_phi())
    op.add_column("view_images", sa.Column("checks", sa.JSON(), nullable=True))
    time = sa.DateTime(timezone=True)
    op.create_table(
        "layout_states",
        sa.Column("sha256", sa.String(64), primary_key=True),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("passed", sa.Integer(), nullable=False),
        sa.Column("trusted_at", time, nullable=True),
        sa.Column("suspended_at", time, nullable=True),
        sa.Column("suspended_by", sa.Uuid(), nullable=True),
        sa.Column("created_at", time, nullable=False),
    )
    if not _sqlite():
        op.execute(f"ALTER TABLE layout_states OWNER TO {_OWNER}")
        op.execute("GRANT SELECT, INSERT, UPDATE ON layout_states TO perfuscope_node")
        op.execute("GRANT SELECT ON layout_states TO perfuscope_viewer")


def downgrade() -> None:
    op.drop_table("layout_states")
    op.drop_column("view_images", "checks")
    op.drop_column("instances", "checks", schema=_phi())
