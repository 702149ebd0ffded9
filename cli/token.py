"""``perfuscope token``: which programs may ask the API, for what and until when."""

import json
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.console import Console
from rich.table import Table

from cli import options
from cli.operator import actor
from cli.sentences import one_sentence, shown
from core.errors import PerfuscopeError
from core.roles import Scope

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from db.access_tables import ApiToken, User

token_app = typer.Typer(
    help=(
        "Tokens by which programs ask the API. A token is of an administrator, or for the audit trail of an auditor,"
        " for some scopes, until a day."
        "\n\nA program sends it as: Authorization: Bearer TOKEN"
    ),
    no_args_is_help=True,
)

Owner = Annotated[str, typer.Argument(metavar="USER", help="The user whose token it is.")]
Label = Annotated[str, typer.Argument(metavar="LABEL", help="What the program is called, such as metabase.")]


@token_app.command("add")
@one_sentence
def add(
    user: Owner,
    label: Label,
    scope: Annotated[
        list[Scope], typer.Option(help="What it may ask for; may be given several times. An auditor's program: audit.")
    ],
    days: Annotated[int, typer.Option(min=1, max=366, help="How many days it is good for.")] = 90,
    home: options.Home = None,
    config: options.Config = None,
) -> None:
    """Make a token and print it; it is printed this once."""
    from db import api_tokens, users
    from db.users import Hand

    sessions = options.sessions(options.installed(home, config))
    with sessions.write() as session:
        by = Hand(actor=actor(), now=sessions.now(session))
        token = api_tokens.add(session, users.named(session, user), label, scope, days=days, by=by)
    typer.echo(token)
    typer.echo(f"It is shown this once, and good for {days} days.", err=True)


@token_app.command("list")
@one_sentence
def list_tokens(
    output: Annotated[Literal["table", "json"], typer.Option("--format", help="How to print.")] = "table",
    home: options.Home = None,
    config: options.Config = None,
) -> None:
    """List all tokens, newest first; what they are is not known any more, only that they are."""
    from db import api_tokens

    sessions = options.sessions(options.installed(home, config))
    with sessions.read() as session:
        now = sessions.now(session)
        found = [
            _facts(token, user, api_tokens.standing(token, user, now=now)) for token, user in api_tokens.listed(session)
        ]
    if output == "json":
        typer.echo(json.dumps(found, indent=2))
    else:
        _show(found)


@token_app.command("revoke")
@one_sentence
def revoke(user: Owner, label: Label, home: options.Home = None, config: options.Config = None) -> None:
    """Make a token good for nothing, at once and for ever."""
    from db import api_tokens, users
    from db.users import Hand

    sessions = options.sessions(options.installed(home, config))
    with sessions.write() as session:
        owner = users.named(session, user)
        token = _of(session, owner, label)
        api_tokens.revoke(session, token, owner, by=Hand(actor=actor(), now=sessions.now(session)))
    typer.echo(f"{owner.name}/{label} is good for nothing now.")


def _of(session: "Session", owner: "User", label: str) -> "ApiToken":
    from db import api_tokens

    theirs = {token.label: token for token, _ in api_tokens.listed(session, user_id=owner.id)}
    if label not in theirs:
        msg = f"{owner.name} has no token {label!r}; there are: {', '.join(theirs) or 'none'}"
        raise PerfuscopeError(msg)
    return theirs[label]


def _facts(token: "ApiToken", user: "User", standing: str) -> dict[str, Any]:
    return {
        "user": user.name,
        "label": token.label,
        "scopes": token.scopes.split(),
        "standing": standing,
        "created_at": token.created_at.isoformat(timespec="seconds"),
        "expires_at": token.expires_at.isoformat(timespec="seconds"),
        "last_used_at": token.last_used_at.isoformat(timespec="seconds") if token.last_used_at else None,
    }


def _show(found: list[dict[str, Any]]) -> None:
    console = Console()
    if not found:
        console.print(
            "No program has a token yet. Make one: perfuscope token add USER LABEL --scope studies", soft_wrap=True
        )
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("Program", "Of", "May ask for", "Until (UTC)", "Last used (UTC)", "Standing"):
        table.add_column(column, overflow="fold")
    for item in found:
        until, last = item["expires_at"][:10], (item["last_used_at"] or "never")[:16].replace("T", " ")
        table.add_row(
            shown(item["label"]), shown(item["user"]), ", ".join(item["scopes"]), until, last, item["standing"]
        )
    console.print(table)
