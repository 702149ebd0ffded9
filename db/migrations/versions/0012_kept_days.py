"""Figures of days that are over are kept; what waits in quarantine is found without looking at every object."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_OWNER = "perfuscope_owner"
_TIME = sa.DateTime(timezone=True)
_WAITS = sa.text("state = 'quarantined' AND decision IS NULL")

_OF_A_CASE = (
    *("study_id", "superseded_at", "stage", "outcome", "label", "reason", "model_version_id"),
    *("received_at", "sender_ae", "fed_at", "done_at"),
)
_OF_A_STUDY = ("received_at", "sender_ae", "cased_at")
"""What figures are made of."""

_FUNCTION = """
CREATE FUNCTION note_day_change() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
  IF TG_OP <> 'INSERT' AND OLD.received_at < now() - interval '1 day' THEN
    INSERT INTO public.day_changes (id, received_at) VALUES (gen_random_uuid(), OLD.received_at);
  END IF;
  IF TG_OP <> 'DELETE' AND NEW.received_at < now() - interval '1 day'
     AND (TG_OP = 'INSERT' OR NEW.received_at IS DISTINCT FROM OLD.received_at) THEN
    INSERT INTO public.day_changes (id, received_at) VALUES (gen_random_uuid(), NEW.received_at);
  END IF;
  RETURN NULL;
END $$
"""
_NOTE = """
INSERT INTO day_changes (id, received_at)
SELECT lower(hex(randomblob(16))), {row}.received_at
 WHERE {row}.received_at < strftime('%Y-%m-%d %H:%M:%f', 'now', '-1 day')
"""


def _sqlite() -> bool:
    return op.get_bind().dialect.name == "sqlite"


def upgrade() -> None:
    op.create_table(
        "kept_days",
        sa.Column("starts_at", _TIME, nullable=False),
        sa.Column("ends_at", _TIME, nullable=False),
        sa.Column("figures", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("starts_at", name=op.f("pk_kept_days")),
    )
    op.create_table(
        "day_changes",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("received_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_day_changes")),
    )
    op.create_index(op.f("ix_day_changes_received_at"), "day_changes", ["received_at"])
    op.create_index(
        "ix_instances_quarantined",
        "instances",
        ["study_id"],
        schema="phi",
        sqlite_where=_WAITS,
        postgresql_where=_WAITS,
    )
    for statement in _sqlite_triggers() if _sqlite() else _postgresql():
        op.execute(statement)


def downgrade() -> None:
    for table in ("cases", "studies"):
        for event in ("insert", "update", "delete"):
            name = f"note_{table}_{event}"
            op.execute(f"DROP TRIGGER {name}" if _sqlite() else f"DROP TRIGGER {name} ON {_of(table)}")
    if not _sqlite():
        op.execute("DROP FUNCTION note_day_change()")
    op.drop_index("ix_instances_quarantined", table_name="instances", schema="phi")
    op.drop_table("day_changes")
    op.drop_table("kept_days")


def _of(table: str) -> str:
    return table if _sqlite() or table == "cases" else f"phi.{table}"


def _events(table: str) -> dict[str, str]:
    columns = _OF_A_CASE if table == "cases" else _OF_A_STUDY
    return {"insert": "INSERT", "update": f"UPDATE OF {', '.join(columns)}", "delete": "DELETE"}


def _postgresql() -> list[str]:
    triggers = [
        f"CREATE TRIGGER note_{table}_{event} AFTER {when} ON {_of(table)} FOR EACH ROW"
        " EXECUTE FUNCTION note_day_change()"
        for table in ("cases", "studies")
        for event, when in _events(table).items()
    ]
    owned = [f"ALTER TABLE {table} OWNER TO {_OWNER}" for table in ("kept_days", "day_changes")]
    return [
        *owned,
        _FUNCTION,
        f"ALTER FUNCTION note_day_change() OWNER TO {_OWNER}",
        "REVOKE ALL ON FUNCTION note_day_change() FROM PUBLIC",
        *triggers,
        "GRANT SELECT, INSERT, DELETE ON kept_days TO perfuscope_viewer",
        "GRANT SELECT, DELETE ON day_changes TO perfuscope_viewer",
    ]


def _sqlite_triggers() -> list[str]:
    rows = {"insert": ("NEW",), "update": ("OLD", "NEW"), "delete": ("OLD",)}
    return [
        f"CREATE TRIGGER note_{table}_{event} AFTER {when} ON {table} BEGIN "
        + "; ".join(_NOTE.format(row=row) for row in rows[event])
        + "; END"
        for table in ("cases", "studies")
        for event, when in _events(table).items()
    ]
