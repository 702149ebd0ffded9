"""Screens with text where none belongs, checks on ``always``: what is stored, and whether it can be read.

python tests/evidence/text.py [--screens 500] [--seed 4242] [--kept FOLDER] [--first N]

Each screen's verdict is kept, so a run that was stopped goes on. Prints the counts as JSON.
"""

import argparse
import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from planted import SEED, case, judge, plain

from core.errors import PerfuscopeError
from dicom_node.textcheck import load_engine

KEPT = Path(__file__).parents[2] / "build" / "evidence" / "text"


def run(screens: int, *, seed: int, kept: Path, first: int = 0) -> list[dict[str, Any]]:
    """The verdicts, those of an earlier run among them."""
    kept.mkdir(parents=True, exist_ok=True)
    engine = load_engine()
    if engine is None:
        raise PerfuscopeError("the ocr extra is not installed.")
    verdicts = []
    for number in range(first, screens):
        file = kept / f"{seed}-{number:05d}.json"
        if not file.exists():
            verdict = plain(judge(case(number, seed=seed), engine, seed=seed))
            written = file.with_suffix(".part")
            written.write_text(json.dumps(verdict))
            written.replace(file)
        verdicts.append(json.loads(file.read_text()))
    return verdicts


def counts(verdicts: list[dict[str, Any]]) -> dict[str, Any]:
    """What there is to say of them."""
    readable = [v for v in verdicts if v["readable"] >= 3 and tuple(v["shift"]) == (0, 0)]
    by_contrast = {c: [v for v in readable if v["contrast"] == c] for c in sorted({v["contrast"] for v in readable})}
    return {
        "screens": len(verdicts),
        "outcomes": {kind: dict(_outcomes(verdicts, kind)) for kind in sorted({v["kind"] for v in verdicts})},
        "readable_in_what_is_kept": len(readable),
        "by_contrast": {str(c): [sum(v["outcome"] != "stored" for v in vs), len(vs)] for c, vs in by_contrast.items()},
        "seen_on": dict(Counter(way for v in readable for way in v["seen_on"])),
        "leaked": sum(v["leaked"] for v in verdicts),
        "not_the_source": sum(not v["same"] for v in verdicts),
        "undeserved": sum(v["undeserved"] for v in verdicts),
        "leaks": [
            {k: v[k] for k in ("layout", "kind", "contrast", "size_px", "colour")} for v in verdicts if v["leaked"]
        ],
    }


def _outcomes(verdicts: list[dict[str, Any]], kind: str) -> Counter[str]:
    return Counter(v["outcome"] for v in verdicts if v["kind"] == kind)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--screens", type=int, default=500)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--kept", type=Path, default=KEPT)
    asked = parser.parse_args()
    found = counts(run(asked.screens, seed=asked.seed, kept=asked.kept, first=asked.first))
    sys.stdout.write(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
