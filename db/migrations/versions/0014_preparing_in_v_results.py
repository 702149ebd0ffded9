"""The admins' view of results says of a study what the worklist says: content that was replaced is not waited for."""

from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

_V_RESULTS = """
{verb} VIEW v_results AS
SELECT s.id AS study_id, s.study_instance_uid, s.patient_id, s.accession_number, s.received_at,
       CASE WHEN c.id IS NULL AND {waits}EXISTS (
                 SELECT 1 FROM {phi}instances i
                  WHERE i.study_id = s.id{current} AND i.state = 'received') THEN 'preparing'
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
       s.sender_ae AS sender, p.novelty, {seconds} AS seconds,
       (SELECT nullif(count(*), 0) {counted}) AS readers,
       (SELECT CASE WHEN count(*) = 0 THEN NULL WHEN count(DISTINCT w.label) > 1 THEN 'disputed'
                    WHEN min(w.label) = min(w.model_label) THEN 'agreed' ELSE 'differs' END
               {counted}) AS readers_standing,
       (SELECT CASE WHEN count(DISTINCT w.label) = 1 THEN min(w.label) END {counted}) AS readers_label
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


def upgrade() -> None:
    _replace(waits="", current=" AND i.current")


def downgrade() -> None:
    _replace(waits="s.waiting_since IS NOT NULL AND ", current="")


def _replace(*, waits: str, current: str) -> None:
    """The same columns, so that PostgreSQL keeps the view, its owner, its rights, and the view that reads it."""
    sqlite = op.get_bind().dialect.name == "sqlite"
    phi, ended, fed = "" if sqlite else "phi.", "c.done_at", "c.fed_at"
    seconds = (
        f"(julianday({ended}) - julianday({fed})) * 86400.0"
        if sqlite
        else f"extract(epoch FROM {ended} - {fed})::double precision"
    )
    if sqlite:
        op.execute("DROP VIEW v_results")
    verb = "CREATE" if sqlite else "CREATE OR REPLACE"
    counted = _COUNTED.format(phi=phi)
    op.execute(_V_RESULTS.format(verb=verb, phi=phi, seconds=seconds, counted=counted, waits=waits, current=current))
