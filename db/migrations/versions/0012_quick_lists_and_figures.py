"""Lists walk along fewer stretches of indexes; figures of days that are over are kept; what waits in quarantine, and
deliveries that were given up, are found without looking at everything."""

from collections.abc import Mapping, Sequence

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

_PLACE = (
    "CASE WHEN stage = 'done' AND outcome IN ('accepted', 'needs_review') THEN outcome || '/' || coalesce(label, '')"
    " WHEN stage = 'done' AND outcome IS NOT NULL THEN outcome ELSE stage END"
)
_IN_FORCE = sa.text("superseded_at IS NULL")
_BY_STATE = {
    "ix_cases_state": ["state", "label", "received_at", "study_id"],
    "ix_cases_sender": ["sender_ae", "state", "label", "received_at", "study_id"],
    "ix_cases_done": ["state", "label", "done_at", "study_id"],
    "ix_cases_sender_done": ["sender_ae", "state", "label", "done_at", "study_id"],
}
_BY_PLACE = {
    "ix_cases_place": ["place", "received_at", "study_id"],
    "ix_cases_sender": ["sender_ae", "place", "received_at", "study_id"],
    "ix_cases_done": ["place", "done_at", "study_id"],
    "ix_cases_sender_done": ["sender_ae", "place", "done_at", "study_id"],
}
_STATISTICS = "CREATE STATISTICS st_cases_{name} (mcv) ON {columns} FROM cases"

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


_GIVE_UP = """
CREATE FUNCTION note_given_up() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
  IF TG_OP <> 'INSERT' THEN DELETE FROM public.given_up WHERE job_id = OLD.id; END IF;
  IF TG_OP <> 'DELETE' AND NEW.state = 'dead' THEN
    INSERT INTO public.given_up (job_id, case_id, study_id, received_at)
    SELECT NEW.id, c.id, c.study_id, c.received_at
      FROM phi.reports r JOIN public.cases c ON c.id = r.case_id
     WHERE r.id = NEW.subject AND c.received_at IS NOT NULL;
  END IF;
  RETURN NULL;
END $$
"""
_ADD = """
INSERT INTO given_up (job_id, case_id, study_id, received_at)
SELECT {job}.id, c.id, c.study_id, c.received_at FROM {source} JOIN cases c ON c.id = r.case_id
 WHERE r.id = {job}.subject AND {job}.stage = 'deliver' AND {job}.state = 'dead' AND c.received_at IS NOT NULL
"""
_REMOVE = "DELETE FROM given_up WHERE job_id = OLD.id"
_OF_DELIVERIES = {
    "insert": ("INSERT", "NEW.stage = 'deliver' AND NEW.state = 'dead'"),
    "update": ("UPDATE OF state", "NEW.stage = 'deliver' AND (NEW.state = 'dead') <> (OLD.state = 'dead')"),
    "delete": ("DELETE", "OLD.stage = 'deliver' AND OLD.state = 'dead'"),
}


def _sqlite() -> bool:
    return op.get_bind().dialect.name == "sqlite"


def upgrade() -> None:
    kind = "VIRTUAL" if _sqlite() else "STORED"  # SQLite adds no stored column to a table that is there
    op.execute(f"ALTER TABLE cases ADD COLUMN place VARCHAR(80) NOT NULL GENERATED ALWAYS AS ({_PLACE}) {kind}")
    _replace_indexes(_BY_STATE, _BY_PLACE)
    _replace_statistics("state", "place", "sender_ae, place")
    _keep_days()
    _note_given_up()
    op.create_index(
        "ix_instances_quarantined",
        "instances",
        ["study_id"],
        schema="phi",
        sqlite_where=_WAITS,
        postgresql_where=_WAITS,
    )


def _note_given_up() -> None:
    op.create_table(
        "given_up",
        sa.Column("job_id", sa.Uuid(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("study_id", sa.Uuid(), nullable=False),
        sa.Column("received_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("job_id", name=op.f("pk_given_up")),
    )
    op.create_index(op.f("ix_given_up_received_at_study_id"), "given_up", ["received_at", "study_id"])
    op.create_index(op.f("ix_given_up_study_id"), "given_up", ["study_id"])
    reports = _of("reports")
    op.execute(_ADD.format(job="j", source=f"jobs j JOIN {reports} r ON r.id = j.subject"))
    if not _sqlite():
        op.execute(f"ALTER TABLE given_up OWNER TO {_OWNER}")
        op.execute(_GIVE_UP)
        op.execute(f"ALTER FUNCTION note_given_up() OWNER TO {_OWNER}")
        op.execute("REVOKE ALL ON FUNCTION note_given_up() FROM PUBLIC")
        op.execute("GRANT SELECT ON given_up TO perfuscope_node, perfuscope_viewer")
    does = {"insert": (), "update": (_REMOVE,), "delete": (_REMOVE,)}
    for event, (when, condition) in _OF_DELIVERIES.items():
        added = () if event == "delete" else (_ADD.format(job="NEW", source=f"{reports} r"),)
        body = "EXECUTE FUNCTION note_given_up()"
        if _sqlite():
            body = f"BEGIN {'; '.join((*does[event], *added))}; END"
        op.execute(f"CREATE TRIGGER note_given_up_{event} AFTER {when} ON jobs FOR EACH ROW WHEN ({condition}) {body}")


def _replace_indexes(old: Mapping[str, Sequence[str]], new: Mapping[str, Sequence[str]]) -> None:
    for name in old:
        op.drop_index(name, table_name="cases")
    for name, columns in new.items():
        op.create_index(name, "cases", columns, sqlite_where=_IN_FORCE, postgresql_where=_IN_FORCE)


def _replace_statistics(old: str, new: str, columns: str) -> None:
    """What goes together: a planner that takes it for independent walks past all cases for a pair that none has."""
    if not _sqlite():
        op.execute(f"DROP STATISTICS st_cases_{old}")
        op.execute(_STATISTICS.format(name=new, columns=columns))
        op.execute(f"ALTER STATISTICS st_cases_{new} OWNER TO {_OWNER}")


def _keep_days() -> None:
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
    for statement in _sqlite_triggers() if _sqlite() else _postgresql():
        op.execute(statement)


def downgrade() -> None:
    for table in ("cases", "studies"):
        for event in ("insert", "update", "delete"):
            name = f"note_{table}_{event}"
            op.execute(f"DROP TRIGGER {name}" if _sqlite() else f"DROP TRIGGER {name} ON {_of(table)}")
    for event in _OF_DELIVERIES:
        op.execute(f"DROP TRIGGER note_given_up_{event}" + ("" if _sqlite() else " ON jobs"))
    if not _sqlite():
        op.execute("DROP FUNCTION note_day_change()")
        op.execute("DROP FUNCTION note_given_up()")
    op.drop_table("given_up")
    op.drop_index("ix_instances_quarantined", table_name="instances", schema="phi")
    op.drop_table("day_changes")
    op.drop_table("kept_days")
    _replace_statistics("place", "state", "sender_ae, state, label")
    _replace_indexes(_BY_PLACE, _BY_STATE)
    op.drop_column("cases", "place")


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
