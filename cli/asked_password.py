"""How a command gets a password: typed twice, piped, or made up. Never as an argument: others could read it."""

import sys

import typer

from core.errors import PerfuscopeError


def new_password(*, generate: bool) -> tuple[str, bool]:
    """A new password, and whether it was made up. PerfuscopeError where it is not typed twice alike."""
    if generate:
        from core import passwords

        return passwords.made_up(), True
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n"), False
    typed = typer.prompt("Password", hide_input=True, default="", show_default=False, err=True)
    if typed != typer.prompt("Again", hide_input=True, default="", show_default=False, err=True):
        raise PerfuscopeError("the password was not typed twice alike; nothing was changed")
    return typed, False


def tell(name: str, password: str, *, made_up: bool) -> None:
    """Show a password that was made up, this once."""
    if made_up:
        typer.echo(f"Password of {name}: {password}\nIt is shown this once, and must be changed at the first login.")
