"""What a peer wrote into a header does nothing to the terminal it is shown on."""

from io import StringIO

from rich.console import Console

from cli.sentences import shown


def printed(text: str) -> str:
    out = StringIO()
    Console(file=out, width=80, force_terminal=False).print(shown(text), end="")
    return out.getvalue()


def test_markup_is_shown_as_text():
    assert printed("[red]SIM[/] [/nothing]") == "[red]SIM[/] [/nothing]"


def test_control_characters_are_replaced():
    assert printed("SIM\x1b[2J\r\n\x07") == "SIM\N{REPLACEMENT CHARACTER}[2J" + "\N{REPLACEMENT CHARACTER}" * 3


def test_names_in_any_script_stay():
    assert printed("Παπαδόπουλος 山田") == "Παπαδόπουλος 山田"
