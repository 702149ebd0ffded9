"""The long proofs, resumable: a step done is kept, and so is what docs/evidence.md says of the others.

python tests/evidence/run.py [--again] [cohorts] [repeat] [held_out] [novelty] [explanation] [kill_9]
                             [production] [canaries] [answer_key] [leaks] [text] [structured] [delivery]
                             [worklists] [tests]

The cohorts' recipe `original` begins from ImageNet's weights: Keras fetches them, or IMAGENET_WEIGHTS names their file.
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))  # what tests share

from evidence import (
    cohort_page,
    deidentification,
    delivery,
    explanation,
    leaks,
    novelty,
    page,
    repeat,
    structured,
    whole,
    worklists,
)

from models import artifact

ROOT = Path(__file__).parents[2]
KEPT = ROOT / "build" / "evidence"
PAGE = ROOT / "docs" / "evidence.md"
KILL_ROUNDS = 5
LEAK_ROUNDS = 10
SCREENS = 500
BLOWS = 21
"""How often something is killed, emptied or restarted in a round on PostgreSQL and Redis."""


def cohorts() -> dict[str, Any]:
    """Ten cohorts of the original's size: every recipe learns from each and is asked about 1,000 others."""
    weights = os.environ.get("IMAGENET_WEIGHTS")
    command = [sys.executable, "tests/evidence/cohorts.py", *(("--weights", weights) if weights else ())]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True, env=env)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def strange() -> dict[str, Any]:
    """What the shipped model does with what is no MPI screen, and with 250 patients of a seed of their own."""
    return novelty.run(_patients("novelty", 250, seed=3), each=20)


def grad_cam() -> dict[str, Any]:
    """Where the shipped model's maps have their maximum."""
    return explanation.run(model=None, patients=300, workers=2)


def repeated() -> dict[str, Any]:
    """Two trainings with one seed, and one that is killed and goes on."""
    return repeat.run(weights=os.environ.get("IMAGENET_WEIGHTS"))


def held_out() -> dict[str, Any]:
    """The shipped model on 300 held-out simulated patients, by the card's own command, beside the card's figures."""
    data = _patients("held_out", 300, seed=2)
    said = json.loads(_perfuscope("evaluate", artifact.shipped().name, "--data", str(data), "--format", "json"))
    return {"evaluation": said, "card": json.loads((artifact.shipped() / artifact.CARD).read_text())["evaluations"]}


def _patients(name: str, patients: int, *, seed: int) -> Path:
    data = KEPT / name
    if not (data / "truth.csv").exists():
        _perfuscope("simulate", str(data), "--patients", str(patients), "--seed", str(seed), "--rle", "--workers", "2")
    return data


def kill_9() -> dict[str, Any]:
    """Rounds of 20 studies with node, workers and supervisor killed in turn."""
    passed = sum(whole.passes("tests/chaos/test_kill_9.py") for _ in range(KILL_ROUNDS))
    return {"rounds": KILL_ROUNDS, "passed": passed, "studies": 20}


def production() -> dict[str, Any]:
    """Rounds of 20 studies on PostgreSQL and Redis: each process killed, Redis emptied, both servers restarted."""
    passed = sum(whole.passes("tests/chaos/test_production.py") for _ in range(KILL_ROUNDS))
    return {"rounds": KILL_ROUNDS, "passed": passed, "studies": 20, "blows": BLOWS}


def headers() -> dict[str, Any]:
    """1,000 studies on PostgreSQL and Redis, and everything outside the identified zone searched for their headers."""
    return leaks.run(KEPT / "leaks", rounds=LEAK_ROUNDS)


def text() -> dict[str, Any]:
    """Screens with text where none belongs, and what is stored of them; a screen done is kept."""
    command = [sys.executable, "tests/evidence/text.py", "--screens", str(SCREENS)]
    done = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


STEPS: dict[str, Callable[[], dict[str, Any]]] = {
    "cohorts": cohorts,
    "repeat": repeated,
    "held_out": held_out,
    "novelty": strange,
    "explanation": grad_cam,
    "kill_9": kill_9,
    "production": production,
    "canaries": deidentification.canaries,
    "answer_key": deidentification.answer_key,
    "leaks": headers,
    "text": text,
    "structured": structured.run,
    "delivery": partial(delivery.run, reports=1000, studies=50),
    "worklists": worklists.run,
    "tests": whole.run,
}


def _perfuscope(*arguments: str) -> str:
    command = [sys.executable, "-m", "cli", *arguments]
    return subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("steps", nargs="*", choices=[*STEPS, []], help="default: all")
    parser.add_argument("--again", action="store_true", help="forget what was kept")
    asked = parser.parse_args()
    KEPT.mkdir(parents=True, exist_ok=True)
    for name in asked.steps or STEPS:
        kept = KEPT / f"{name}.json"
        if asked.again or not kept.exists():
            result = STEPS[name]()
            kept.write_text(json.dumps({"at": datetime.now(UTC).isoformat(timespec="seconds"), **result}))
    kept_ones = {name: KEPT / f"{name}.json" for name in STEPS}
    found = {name: json.loads(path.read_text()) for name, path in kept_ones.items() if path.exists()}
    page.write(PAGE, fresh={name: PAGES[name](result) for name, result in found.items()}, order=STEPS)
    sys.stdout.write(f"{PAGE.relative_to(ROOT)} is written\n")


def _kill_9_page(step: dict[str, Any]) -> list[str]:
    lines = ["## Killed processes", "", f"{step['at']}: {step['passed']} of {step['rounds']} rounds passed. "]
    lines += [f"A round: {step['studies']} studies, SIGKILL to node, workers and supervisor in turn; every study got "]
    return [*lines, "one report, none two.", ""]


def _text_page(step: dict[str, Any]) -> list[str]:
    caught = ", ".join(f"{hits} of {n} at {levels}" for levels, (hits, n) in step["by_contrast"].items())
    lines = ["## Text where none belongs", ""]
    lines += [f"{step['at']}: {step['screens']} simulated screens of both layouts and all views, every check on. "]
    lines += [
        f"{step['readable_in_what_is_kept']} of them hold three or more planted characters in what is kept, each "
    ]
    lines += ["at least four grey levels off the map in the middle of its pixels. "]
    lines += [f"Stored with such text: {step['leaked']}. Kept back, by contrast in grey levels: {caught}. "]
    lines += [f"Stored with other pixels than the source's: {step['not_the_source']}. "]
    lines += [f"Kept back without a reason: {step['undeserved']}.", ""]
    lines += ["| Screens | Stored | Kept back |", "|---|---|---|"]
    for kind, outcomes in step["outcomes"].items():
        back = ", ".join(f"{n} {code}" for code, n in outcomes.items() if code != "stored")
        lines += [f"| {kind} | {outcomes.get('stored', 0)} | {back or 0} |"]
    return [*lines, ""]


def _production_page(step: dict[str, Any]) -> list[str]:
    lines = ["## PostgreSQL and Redis under attack", ""]
    lines += [f"{step['at']}: {step['passed']} of {step['rounds']} rounds passed. A round: {step['studies']} studies, "]
    lines += [f"{step['blows']} blows in turn: Redis emptied, SIGKILL to each of the four processes, "]
    return [*lines, "PostgreSQL stopped at once, Redis killed; every study got one report, none two.", ""]


def _held_out_page(step: dict[str, Any]) -> list[str]:
    said = step["evaluation"][0]
    study, model = said["study"], said["model"]
    same = any(known["study"] == study for known in step["card"])
    lines = ["## The shipped model on held-out simulated patients", ""]
    lines += [
        f"{step['at']}: {model['name']} {model['version']} ({model['sha256'][:12]}), {said['patients']} simulated "
    ]
    lines += ["patients of seed 2, by the card's command. Simulated patients are no clinical evidence. The card's "]
    lines += [f"figures are {'the same' if same else '**other ones**'}.", ""]
    lines += ["| | Share | 95 % interval (Wilson) | |", "|---|---|---|---|", _share_row("accuracy", study["accuracy"])]
    lines += [_share_row(f"recall of {label}", share) for label, share in study["recall"].items()]
    lines += ["", "Rows: truth. Columns: answer.", "", f"| | {' | '.join(study['recall'])} |", "|---|---|---|---|"]
    lines += [
        f"| {label} | {' | '.join(map(str, row))} |"
        for label, row in zip(study["recall"], study["confusion"], strict=True)
    ]
    return [*lines, ""]


def _share_row(name: str, share: dict[str, Any]) -> str:
    interval = f"{share['low']:.1%} to {share['high']:.1%}"
    return f"| {name} | {share['value']:.1%} | {interval} | {share['hits']} of {share['n']} |"


PAGES: dict[str, Callable[[dict[str, Any]], list[str]]] = {
    "cohorts": cohort_page.page,
    "repeat": repeat.page,
    "held_out": _held_out_page,
    "novelty": novelty.page,
    "explanation": explanation.page,
    "kill_9": _kill_9_page,
    "production": _production_page,
    "canaries": deidentification.canaries_page,
    "answer_key": deidentification.answer_key_page,
    "leaks": leaks.page,
    "text": _text_page,
    "structured": structured.page,
    "delivery": delivery.page,
    "worklists": worklists.page,
    "tests": whole.page,
}


if __name__ == "__main__":
    main()
