"""``perfuscope dataset`` as tests call it, in this process."""

import json

from typer.testing import CliRunner

from cli.main import app
from training.datasets import manifest as manifests

SPLIT = ("--shares", "34/33/33", "--seed", "3")


def run(*arguments, code=0):
    """The command's output, stdout and stderr together, each line and wrapping as one space."""
    return " ".join(told(*arguments, code=code).split())


def told(*arguments, code=0):
    """The command's output as it is."""
    done = CliRunner().invoke(app, ["dataset", *map(str, arguments)], env={"COLUMNS": "80"})
    assert done.exit_code == code, done.output
    return done.output


def edited(folder, change):
    """The manifest changed behind the commands' backs."""
    document = json.loads((folder / manifests.MANIFEST).read_text())
    change(document)
    (folder / manifests.MANIFEST).write_text(json.dumps(document))
