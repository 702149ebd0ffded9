"""``make test`` runs every folder that holds tests."""

import re
from pathlib import Path

from sharing import LONGEST, TOGETHER

ROOT = Path(__file__).parents[2]


def test_make_test_names_every_folder_with_tests():
    makefile = (ROOT / "Makefile").read_text()
    named = re.findall(
        r"tests/\w+", " ".join(re.findall(r"^(?:QUICK|WITH_PROCESSES) := (.*)$", makefile, re.MULTILINE))
    )
    holding = {f"tests/{path.relative_to(ROOT / 'tests').parts[0]}" for path in (ROOT / "tests").rglob("test_*.py")}
    assert sorted(named) == sorted(holding)


def test_every_file_that_is_named_for_its_turn_is_there():
    named = [file for files in TOGETHER.values() for file in files]
    named += [file for file in LONGEST if file not in TOGETHER]
    assert [file for file in named if not (ROOT / file).exists()] == []
