"""Crops keep where their polar maps lie, predictions how novel their inputs are, models how they were activated."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def _sqlite() -> bool:
    return op.get_bind().dialect.name == "sqlite"


def upgrade() -> None:
    op.add_column("view_images", sa.Column("maps", sa.JSON(), nullable=True))
    op.add_column("predictions", sa.Column("novelty", sa.Double(), nullable=True))
    op.add_column("model_versions", sa.Column("activations", sa.JSON(), nullable=True))
    if not _sqlite():  # a crop from before is given its maps when its screen is prepared again
        op.execute("GRANT UPDATE (maps) ON view_images TO perfuscope_node")


def downgrade() -> None:
    if not _sqlite():
        op.execute("REVOKE UPDATE (maps) ON view_images FROM perfuscope_node")
    op.drop_column("model_versions", "activations")
    op.drop_column("predictions", "novelty")
    op.drop_column("view_images", "maps")
