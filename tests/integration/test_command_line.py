"""Commands given odd things: one sentence and an exit code, never a traceback."""

import json
import os
import subprocess
import sys
from pathlib import Path

import commands
import pytest

from core.types import AuditAction
from db import audit
from db.session import Sessions, make_engine


def environment(home: Path, **env: str) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith("PERFUSCOPE_")}
    return kept | {"PERFUSCOPE_HOME": str(home)} | env


def perfuscope(*arguments: str, home: Path, **env: str) -> subprocess.CompletedProcess[str]:
    return commands.run(*arguments, env=environment(home, **env))


def started(*arguments: str, home: Path, typed: str = "", **env: str) -> subprocess.CompletedProcess[str]:
    """The command under a Python that is started for it and heeds the variables that only a start heeds."""
    command = [sys.executable, "-m", "cli", *arguments]
    return subprocess.run(
        command, env=environment(home, **env), input=typed, capture_output=True, text=True, timeout=60, check=False
    )


def one_sentence(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode in {1, 2}, done.stdout
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    return done.stderr


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with an empty database, which nobody's questions change."""
    home = tmp_path_factory.mktemp("commands") / "home"
    assert perfuscope("db", "upgrade", home=home).returncode == 0
    return home


def test_a_file_where_a_folder_should_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert "cannot be used" in one_sentence(perfuscope("db", "upgrade", home=tmp_path / "file" / "home"))
    assert one_sentence(perfuscope("simulate", str(tmp_path / "file"), "--patients", "1", home=tmp_path / "home"))


def test_a_started_command_and_one_that_is_forked_say_the_same(home: Path) -> None:
    for command in (("results",), ("results", "--since", "yesterday"), ("studies", "show", "0123"), ("nonsense",)):
        one, other = (way(*command, home=home, COLUMNS="80") for way in (started, perfuscope))
        # how it was called differs, and of -h and --help click's hint names the one that comes first in a set
        said = [done.stderr.replace("python -m cli", "perfuscope").replace(" -h'", " --help'") for done in (one, other)]
        assert (one.returncode, one.stdout, said[0]) == (other.returncode, other.stdout, said[1]), command


def test_a_named_pipe_is_no_file_to_send(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    done = perfuscope("send", str(tmp_path / "pipe"), "--to", "A@127.0.0.1:1", home=tmp_path / "home")
    assert "neither a file nor a folder" in one_sentence(done)


@pytest.mark.parametrize("since", ["0001-01-01T00:00+14:00", "yesterday", "9999-12-31T23:59-14:00"])
def test_a_time_that_is_none(home: Path, since: str) -> None:
    assert since in one_sentence(perfuscope("results", "--since", since, home=home))
    assert since in one_sentence(perfuscope("audit", "list", "--since", since, home=home))


def test_a_list_of_nothing_says_whether_there_is_anything_at_all(home: Path) -> None:
    assert "No studies yet" in perfuscope("results", home=home).stdout
    assert "No studies yet" in perfuscope("studies", "list", home=home).stdout
    for asked in (("--label", "infarction"), ("--since", "2026-11-23"), ("--undelivered",)):
        assert "No study fits" in perfuscope("results", *asked, home=home).stdout


def test_a_search_by_nothing_is_none(home: Path) -> None:
    done = started("results", "--search", "--format", "csv", home=home, typed="^\n")
    assert "nothing is left to search by" in one_sentence(done)
    assert done.stdout == ""
    done = started("results", "--search", "--format", "csv", home=home, typed="testpatient*\n")
    assert (done.returncode, done.stdout) == (0, perfuscope("results", "--format", "csv", home=home).stdout)


def test_unknown_keys(home: Path) -> None:
    for command in (("studies", "show"), ("studies", "replay"), ("studies", "requeue"), ("quarantine", "show")):
        assert one_sentence(perfuscope(*command, "0123", home=home))


def test_a_look_at_quarantine_or_at_the_trail_is_in_the_next_trail(tmp_path: Path) -> None:
    def looks() -> list[str]:
        done = perfuscope("audit", "list", "--format", "json", home=tmp_path)
        return [event["detail"] for event in json.loads(done.stdout) if event["action"] == "view"]

    assert perfuscope("db", "upgrade", home=tmp_path).returncode == 0
    assert looks() == []
    assert perfuscope("quarantine", "list", "--format", "json", home=tmp_path).returncode == 0
    assert looks() == ["quarantine list", "audit list"]


def test_no_cell_of_the_trail_is_a_formula(tmp_path: Path) -> None:
    assert perfuscope("db", "upgrade", home=tmp_path).returncode == 0
    sessions = Sessions(make_engine(f"sqlite:///{tmp_path / 'perfuscope.db'}"))
    with sessions.write() as session:
        audit.record(session, AuditAction.RECEIVE, actor="ae:X;=1+1", now=sessions.now(session), detail="=1")
    sessions.engine.dispose()
    head, row = perfuscope("audit", "list", "--format", "csv", home=tmp_path).stdout.splitlines()
    assert head == "at,actor,action,study_id,subject,detail"
    assert row.split(",")[1:] == ["ae:X;'=1+1", "receive", "", "", "'=1"]


def test_a_terminal_that_knows_no_unicode(home: Path) -> None:
    for command in (("results",), ("audit", "list"), ("quarantine", "list"), ("--help",)):
        done = started(*command, home=home, PYTHONIOENCODING="ascii", PYTHONUTF8="0", LC_ALL="C")
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("command", [("results",), ("audit", "list"), ("quarantine", "list"), ("jobs", "list")])
def test_a_question_makes_no_folder(tmp_path: Path, command: tuple[str, ...]) -> None:
    assert "no Perfuscope" in one_sentence(perfuscope(*command, home=tmp_path / "none"))
    assert not (tmp_path / "none").exists()


def test_nobodys_home_is_no_home(tmp_path: Path) -> None:
    said = one_sentence(perfuscope("db", "upgrade", home=tmp_path, PERFUSCOPE_HOME="", HOME=""))
    assert "HOME is empty" in said


@pytest.mark.parametrize("command", ["doctor", "purge", "quarantine", "audit", "studies", "viewer", "up"])
def test_help_fits_a_terminal_of_80_columns(tmp_path: Path, command: str) -> None:
    done = perfuscope(command, "--help", home=tmp_path / "home", COLUMNS="80")
    assert done.returncode == 0
    assert max(map(len, done.stdout.splitlines())) <= 80
