"""``perfuscope user``: who may log in to the pages, and as what."""

import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.console import Console
from rich.table import Table

from cli import asked_password, options
from cli.operator import actor
from cli.sentences import one_sentence, shown
from core.roles import Role

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from db.access_tables import User
    from db.users import Hand

user_app = typer.Typer(
    help=(
        "Users of the pages. A reader sees studies, an admin also looks after everything, an auditor sees who did what."
        "\n\nThe first one: perfuscope user add NAME --role admin"
    ),
    no_args_is_help=True,
)

Name = Annotated[str, typer.Argument(metavar="NAME", help="The user's name.")]
Generate = Annotated[
    bool, typer.Option("--generate", help="Make a password up and print it; it must be changed at the first login.")
]


@user_app.command("add")
@one_sentence
def add(
    name: Annotated[str, typer.Argument(metavar="NAME", help="2 to 32 of a-z, 0-9, '.', '_' and '-'.")],
    role: Annotated[Role, typer.Option(help="What the user is there for.")] = Role.READER,
    generate: Generate = False,
    home: options.Home = None,
    config: options.Config = None,
) -> None:
    """Add a user. Asks for a password twice; one that is piped in is read as one line."""
    from db import users

    sessions = options.sessions(options.installed(home, config))
    password, made_up = asked_password.new_password(generate=generate)
    new = users.NewPassword.of(password, name=name)
    with sessions.write() as session:
        user = users.add(session, role, new, must_change=made_up, by=_hand(sessions.now(session)))
    typer.echo(f"{user.name} may log in as {role.value}.")
    asked_password.tell(user.name, password, made_up=made_up)


@user_app.command("list")
@one_sentence
def list_users(
    output: Annotated[Literal["table", "json"], typer.Option("--format", help="How to print.")] = "table",
    home: options.Home = None,
    config: options.Config = None,
) -> None:
    """List the users, those who were disabled too."""
    from db import users

    sessions = options.sessions(options.installed(home, config))
    with sessions.read() as session:
        found = [_facts(user) for user in users.listed(session)]
    if output == "json":
        typer.echo(json.dumps(found, indent=2))
    else:
        _show(found)


@user_app.command("set-role")
@one_sentence
def set_role(
    name: Name,
    role: Annotated[Role, typer.Argument(help="What the user is there for.")],
    home: options.Home = None,
    config: options.Config = None,
) -> None:
    """Give a user another role. Their logins end, so that it counts at once."""
    from db import users

    _change(name, home, config, lambda session, user, by: users.set_role(session, user, role, by=by))
    typer.echo(f"{name.lower()} is {role.value} now.")


@user_app.command("password")
@one_sentence
def password(name: Name, generate: Generate = False, home: options.Home = None, config: options.Config = None) -> None:
    """Give a user another password. Their logins end, and so does a lock after too many wrong ones."""
    from db import users

    typed, made_up = asked_password.new_password(generate=generate)
    sessions = options.sessions(options.installed(home, config))
    with sessions.read() as session:
        whose = users.named(session, name).name
    new = users.NewPassword.of(typed, name=whose)
    _change(
        name, home, config, lambda session, user, by: users.set_password(session, user, new, must_change=made_up, by=by)
    )
    typer.echo(f"{whose} has another password.")
    asked_password.tell(whose, typed, made_up=made_up)


@user_app.command("disable")
@one_sentence
def disable(name: Name, home: options.Home = None, config: options.Config = None) -> None:
    """Let a user in no longer: logins end, and their programs' tokens are good for nothing. Users are not deleted."""
    from db import users

    _change(name, home, config, lambda session, user, by: users.disable(session, user, by=by))
    typer.echo(f"{name.lower()} may not log in any longer.")


@user_app.command("enable")
@one_sentence
def enable(name: Name, home: options.Home = None, config: options.Config = None) -> None:
    """Let a user in again who was disabled."""
    from db import users

    _change(name, home, config, lambda session, user, by: users.enable(session, user, by=by))
    typer.echo(f"{name.lower()} may log in again.")


@user_app.command("unlock")
@one_sentence
def unlock(name: Name, home: options.Home = None, config: options.Config = None) -> None:
    """Let a user try again at once, after too many wrong passwords."""
    from db import users

    _change(name, home, config, lambda session, user, by: users.unlock(session, user, by=by))
    typer.echo(f"{name.lower()} may try again.")


def _change(name: str, home: Path | None, config: Path | None, change: "Callable[[Session, User, Hand], None]") -> None:
    from db import users

    sessions = options.sessions(options.installed(home, config))
    with sessions.write() as session:
        change(session, users.named(session, name), _hand(sessions.now(session)))


def _hand(now: datetime) -> "Hand":
    from db.users import Hand

    return Hand(actor=actor(), now=now)


def _facts(user: "User") -> dict[str, Any]:
    times = {"created_at": user.created_at, "last_login_at": user.last_login_at, "disabled_at": user.disabled_at}
    return {
        "name": user.name,
        "role": user.role.value,
        "must_change": user.must_change,
        **{key: at.isoformat(timespec="seconds") if at else None for key, at in times.items()},
    }


def _show(found: list[dict[str, Any]]) -> None:
    console = Console()
    if not found:
        console.print(
            "Nobody may log in yet. Add an administrator: perfuscope user add NAME --role admin", soft_wrap=True
        )
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("Name", "Role", "Last login (UTC)", "Standing"):
        table.add_column(column)
    for item in found:
        last = (item["last_login_at"] or "never")[:16].replace("T", " ")
        table.add_row(shown(item["name"]), item["role"], last, _standing(item))
    console.print(table)


def _standing(item: dict[str, Any]) -> str:
    if item["disabled_at"]:
        return "disabled"
    return "must change the password" if item["must_change"] else "may log in"
