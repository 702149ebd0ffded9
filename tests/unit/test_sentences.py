"""What a peer wrote into a header does nothing to the terminal it is shown on."""

from collections.abc import Iterator
from io import StringIO

import pytest
import typer
from rich.console import Console
from rich.text import Text
from sqlalchemy.exc import OperationalError, ProgrammingError
from typer.main import get_command

from cli.main import app
from cli.sentences import one_sentence, shown


def printed(text: str) -> str:
    out = StringIO()
    Console(file=out, width=80, force_terminal=False).print(shown(text), end="")
    return out.getvalue()


def test_markup_is_shown_as_text():
    assert printed("[red]SIM[/] [/nothing]") == "[red]SIM[/] [/nothing]"


def test_no_help_loses_what_it_has_in_brackets():
    def texts(command: object) -> Iterator[str]:
        for found in (command, *getattr(command, "params", ()), *getattr(command, "commands", {}).values()):
            yield getattr(found, "help", None) or ""
        for below in getattr(command, "commands", {}).values():
            yield from texts(below)

    lost = [text for text in texts(get_command(app)) if Text.from_markup(text).plain != text.replace("\\[", "[")]
    assert lost == []


def test_control_characters_are_replaced():
    assert printed("SIM\x1b[2J\r\n\x07") == "SIM\N{REPLACEMENT CHARACTER}[2J" + "\N{REPLACEMENT CHARACTER}" * 3


def test_names_in_any_script_stay():
    assert printed("Παπαδόπουλος 山田") == "Παπαδόπουλος 山田"


class RefusalError(Exception):
    """As the driver of PostgreSQL raises it."""

    sqlstate = "42501"


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ProgrammingError("DELETE", {}, RefusalError("permission denied")), "may not do that"),
        (OperationalError("SELECT", {}, Exception("SIM^ONE is locked")), "could not do it (OperationalError)"),
        (PermissionError(13, "Permission denied", "out"), "out cannot be used: Permission denied"),
    ],
)
def test_a_database_or_file_that_refuses_is_told_in_one_sentence(error, words, capsys):
    @one_sentence
    def command() -> None:
        raise error

    with pytest.raises(typer.Exit) as ended:
        command()
    assert ended.value.exit_code == 2
    said = capsys.readouterr().err
    assert words in said
    assert len(said.splitlines()) == 1
    assert "SIM" not in said


def test_a_bug_stays_a_bug():
    @one_sentence
    def command() -> None:
        raise ProgrammingError("SELEC", {}, Exception("syntax error"))

    with pytest.raises(ProgrammingError):
        command()
