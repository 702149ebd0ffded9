"""Alembic's entry point: runs on the connection that ``db.schema`` hands over."""

from alembic import context

from db import access_tables, day_tables, order_tables  # noqa: F401 - their tables belong to the metadata
from db.tables import Base

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=Base.metadata,
    render_as_batch=connection.dialect.name == "sqlite",
    include_schemas=connection.dialect.name != "sqlite",
)
with context.begin_transaction():
    context.run_migrations()
