"""The type checker finds every place that would use an identified value as text."""

import re
from pathlib import Path

from mypy import api

ROOT = Path(__file__).parents[2]
MISUSES = """\
from core.phi import Phi

who = Phi("TESTPATIENT^JANE")
found: dict[str, int] = {}

def look(text: str) -> None: ...

name: str = who  # wrong
look(who)  # wrong
len(who)  # wrong
who + "!"  # wrong
"!" + who  # wrong
who[0]  # wrong
who.upper()  # wrong
who == "TESTPATIENT^JANE"  # wrong
who != "TESTPATIENT^JANE"  # wrong
who in ("TESTPATIENT^JANE",)  # wrong
"JANE" in who  # wrong
who < who  # wrong
"".join([who])  # wrong
found[who]  # wrong
open(who)  # wrong
Phi(who)  # wrong
Phi(None)  # wrong

class Loud(Phi):  # wrong
    pass

look(who.reveal())
same: bool = who == Phi("") or who in (who,) or not who
hash(who)
"""


def test_every_misuse_is_an_error_and_nothing_else_is(tmp_path: Path, monkeypatch):
    monkeypatch.chdir(ROOT)
    wrong = {number for number, line in enumerate(MISUSES.splitlines(), 1) if line.endswith("# wrong")}
    said, problem, _ = api.run(
        ["--strict", "--follow-imports=silent", "--config-file=", f"--cache-dir={tmp_path}", "-c", MISUSES]
    )
    assert problem == ""
    assert {int(line) for line in re.findall(r"^<string>:(\d+): error", said, re.MULTILINE)} == wrong, said
