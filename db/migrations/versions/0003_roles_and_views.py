"""The admins' views, an audit trail that nobody rewrites, and on PostgreSQL a role for each kind of process.

The roles are groups without a login (docs/adr/0017-database-roles.md). They belong to the whole server: another
database there may have made them already, and a downgrade leaves them.
"""

import sqlalchemy as sa
from alembic import op

from core.errors import PerfuscopeError

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

OWNER = "perfuscope_owner"
ROLES = (OWNER, "perfuscope_node", "perfuscope_viewer", "perfuscope_inference", "perfuscope_reader")
IDENTIFIED = ("phi.studies", "phi.instances", "phi.reports", "phi.audit_events")
DEIDENTIFIED = ("cases", "view_images", "model_versions", "predictions", "jobs")

_RESULT = "UPDATE (stage, outcome, reason, detail, label, done_at)"
_COURSE = "UPDATE (state, attempts, rings, due_at, ring_at, lease_token, lease_until, error, finished_at)"
GRANTS: dict[str, dict[str, str]] = {
    "perfuscope_node": {
        "phi.studies": "SELECT, INSERT, UPDATE",
        "phi.instances": "SELECT, INSERT, UPDATE",
        "phi.reports": "SELECT, INSERT, UPDATE (purged_at)",
        "phi.audit_events": "SELECT, INSERT",
        "cases": "SELECT, INSERT, UPDATE",
        "view_images": "SELECT, INSERT",
        "model_versions": "SELECT",
        "predictions": "SELECT",
        "jobs": "SELECT, INSERT, UPDATE",
        "alembic_version": "SELECT",
    },
    "perfuscope_viewer": {
        **dict.fromkeys((*IDENTIFIED, *DEIDENTIFIED, "alembic_version"), "SELECT"),
        "phi.audit_events": "SELECT, INSERT",
    },
    "perfuscope_inference": {
        "cases": f"SELECT, {_RESULT}",
        "view_images": "SELECT",
        "model_versions": "SELECT",
        "predictions": "SELECT, INSERT",
        "jobs": f"SELECT, INSERT, {_COURSE}",
        "alembic_version": "SELECT",
    },
    "perfuscope_reader": {"v_results": "SELECT", "v_daily": "SELECT", "alembic_version": "SELECT"},
}
SCHEMAS: dict[str, str] = {
    "perfuscope_node": "public, phi",
    "perfuscope_viewer": "public, phi",
    "perfuscope_inference": "public",
    "perfuscope_reader": "public",
}

_V_RESULTS = """
CREATE VIEW v_results AS
SELECT s.id AS study_id, s.study_instance_uid, s.patient_id, s.accession_number, s.received_at,
       CASE WHEN c.id IS NULL AND s.waiting_since IS NOT NULL AND EXISTS (
                 SELECT 1 FROM {phi}instances i WHERE i.study_id = s.id AND i.state = 'received') THEN 'preparing'
            WHEN c.id IS NULL THEN 'receiving'
            WHEN c.stage = 'done' AND c.outcome IS NOT NULL THEN c.outcome
            ELSE c.stage END AS state,
       c.revision, p.label, p.status, p.p_normal, p.p_ischemia, p.p_infarction, c.reason, c.detail,
       c.done_at AS completed_at, m.name AS model_name, m.version AS model_version, m.sha256 AS model_sha256,
       (SELECT CASE max(CASE WHEN j.id IS NULL THEN 0 WHEN j.state = 'dead' THEN 4
                             WHEN j.state <> 'done' THEN 3 WHEN j.error = 'superseded' THEN 1 ELSE 2 END)
                    WHEN 4 THEN 'failed' WHEN 3 THEN 'waiting' WHEN 2 THEN 'sent' WHEN 1 THEN 'superseded'
                    WHEN 0 THEN 'no_destination' END
          FROM {phi}reports r LEFT JOIN jobs j ON j.subject = r.id AND j.stage = 'deliver'
         WHERE r.case_id = c.id) AS report_state
  FROM {phi}studies s
  LEFT JOIN cases c ON c.study_id = s.id AND c.superseded_at IS NULL
  LEFT JOIN predictions p ON p.case_id = c.id AND p.view = ''
  LEFT JOIN model_versions m ON m.id = c.model_version_id
"""

_V_DAILY = """
CREATE VIEW v_daily AS
SELECT day, state, label, count(*) AS studies,
       avg(CASE WHEN place IN ((timed + 1) / 2, (timed + 2) / 2) THEN seconds END) AS median_s
  FROM (SELECT day, state, label, seconds, count(seconds) OVER same AS timed,
               row_number() OVER (PARTITION BY day, state, label ORDER BY seconds IS NULL, seconds) AS place
          FROM (SELECT {day} AS day, v.state, v.label, {seconds} AS seconds
                  FROM v_results v JOIN {phi}studies s ON s.id = v.study_id) AS lasting
        WINDOW same AS (PARTITION BY day, state, label)) AS ranked
 GROUP BY day, state, label
"""

_KEEP_POSTGRESQL = (
    """
    CREATE FUNCTION phi.keep_audit_events() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'audit events are only ever added' USING ERRCODE = 'insufficient_privilege'; END $$
    """,
    """
    CREATE TRIGGER keep_audit_events BEFORE UPDATE OR DELETE OR TRUNCATE ON phi.audit_events
    FOR EACH STATEMENT EXECUTE FUNCTION phi.keep_audit_events()
    """,
)
_KEEP_SQLITE = tuple(
    f"CREATE TRIGGER keep_audit_events_{verb} BEFORE {verb} ON audit_events "
    "BEGIN SELECT RAISE(ABORT, 'audit events are only ever added'); END"
    for verb in ("update", "delete")
)
_MAKE_ROLE = """
DO $$ BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{role}') THEN CREATE ROLE {role} NOLOGIN; END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;  -- another database's upgrade was quicker
END $$
"""


def upgrade() -> None:
    sqlite = op.get_bind().dialect.name == "sqlite"
    _make_views(sqlite=sqlite)
    for statement in _KEEP_SQLITE if sqlite else _KEEP_POSTGRESQL:
        op.execute(statement)
    if not sqlite:
        _make_roles(op.get_bind())
        _hand_over()
        _grant()


def downgrade() -> None:
    sqlite = op.get_bind().dialect.name == "sqlite"
    op.execute("DROP VIEW v_daily")
    op.execute("DROP VIEW v_results")
    if sqlite:
        op.execute("DROP TRIGGER keep_audit_events_update")
        op.execute("DROP TRIGGER keep_audit_events_delete")
        return
    op.execute("DROP TRIGGER keep_audit_events ON phi.audit_events")
    op.execute("DROP FUNCTION phi.keep_audit_events()")
    for role in ROLES[1:]:
        op.execute(f"REVOKE ALL ON ALL TABLES IN SCHEMA public, phi FROM {role}")
        op.execute(f"REVOKE ALL ON SCHEMA public, phi FROM {role}")


def _make_views(*, sqlite: bool) -> None:
    phi = "" if sqlite else "phi."
    ended, began = "v.completed_at", "s.last_received_at"
    day = "date(v.received_at)" if sqlite else "(v.received_at AT TIME ZONE 'UTC')::date"
    lasted = (
        f"(julianday({ended}) - julianday({began})) * 86400.0"
        if sqlite
        else f"extract(epoch FROM {ended} - {began})::double precision"
    )
    seconds = f"CASE WHEN {ended} >= {began} THEN {lasted} END"  # else something came after the result
    op.execute(_V_RESULTS.format(phi=phi))
    op.execute(_V_DAILY.format(phi=phi, day=day, seconds=seconds))


def _make_roles(connection: sa.Connection) -> None:
    """Make the roles that are missing, and belong to the owner's; PerfuscopeError where this user may not."""
    here = connection.scalars(sa.text("SELECT rolname FROM pg_roles WHERE rolname = ANY(:names)"), {"names": [*ROLES]})
    missing = set(ROLES) - set(here)
    may = connection.scalar(sa.text("SELECT rolsuper OR rolcreaterole FROM pg_roles WHERE rolname = current_user"))
    member = OWNER not in missing and connection.scalar(
        sa.text("SELECT pg_has_role(current_user, :owner, 'USAGE')"), {"owner": OWNER}
    )
    if not may and (missing or not member):
        raise PerfuscopeError(
            "this database user may not make the database roles; have an administrator of the server run "
            "deploy/postgresql/roles.sql and put this user into perfuscope_owner, then: perfuscope db upgrade"
        )
    for role in sorted(missing):
        op.execute(_MAKE_ROLE.format(role=role))
    if not member:
        op.execute(f"GRANT {OWNER} TO CURRENT_USER")


def _hand_over() -> None:
    """Everything belongs to the owner's role, so that any member of it may run the next migration."""
    op.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
    op.execute(f"GRANT USAGE, CREATE ON SCHEMA public TO {OWNER}")
    op.execute(f"ALTER SCHEMA phi OWNER TO {OWNER}")
    for table in (*IDENTIFIED, *DEIDENTIFIED, "alembic_version"):
        op.execute(f"ALTER TABLE {table} OWNER TO {OWNER}")
    for view in ("v_results", "v_daily"):
        op.execute(f"ALTER VIEW {view} OWNER TO {OWNER}")
    op.execute(f"ALTER FUNCTION phi.keep_audit_events() OWNER TO {OWNER}")


def _grant() -> None:
    for role, schemas in SCHEMAS.items():
        op.execute(f"GRANT USAGE ON SCHEMA {schemas} TO {role}")
    for role, tables in GRANTS.items():
        for table, privileges in tables.items():
            op.execute(f"GRANT {privileges} ON {table} TO {role}")
