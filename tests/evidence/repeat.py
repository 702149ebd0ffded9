"""Two runs with one seed, and one that SIGKILL ends after epoch 5 and that goes on: the same model each time?

PYTHONPATH=.:tests python tests/evidence/repeat.py [--weights FILE]

The recipe `original` on a simulated cohort of its size, by the command line, as anybody would type it.
"""

import argparse
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from models import artifact

ROOT = Path(__file__).parents[2]
KEPT = ROOT / "build" / "evidence" / "repeat"
KILL_AT = 5


def perfuscope(*arguments: str) -> str:
    """Run the command; CalledProcessError if it fails."""
    command = [sys.executable, "-m", "cli", *arguments]
    return subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout


def dataset() -> Path:
    """A cohort of the original's size, imported, cropped and split."""
    folder = KEPT / "dataset"
    if not folder.exists():
        cohort = KEPT / "cohort"
        perfuscope("simulate", str(cohort), "--cohort", "original", "--seed", "5", "--rle", "--workers", "2")
        perfuscope("dataset", "import", str(cohort), "--out", str(folder))
        perfuscope("dataset", "crop", str(folder))
        perfuscope("dataset", "split", str(folder))
    return folder


def training(data: Path, out: Path, weights: str | None) -> list[str]:
    """The command's words."""
    given = ["--weights", weights] if weights else []
    return ["train", "original", "--data", str(data), "--out", str(out), *given]


def killed(data: Path, out: Path, weights: str | None) -> int:
    """Train until the line of epoch KILL_AT is there, then SIGKILL; how many epochs the run had told of."""
    command = [sys.executable, "-u", "-m", "cli", *training(data, out, weights)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, start_new_session=True)
    epochs = 0
    assert process.stdout is not None
    for line in process.stdout:
        epochs += bool(re.search(r"epoch +\d+/", line))
        if epochs == KILL_AT:
            os.killpg(process.pid, signal.SIGKILL)
            break
    process.wait()
    return epochs


def facts(out: Path) -> dict[str, Any]:
    """What must be the same: the network's bytes, the head's, and every figure."""
    found = artifact.load(out)
    figures = [one.model_dump(mode="json") for one in found.card.evaluations]
    return {"files": dict(found.card.files), "figures": figures}


def run(*, weights: str | None) -> dict[str, Any]:
    """Three trainings and what came of them."""
    data = dataset()
    outs = {name: KEPT / name for name in ("first", "second", "killed")}
    for out in outs.values():
        shutil.rmtree(out, ignore_errors=True)
        shutil.rmtree(out.with_name(f"{out.name}.run"), ignore_errors=True)
    said = perfuscope(*training(data, outs["first"], weights))
    perfuscope(*training(data, outs["second"], weights))
    epochs = killed(data, outs["killed"], weights)
    assert not outs["killed"].exists(), "a killed training leaves no artifact"
    resumed = perfuscope(*training(data, outs["killed"], weights))
    first, second, third = (facts(out) for out in outs.values())
    return {
        "same": first == second,
        "same_after_kill": first == third,
        "killed_after": epochs,
        "resumed": next(line for line in resumed.splitlines() if line.startswith("going on")),
        "memory": next(line for line in said.splitlines() if line.startswith("Memory")).split("GB")[0] + "GB",
        "balanced_accuracy": first["figures"][0]["study"]["balanced_accuracy"],
        "patients": first["figures"][0]["patients"],
    }


def page(step: dict[str, Any]) -> list[str]:
    """Lines for docs/evidence.md."""
    again = "the same network and figures" if step["same"] else "**other ones**"
    after = "the same network and figures" if step["same_after_kill"] else "**other ones**"
    lines = ["## The same training twice, and one that was killed", ""]
    lines += [
        f"{step['at']}: `perfuscope train original` on a simulated cohort of 87. A second run with the same seed: "
    ]
    lines += [f"{again}. A run ended by SIGKILL after epoch {step['killed_after']} left no artifact; the same command "]
    lines += [f'again said "{step["resumed"]}" and ended in {after}. {step["memory"]}.', ""]
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", help="ImageNet's; default: Keras fetches them")
    sys.stdout.write(json.dumps(run(weights=parser.parse_args().weights)) + "\n")


if __name__ == "__main__":
    main()
