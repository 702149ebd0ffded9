"""Audit events, decisions about quarantined objects, and what retention deleted."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def _phi() -> str | None:
    """ALTER TABLE does not follow the engine's translation of schema names, as CREATE TABLE does."""
    return None if op.get_bind().dialect.name == "sqlite" else "phi"


def upgrade() -> None:
    op.create_table(
        "audit_events",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.String(length=64), nullable=False),
        sa.Column("action", sa.String(length=40), nullable=False),
        sa.Column("study_id", sa.Uuid(), nullable=True),
        sa.Column("subject", sa.Uuid(), nullable=True),
        sa.Column("detail", sa.String(length=255), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_events")),
        schema="phi",
    )
    op.create_index(op.f("ix_audit_events_at"), "audit_events", ["at"], schema="phi")
    op.create_index(op.f("ix_audit_events_study_id"), "audit_events", ["study_id"], schema="phi")
    op.add_column("studies", sa.Column("identities_accepted", sa.String(length=64), nullable=True), schema=_phi())
    op.add_column("instances", sa.Column("decision", sa.String(length=40), nullable=True), schema=_phi())
    op.add_column("instances", sa.Column("purged_at", sa.DateTime(timezone=True), nullable=True), schema=_phi())
    op.add_column("reports", sa.Column("purged_at", sa.DateTime(timezone=True), nullable=True), schema=_phi())


def downgrade() -> None:
    op.drop_column("reports", "purged_at", schema=_phi())
    op.drop_column("instances", "purged_at", schema=_phi())
    op.drop_column("instances", "decision", schema=_phi())
    op.drop_column("studies", "identities_accepted", schema=_phi())
    op.drop_index(op.f("ix_audit_events_study_id"), table_name="audit_events", schema="phi")
    op.drop_index(op.f("ix_audit_events_at"), table_name="audit_events", schema="phi")
    op.drop_table("audit_events", schema="phi")
