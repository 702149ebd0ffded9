"""``perfuscope db``: the schema, and the first model."""

from typing import TYPE_CHECKING

import typer

from cli import options
from cli.sentences import one_sentence
from core.settings import Settings
from core.types import ModelIdentity

if TYPE_CHECKING:
    from db.model_versions import NewArtifact

db_app = typer.Typer(help="The results database: bring its schema up to date.", no_args_is_help=True)


@db_app.command("upgrade")
@one_sentence
def upgrade(home: options.Home = None, config: options.Config = None) -> None:
    """Bring the schema up to date, and activate the first model if none is active.

    Safe to run again. Stop node and workers before an upgrade to a new release.
    """
    found = options.settings(home, config)
    model = prepare(found)
    typer.echo(f"The schema is up to date. Active model: {model.name} {model.version} ({model.sha256[:12]}).")


def prepare(found: Settings) -> ModelIdentity:
    """Schema up to date and a model active; returns the active model."""
    from db import model_versions, schema
    from db.session import Sessions, make_engine

    engine = make_engine(found.database)
    try:
        schema.upgrade(engine)
        sessions = Sessions(engine)
        with sessions.write() as session:
            row = model_versions.active(session)
            if row is None:
                row = model_versions.activate(session, _first(found), now=sessions.now(session))
            return ModelIdentity(row.name, row.version, row.sha256)
    finally:
        engine.dispose()


def _first(found: Settings) -> "NewArtifact":
    from db.model_versions import NewArtifact
    from models import artifact

    folder = found.model or artifact.shipped()
    loaded = artifact.load(folder)
    return NewArtifact(loaded.identity, loaded.card.model_dump(mode="json"), artifact.pack(folder))
