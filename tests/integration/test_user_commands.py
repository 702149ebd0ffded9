"""``perfuscope user`` and ``perfuscope token`` as an administrator types them."""

import json
import os
import subprocess
import sys
from pathlib import Path

import commands
import pytest
from entry import Browser

from core.settings import Settings
from db.session import Sessions, make_engine
from viewer.app import make_app


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("users") / "home"
    asked(path, "db", "upgrade")
    return path


def env(home: Path) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith("PERFUSCOPE_") or k == "PERFUSCOPE_MODEL"}
    return kept | {"PERFUSCOPE_HOME": str(home)}


def asked(home: Path, *arguments: str, code: int = 0) -> str:
    done = commands.run(*arguments, env=env(home))
    assert done.returncode == code, done.stderr
    return done.stderr if code else done.stdout


def browser(home: Path) -> Browser:
    return Browser(make_app(Settings(home=home), Sessions(make_engine(f"sqlite:///{home / 'perfuscope.db'}"))))


def made_up(said: str) -> str:
    return said.partition(": ")[2].split()[0]


def test_an_administrator_is_made_listed_changed_and_locked_out(home):
    assert "Add an administrator: perfuscope user add NAME --role admin" in asked(home, "user", "list")
    said = asked(home, "user", "add", "Root", "--role", "admin", "--generate")
    assert "root may log in as admin." in said
    assert "must be changed at the first login" in said
    answer = browser(home).log_in("root", made_up(said))
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    said = asked(home, "user", "password", "root", "--generate")
    assert browser(home).log_in("root", made_up(said)).status_code == 303
    asked(home, "user", "add", "eve", "--generate")
    assert "eve is auditor now" in asked(home, "user", "set-role", "eve", "auditor")
    asked(home, "user", "disable", "eve")
    found = {item["name"]: item for item in json.loads(asked(home, "user", "list", "--format", "json"))}
    assert (found["eve"]["role"], bool(found["eve"]["disabled_at"])) == ("auditor", True)
    assert "disabled" in asked(home, "user", "list")
    assert "may log in again" in asked(home, "user", "enable", "eve")
    assert "may try again" in asked(home, "user", "unlock", "eve")
    audit = json.loads(asked(home, "audit", "list", "--format", "json"))
    assert any(event["detail"] == "eve role=auditor" and event["actor"].startswith("os:") for event in audit)


def test_a_password_is_piped_in_and_never_printed(home):
    command = [sys.executable, "-m", "cli", "user", "add", "piped"]
    typed = {"input": "seven quiet lanterns\n", "text": True, "capture_output": True}
    done = subprocess.run(command, env=env(home), timeout=60, check=False, **typed)
    assert (done.returncode, done.stdout) == (0, "piped may log in as reader.\n")
    assert browser(home).log_in("piped").status_code == 303


def test_what_is_not_allowed_is_one_sentence(home):
    asked(home, "user", "add", "only", "--role", "admin", "--generate")
    for arguments, said in (
        (("user", "add", "only", "--generate"), "there is a user 'only' already; a name is never given twice"),
        (("user", "add", "x y", "--generate"), "the user name 'x y' is not allowed: 2 to 32 of a-z"),
        (("user", "add", "nopass"), "a password has 12 to 128 characters"),
        (("user", "disable", "nobody"), "there is no user 'nobody'; known are:"),
        (("token", "add", "only", "BAD", "--scope", "studies"), "the label 'BAD' is not allowed"),
        (("token", "revoke", "only", "none"), "only has no token 'none'; there are: none"),
    ):
        told = asked(home, *arguments, code=2)
        assert said in told, arguments
        assert told.count("\n") == 1


def test_a_token_is_printed_alone_so_that_it_can_be_piped_on_and_is_revoked(home):
    asked(home, "user", "add", "owner", "--role", "admin", "--generate")
    token = asked(home, "token", "add", "owner", "metabase", "--scope", "studies", "--scope", "statistics")
    assert token.startswith("pfs_")
    assert len(token.split()) == 1
    listed = json.loads(asked(home, "token", "list", "--format", "json"))
    assert [(t["user"], t["label"], t["scopes"], t["standing"]) for t in listed] == [
        ("owner", "metabase", ["statistics", "studies"], "good")
    ]
    assert "is good for nothing now" in asked(home, "token", "revoke", "owner", "metabase")
    assert "revoked" in asked(home, "token", "list")


def test_pages_for_other_machines_do_not_start_without_anybody_who_may_log_in(tmp_path):
    home = tmp_path / "home"
    asked(home, "db", "upgrade")
    (home / "perfuscope.toml").write_text(
        'web_host = "0.0.0.0"\n[web]\nnames = ["pages.example.org"]\nproxies = ["127.0.0.1"]\n'
    )
    told = asked(home, "viewer", code=2)
    assert "first: perfuscope user add NAME --role admin" in told
    assert told.count("\n") == 1
