"""The service files of deploy/ are what systemd takes, and start commands that there are."""

import shutil
import subprocess
from configparser import ConfigParser
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.main import app

UNITS = sorted((Path(__file__).parents[2] / "deploy" / "systemd").glob("*.service"))
PROGRAM = "/opt/perfuscope/.venv/bin/perfuscope"


def parsed(unit: Path) -> ConfigParser:
    parser = ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str
    parser.read(unit)
    return parser


def test_there_is_a_service_for_each_process() -> None:
    assert {unit.name for unit in UNITS} == {
        "perfuscope-node.service",
        "perfuscope-viewer.service",
        "perfuscope-worker-edge@.service",
        "perfuscope-worker-inference@.service",
    }


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_a_service_starts_a_command_that_there_is_and_gives_nothing_away(unit: Path) -> None:
    service = parsed(unit)["Service"]
    program, *arguments = service["ExecStart"].split()
    assert program == PROGRAM
    assert CliRunner().invoke(app, [arguments[0], "--help"]).exit_code == 0
    assert service["UMask"] == "0077"
    assert service["NoNewPrivileges"] == "yes"
    assert service["CapabilityBoundingSet"] == ""
    assert service["ProtectSystem"] == "strict"
    assert service["Restart"] == "always"


def test_the_inference_worker_is_another_user_who_cannot_reach_the_store() -> None:
    services = {unit.name: parsed(unit)["Service"] for unit in UNITS}
    inference = services.pop("perfuscope-worker-inference@.service")
    assert inference["User"] not in {service["User"] for service in services.values()}
    assert inference["InaccessiblePaths"].lstrip("-") == "/var/lib/perfuscope"


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed here")
def test_systemd_finds_nothing_wrong_with_them(tmp_path: Path) -> None:
    for unit in UNITS:
        text = unit.read_text().replace(PROGRAM, shutil.which("true") or "/bin/true")
        (tmp_path / unit.name).write_text(text)
    copies = [str(tmp_path / unit.name) for unit in UNITS]
    said = subprocess.run(
        ["systemd-analyze", "verify", *copies], capture_output=True, text=True, timeout=60, check=False
    )
    ours = [line for line in said.stderr.splitlines() if "perfuscope-" in line]
    assert ours == []
