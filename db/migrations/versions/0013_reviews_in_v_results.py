"""The admins' view of results says how many readers a revision has, and what they say together; it names none."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_OWNER = "perfuscope_owner"

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
       (SELECT CASE max(CASE WHEN j.id IS NULL THEN 0 WHEN j.state = 'dead' THEN 6
                             WHEN j.state <> 'done' THEN 5 WHEN j.error = 'unconfirmed' THEN 4
                             WHEN j.error = 'superseded' THEN 1 WHEN j.error = 'committed' THEN 2 ELSE 3 END)
                    WHEN 6 THEN 'failed' WHEN 5 THEN 'waiting' WHEN 4 THEN 'unconfirmed' WHEN 3 THEN 'sent'
                    WHEN 2 THEN 'committed' WHEN 1 THEN 'superseded' WHEN 0 THEN 'no_destination' END
          FROM {phi}reports r LEFT JOIN jobs j ON j.subject = r.id AND j.stage = 'deliver'
         WHERE r.case_id = c.id) AS report_state,
       s.sender_ae AS sender, p.novelty, {seconds} AS seconds{more}
  FROM {phi}studies s
  LEFT JOIN cases c ON c.study_id = s.id AND c.superseded_at IS NULL
  LEFT JOIN predictions p ON p.case_id = c.id AND p.view = ''
  LEFT JOIN model_versions m ON m.id = c.model_version_id
"""
_COUNTED = """
 FROM {phi}reviews w WHERE w.case_id = c.id
  AND NOT EXISTS (SELECT 1 FROM {phi}reviews l WHERE l.case_id = w.case_id AND l.reader = w.reader
                     AND (l.created_at > w.created_at OR (l.created_at = w.created_at AND l.id > w.id)))"""
"""Each reader's newest review of the revision."""
_MORE = f""",
       (SELECT nullif(count(*), 0) {_COUNTED}) AS readers,
       (SELECT CASE WHEN count(*) = 0 THEN NULL WHEN count(DISTINCT w.label) > 1 THEN 'disputed'
                    WHEN min(w.label) = min(w.model_label) THEN 'agreed' ELSE 'differs' END
               {_COUNTED}) AS readers_standing,
       (SELECT CASE WHEN count(DISTINCT w.label) = 1 THEN min(w.label) END {_COUNTED}) AS readers_label"""


def _sqlite() -> bool:
    return op.get_bind().dialect.name == "sqlite"


def upgrade() -> None:
    if not _sqlite():  # PostgreSQL adds columns at the end of a view that stands
        op.execute(_view("CREATE OR REPLACE", more=True))
        return
    op.execute("DROP VIEW v_results")
    op.execute(_view("CREATE", more=True))


def downgrade() -> None:
    if _sqlite():
        op.execute("DROP VIEW v_results")
        op.execute(_view("CREATE", more=False))
        return
    daily = op.get_bind().scalar(sa.text("SELECT pg_get_viewdef('v_daily'::regclass)"))
    op.execute("DROP VIEW v_daily")
    op.execute("DROP VIEW v_results")
    op.execute(_view("CREATE", more=False))
    op.execute(f"CREATE VIEW v_daily AS {daily}")
    for view in ("v_results", "v_daily"):
        op.execute(f"ALTER VIEW {view} OWNER TO {_OWNER}")
        op.execute(f"GRANT SELECT ON {view} TO perfuscope_reader")


def _view(verb: str, *, more: bool) -> str:
    phi = "" if _sqlite() else "phi."
    ended, fed = "c.done_at", "c.fed_at"
    seconds = (
        f"(julianday({ended}) - julianday({fed})) * 86400.0"
        if _sqlite()
        else f"extract(epoch FROM {ended} - {fed})::double precision"
    )
    return _V_RESULTS.format(verb=verb, phi=phi, seconds=seconds, more=_MORE.format(phi=phi) if more else "")
