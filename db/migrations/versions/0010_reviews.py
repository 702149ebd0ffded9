"""What readers say of a result: rows that are added and never changed."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_OWNER = "perfuscope_owner"
_KEEP_POSTGRESQL = (
    """
    CREATE FUNCTION phi.keep_reviews() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'reviews are never changed' USING ERRCODE = 'insufficient_privilege'; END $$
    """,
    """
    CREATE TRIGGER keep_reviews BEFORE UPDATE ON phi.reviews
    FOR EACH STATEMENT EXECUTE FUNCTION phi.keep_reviews()
    """,
    f"ALTER FUNCTION phi.keep_reviews() OWNER TO {_OWNER}",
    f"ALTER TABLE phi.reviews OWNER TO {_OWNER}",
    "GRANT SELECT, INSERT ON phi.reviews TO perfuscope_viewer",
    "GRANT SELECT ON phi.reviews TO perfuscope_node",
)
_KEEP_SQLITE = (
    "CREATE TRIGGER keep_reviews BEFORE UPDATE ON reviews BEGIN SELECT RAISE(ABORT, 'reviews are never changed'); END",
)


def _sqlite() -> bool:
    return op.get_bind().dialect.name == "sqlite"


def upgrade() -> None:
    op.create_table(
        "reviews",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("study_id", sa.Uuid(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("reader", sa.String(64), nullable=False),
        sa.Column("label", sa.String(40), nullable=False),
        sa.Column("model_label", sa.String(40), nullable=True),
        sa.Column("confidence", sa.String(40), nullable=False),
        sa.Column("comment", sa.String(2000), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["study_id"], ["phi.studies.id"], name=op.f("fk_reviews_study_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reviews")),
        schema="phi",
    )
    for column in ("study_id", "case_id", "created_at"):
        op.create_index(op.f(f"ix_reviews_{column}"), "reviews", [column], schema="phi")
    for statement in _KEEP_SQLITE if _sqlite() else _KEEP_POSTGRESQL:
        op.execute(statement)


def downgrade() -> None:
    op.drop_table("reviews", schema="phi")
    if not _sqlite():
        op.execute("DROP FUNCTION phi.keep_reviews()")
