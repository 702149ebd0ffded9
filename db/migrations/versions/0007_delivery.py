"""Requests for storage commitment, how destinations do, counters; the admins' view knows what was committed."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_OWNER = "perfuscope_owner"
_NEW = ("phi.commitments", "phi.commitment_items", "destination_states", "counters")

_STATE_BEFORE = """
       (SELECT CASE max(CASE WHEN j.id IS NULL THEN 0 WHEN j.state = 'dead' THEN 4
                             WHEN j.state <> 'done' THEN 3 WHEN j.error = 'superseded' THEN 1 ELSE 2 END)
                    WHEN 4 THEN 'failed' WHEN 3 THEN 'waiting' WHEN 2 THEN 'sent' WHEN 1 THEN 'superseded'
                    WHEN 0 THEN 'no_destination' END
"""
_STATE = """
       (SELECT CASE max(CASE WHEN j.id IS NULL THEN 0 WHEN j.state = 'dead' THEN 6
                             WHEN j.state <> 'done' THEN 5 WHEN j.error = 'unconfirmed' THEN 4
                             WHEN j.error = 'superseded' THEN 1 WHEN j.error = 'committed' THEN 2 ELSE 3 END)
                    WHEN 6 THEN 'failed' WHEN 5 THEN 'waiting' WHEN 4 THEN 'unconfirmed' WHEN 3 THEN 'sent'
                    WHEN 2 THEN 'committed' WHEN 1 THEN 'superseded' WHEN 0 THEN 'no_destination' END
"""
_V_RESULTS = """
{verb} VIEW v_results AS
SELECT s.id AS study_id, s.study_instance_uid, s.patient_id, s.accession_number, s.received_at,
       CASE WHEN c.id IS NULL AND s.waiting_since IS NOT NULL AND EXISTS (
                 SELECT 1 FROM {phi}instances i WHERE i.study_id = s.id AND i.state = 'received') THEN 'preparing'
            WHEN c.id IS NULL THEN 'receiving'
            WHEN c.stage = 'done' AND c.outcome IS NOT NULL THEN c.outcome
            ELSE c.stage END AS state,
       c.revision, p.label, p.status, p.p_normal, p.p_ischemia, p.p_infarction, c.reason, c.detail,
       c.done_at AS completed_at, m.name AS model_name, m.version AS model_version, m.sha256 AS model_sha256,
       {state}
          FROM {phi}reports r LEFT JOIN jobs j ON j.subject = r.id AND j.stage = 'deliver'
         WHERE r.case_id = c.id) AS report_state
  FROM {phi}studies s
  LEFT JOIN cases c ON c.study_id = s.id AND c.superseded_at IS NULL
  LEFT JOIN predictions p ON p.case_id = c.id AND p.view = ''
  LEFT JOIN model_versions m ON m.id = c.model_version_id
"""


def _sqlite() -> bool:
    return op.get_bind().dialect.name == "sqlite"


def upgrade() -> None:
    _make_commitments()
    _make_states()
    _replace_view(_STATE)
    if not _sqlite():
        for table in _NEW:
            op.execute(f"ALTER TABLE {table} OWNER TO {_OWNER}")
            op.execute(f"GRANT SELECT, INSERT, UPDATE ON {table} TO perfuscope_node")
            op.execute(f"GRANT SELECT ON {table} TO perfuscope_viewer")


def downgrade() -> None:
    _replace_view(_STATE_BEFORE)
    op.drop_table("counters")
    op.drop_table("destination_states")
    op.drop_table("commitment_items", schema="phi")
    op.drop_table("commitments", schema="phi")


def _make_commitments() -> None:
    time = sa.DateTime(timezone=True)
    op.create_table(
        "commitments",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("transaction_uid", sa.String(64), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=True),
        sa.Column("destination", sa.String(64), nullable=False),
        sa.Column("created_at", time, nullable=False),
        sa.Column("settled_at", time, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_commitments")),
        sa.UniqueConstraint("transaction_uid", name=op.f("uq_commitments_transaction_uid")),
        schema="phi",
    )
    op.create_index(op.f("ix_commitments_case_id_destination"), "commitments", ["case_id", "destination"], schema="phi")
    op.create_table(
        "commitment_items",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("commitment_id", sa.Uuid(), nullable=False),
        sa.Column("report_id", sa.Uuid(), nullable=True),
        sa.Column("sop_class_uid", sa.String(64), nullable=False),
        sa.Column("sop_instance_uid", sa.String(64), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("reason", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["commitment_id"], ["phi.commitments.id"], name=op.f("fk_commitment_items_commitment_id")
        ),
        sa.ForeignKeyConstraint(["report_id"], ["phi.reports.id"], name=op.f("fk_commitment_items_report_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_commitment_items")),
        sa.UniqueConstraint(
            "commitment_id", "sop_instance_uid", name=op.f("uq_commitment_items_commitment_id_sop_instance_uid")
        ),
        schema="phi",
    )
    op.create_index(op.f("ix_commitment_items_report_id"), "commitment_items", ["report_id"], schema="phi")


def _make_states() -> None:
    time = sa.DateTime(timezone=True)
    op.create_table(
        "destination_states",
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("closed_until", time, nullable=True),
        sa.Column("holder", sa.Uuid(), nullable=True),
        sa.Column("held_since", time, nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_destination_states")),
    )
    op.create_table(
        "counters",
        sa.Column("name", sa.String(40), nullable=False),
        sa.Column("value", sa.Integer(), nullable=False),
        sa.Column("last_at", time, nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_counters")),
    )


def _replace_view(state: str) -> None:
    """PostgreSQL replaces the view in place, with its grants; SQLite makes it anew, and the one that reads it stays."""
    if not _sqlite():
        op.execute(_V_RESULTS.format(verb="CREATE OR REPLACE", phi="phi.", state=state.strip()))
        return
    op.execute("DROP VIEW v_results")
    op.execute(_V_RESULTS.format(verb="CREATE", phi="", state=state.strip()))
