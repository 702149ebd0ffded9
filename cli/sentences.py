"""How commands talk: an error is one sentence on stderr, a long work is one line that counts."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import ParamSpec

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from core.errors import PerfuscopeError

P = ParamSpec("P")


def one_sentence(command: Callable[P, None]) -> Callable[P, None]:
    """The command with every PerfuscopeError, and what files and databases refuse, told on stderr; exit code 2."""

    @wraps(command)
    def told(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except PerfuscopeError as error:
            typer.echo(str(error), err=True)
            raise typer.Exit(2) from error
        except BrokenPipeError:
            raise  # whoever read along has read enough; Click ends quietly
        except OSError as error:
            what = error.filename or "a file or connection"
            typer.echo(f"{what} cannot be used: {error.strerror or type(error).__name__}", err=True)
            raise typer.Exit(2) from error
        except Exception as error:
            said = _of_the_database(error)
            if said is None:
                raise
            typer.echo(said, err=True)
            raise typer.Exit(2) from error

    return told


def _of_the_database(error: Exception) -> str | None:
    """A database's refusal in one sentence, without its text, which may print values; None for any other error."""
    if "sqlalchemy.exc" not in sys.modules:  # a command that needs no database does not load it
        return None
    from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError

    if isinstance(error, DBAPIError) and getattr(error.orig, "sqlstate", None) == _INSUFFICIENT_PRIVILEGE:
        return "this database role may not do that; run it with the database URL of the owner (PERFUSCOPE_DATABASE_URL)"
    if not isinstance(error, OperationalError | InterfaceError):
        return None
    return f"the database could not do it ({type(error).__name__}); see: perfuscope doctor"


_INSUFFICIENT_PRIVILEGE = "42501"
"""PostgreSQL's SQLSTATE."""


def shown(text: str) -> str:
    """Foreign text for a terminal: no markup, and no control characters that could move its cursor."""
    return escape("".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text))


@contextmanager
def counted(console: Console, what: str) -> Iterator[Callable[[int, int], None]]:
    """A progress bar that is told how many of how many are done, and is gone afterwards."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(what, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)
