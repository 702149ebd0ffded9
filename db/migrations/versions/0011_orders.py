"""What administrators ask for on the pages; the audit trail by who and what."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_OWNER = "perfuscope_owner"
_TIME = sa.DateTime(timezone=True)
_NOT_TAKEN = sa.text("taken_at IS NULL")
_GRANTS = (
    f"ALTER TABLE phi.orders OWNER TO {_OWNER}",
    "GRANT SELECT, INSERT ON phi.orders TO perfuscope_viewer",
    "GRANT SELECT, UPDATE (taken_at, done_at, state, said) ON phi.orders TO perfuscope_node",
    # The edge worker puts a stored model in force; a new one is stored by the owner.
    "GRANT UPDATE (active, activations) ON model_versions TO perfuscope_node",
)


def upgrade() -> None:
    op.create_table(
        "orders",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(40), nullable=False),
        sa.Column("actor", sa.String(64), nullable=False),
        sa.Column("subject", sa.Uuid(), nullable=True),
        sa.Column("asked", sa.JSON(), nullable=False),
        sa.Column("asked_at", _TIME, nullable=False),
        sa.Column("taken_at", _TIME, nullable=True),
        sa.Column("done_at", _TIME, nullable=True),
        sa.Column("state", sa.String(40), nullable=False),
        sa.Column("said", sa.JSON(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_orders")),
        schema="phi",
    )
    op.create_index(
        "ix_orders_not_taken",
        "orders",
        ["asked_at"],
        schema="phi",
        sqlite_where=_NOT_TAKEN,
        postgresql_where=_NOT_TAKEN,
    )
    op.create_index(op.f("ix_orders_asked_at"), "orders", ["asked_at"], schema="phi")
    for column in ("actor", "action"):
        op.create_index(op.f(f"ix_audit_events_{column}_at"), "audit_events", [column, "at"], schema="phi")
    if op.get_bind().dialect.name != "sqlite":
        for statement in _GRANTS:
            op.execute(statement)


def downgrade() -> None:
    if op.get_bind().dialect.name != "sqlite":
        op.execute("REVOKE UPDATE (active, activations) ON model_versions FROM perfuscope_node")
    for column in ("action", "actor"):
        op.drop_index(op.f(f"ix_audit_events_{column}_at"), "audit_events", schema="phi")
    op.drop_table("orders", schema="phi")
