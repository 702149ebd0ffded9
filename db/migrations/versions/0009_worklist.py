"""Lists of studies walk along indexes: cases know when and whence their study came, words find studies."""

from collections.abc import Iterator, Sequence
from typing import Any

import sqlalchemy as sa
from alembic import op

from db import search
from db.tables import SearchKey, Study

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_OWNER = "perfuscope_owner"
_STATE = "CASE WHEN stage = 'done' AND outcome IS NOT NULL THEN outcome ELSE stage END"
_IN_FORCE = "superseded_at IS NULL"
_OF_CASES = {
    "ix_cases_received": ["received_at", "study_id"],
    "ix_cases_state": ["state", "label", "received_at", "study_id"],
    "ix_cases_sender": ["sender_ae", "state", "label", "received_at", "study_id"],
    "ix_cases_done": ["state", "label", "done_at", "study_id"],
    "ix_cases_sender_done": ["sender_ae", "state", "label", "done_at", "study_id"],
}
_BATCH = 2000

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
         WHERE r.case_id = c.id) AS report_state{more}
  FROM {phi}studies s
  LEFT JOIN cases c ON c.study_id = s.id AND c.superseded_at IS NULL
  LEFT JOIN predictions p ON p.case_id = c.id AND p.view = ''
  LEFT JOIN model_versions m ON m.id = c.model_version_id
"""
_MORE = """,
       s.sender_ae AS sender, p.novelty, {seconds} AS seconds"""


def _sqlite() -> bool:
    return op.get_bind().dialect.name == "sqlite"


def _phi() -> str | None:
    return None if _sqlite() else "phi"


def upgrade() -> None:
    _make_columns()
    _fill_columns()
    _make_search_keys()
    _fill_search_keys()
    _make_indexes()
    _replace_view(more=True)
    if not _sqlite():
        op.execute(f"ALTER TABLE phi.search_keys OWNER TO {_OWNER}")
        op.execute("GRANT SELECT, INSERT, DELETE ON phi.search_keys TO perfuscope_node")
        op.execute("GRANT SELECT ON phi.search_keys TO perfuscope_viewer")


def downgrade() -> None:
    _replace_view(more=False)
    for name in _OF_CASES:
        op.drop_index(name, table_name="cases")
    for name in ("ix_studies_received_at_id", "ix_studies_sender_ae_received_at_id", "ix_studies_not_cased"):
        op.drop_index(name, table_name="studies", schema=_phi())
    op.create_index(op.f("ix_studies_received_at"), "studies", ["received_at"], schema=_phi())
    op.drop_table("search_keys", schema=_phi())
    op.drop_column("studies", "cased_at", schema=_phi())
    for column in ("state", "fed_at", "sender_ae", "received_at"):
        op.drop_column("cases", column)


def _make_columns() -> None:
    time = sa.DateTime(timezone=True)
    op.add_column("studies", sa.Column("cased_at", time, nullable=True), schema=_phi())
    op.add_column("cases", sa.Column("received_at", time, nullable=True))
    op.add_column("cases", sa.Column("sender_ae", sa.String(64), nullable=True))
    op.add_column("cases", sa.Column("fed_at", time, nullable=True))
    if _sqlite():  # it adds no stored column to a table that is there
        op.execute(f"ALTER TABLE cases ADD COLUMN state VARCHAR(40) NOT NULL GENERATED ALWAYS AS ({_STATE}) VIRTUAL")
    else:
        op.execute(f"ALTER TABLE cases ADD COLUMN state VARCHAR(40) NOT NULL GENERATED ALWAYS AS ({_STATE}) STORED")


def _fill_columns() -> None:
    """What is known of older rows: of a study that something came for since, no longer what fed a revision before."""
    studies = "studies" if _sqlite() else "phi.studies"
    op.execute(
        f"""
        UPDATE cases SET received_at = s.received_at, sender_ae = s.sender_ae,
               fed_at = CASE WHEN s.last_received_at <= cases.opened_at
                              AND NOT EXISTS (SELECT 1 FROM cases b WHERE b.study_id = cases.study_id
                                                 AND b.revision < cases.revision AND b.opened_at >= s.last_received_at)
                             THEN s.last_received_at END
          FROM {studies} s WHERE s.id = cases.study_id
        """  # noqa: S608 - our own tables' names
    )
    first = "(SELECT min(c.opened_at) FROM cases c WHERE c.study_id = studies.id)"
    op.execute(f"UPDATE {studies} SET cased_at = {first}")  # noqa: S608 - our own tables' names


def _make_search_keys() -> None:
    op.create_table(
        "search_keys",
        sa.Column("study_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("word", sa.String(64), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["study_id"], [f"{'phi.' if _phi() else ''}studies.id"], name=op.f("fk_search_keys_study_id")
        ),
        sa.PrimaryKeyConstraint("study_id", "kind", "word", name=op.f("pk_search_keys")),
        schema=_phi(),
    )


def _fill_search_keys() -> None:
    connection = op.get_bind()
    named = (Study.id, Study.patient_name, Study.patient_id, Study.accession_number, Study.received_at)
    for batch in _batches(connection.execute(sa.select(*named)).all()):
        rows = [
            {"study_id": study.id, "kind": kind, "word": word, "received_at": study.received_at}
            for study in batch
            for kind, word in search.words(study)
        ]
        if rows:
            connection.execute(sa.insert(SearchKey), rows)


def _batches(rows: Sequence[Any]) -> Iterator[Sequence[Any]]:
    for start in range(0, len(rows), _BATCH):
        yield rows[start : start + _BATCH]


def _make_indexes() -> None:
    op.drop_index(op.f("ix_studies_received_at"), table_name="studies", schema=_phi())
    op.create_index("ix_studies_received_at_id", "studies", ["received_at", "id"], schema=_phi())
    op.create_index("ix_studies_sender_ae_received_at_id", "studies", ["sender_ae", "received_at", "id"], schema=_phi())
    waiting = sa.text("cased_at IS NULL")
    op.create_index(
        "ix_studies_not_cased",
        "studies",
        ["received_at", "id"],
        schema=_phi(),
        sqlite_where=waiting,
        postgresql_where=waiting,
    )
    op.create_index(
        "ix_search_keys_word",
        "search_keys",
        ["word", "received_at", "study_id", "kind"],
        schema=_phi(),
        postgresql_ops={"word": "varchar_pattern_ops"},
    )
    for name, columns in _OF_CASES.items():
        op.create_index(name, "cases", columns, sqlite_where=sa.text(_IN_FORCE), postgresql_where=sa.text(_IN_FORCE))


def _replace_view(*, more: bool) -> None:
    """PostgreSQL adds columns at the end of a view that stands; fewer columns and SQLite need it made anew."""
    ended, fed = "c.done_at", "c.fed_at"
    seconds = (
        f"(julianday({ended}) - julianday({fed})) * 86400.0"
        if _sqlite()
        else f"extract(epoch FROM {ended} - {fed})::double precision"
    )
    words = {"phi": "" if _sqlite() else "phi.", "more": _MORE.format(seconds=seconds) if more else ""}
    if more and not _sqlite():
        op.execute(_V_RESULTS.format(verb="CREATE OR REPLACE", **words))
        return
    daily = None if _sqlite() else op.get_bind().scalar(sa.text("SELECT pg_get_viewdef('v_daily'::regclass)"))
    op.execute("DROP VIEW v_daily" if daily else "DROP VIEW v_results")
    if daily:
        op.execute("DROP VIEW v_results")
    op.execute(_V_RESULTS.format(verb="CREATE", **words))
    if daily:
        op.execute(f"CREATE VIEW v_daily AS {daily}")
        for view in ("v_results", "v_daily"):
            op.execute(f"ALTER VIEW {view} OWNER TO {_OWNER}")
            op.execute(f"GRANT SELECT ON {view} TO perfuscope_reader")
