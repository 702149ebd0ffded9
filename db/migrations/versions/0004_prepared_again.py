"""An object may be prepared again: its crops are kept side by side, and the object names the one in force."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_ONE = "uq_view_images_instance_id"
_SEVERAL = "uq_view_images_instance_id_layout_layout_version_sha256"


def _phi() -> str | None:
    return None if op.get_bind().dialect.name == "sqlite" else "phi"


def upgrade() -> None:
    phi = _phi()
    op.add_column("instances", sa.Column("view_image_id", sa.Uuid(), nullable=True), schema=phi)
    prefix = f"{phi}." if phi else ""
    op.execute(
        f"UPDATE {prefix}instances SET view_image_id = "  # noqa: S608 - a fixed prefix
        f"(SELECT v.id FROM view_images v WHERE v.instance_id = {prefix}instances.id)"
    )
    with op.batch_alter_table("view_images") as table:
        table.drop_constraint(_ONE, type_="unique")
        table.create_unique_constraint(_SEVERAL, ["instance_id", "layout", "layout_version", "sha256"])


def downgrade() -> None:
    with op.batch_alter_table("view_images") as table:
        table.drop_constraint(_SEVERAL, type_="unique")
        table.create_unique_constraint(_ONE, ["instance_id"])
    op.drop_column("instances", "view_image_id", schema=_phi())
