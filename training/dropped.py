"""What the model says of files that come in by stdin: ``python -m training.dropped``; nothing touches a disk.

A process of its own, so that whoever shows the answer loads no DICOM and no model. The first line of stdin is a JSON
document: ``sizes`` of the files that follow, ``home``, ``layouts`` and ``view_rules`` as in the settings, and
``model``, an artifact's folder or null for the shipped one, with the ``sha256`` that it must have. It prints one JSON
document; an exit code other than 0 says that there is no answer, and nothing is printed, since an error's text may
quote a file.
"""

import base64
import json
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

from PIL import Image

from core import heat
from core.settings import Settings
from core.types import LABELS, Label
from models import artifact
from models.classifier import Classifier
from training import answers
from training.answers import Answer
from training.gui import entries
from training.gui.state import Entry, ModelShown, Panel

_SIDE = 640
_ELSEWHERE = "The model in force is not on this machine, and no other one is asked in its place."


def main(source: BinaryIO) -> str:
    """The answer to what ``source`` says, as JSON."""
    head = json.loads(source.readline())
    found = artifact.load(Path(head["model"]) if head["model"] else artifact.shipped())
    identity, card = found.identity, found.card
    if head.get("sha256") not in {None, identity.sha256}:
        return json.dumps({"problem": _ELSEWHERE})
    model = ModelShown(
        identity.name,
        identity.version,
        identity.sha256,
        card.statement,
        card.review_below,
        explains_maps=card.kind == "study",
    )
    layouts, rules = tuple(head["layouts"]), tuple(head["view_rules"])
    known = answers.Known.of(Settings(home=Path(head["home"]), layouts=layouts, view_rules=rules))
    files = list(_in_memory(source, head["sizes"]))
    said = tuple(_named(answer, files) for answer in answers.of_files(Classifier(found), files, known))
    return json.dumps(
        {
            "model": {"name": model.name, "version": model.version, "statement": model.statement},
            "notice": entries.notice(said),
            "entries": [_entry(entry) for entry in entries.entries(said, model)],
        }
    )


def _in_memory(source: BinaryIO, sizes: Sequence[int]) -> Iterator[Path]:
    """Each file under a name that only this process has, and that is gone with it."""
    for size in sizes:
        kept = os.memfd_create("dropped")
        with os.fdopen(os.dup(kept), "wb") as file:
            file.write(source.read(size))
        yield Path(f"/proc/self/fd/{kept}")


def _named(answer: Answer, files: Sequence[Path]) -> Answer:
    """Files by their place: what they are called never left the browser."""
    return replace(answer, files=tuple(Path(f"File {files.index(file) + 1}") for file in answer.files))


def _entry(entry: Entry) -> dict[str, Any]:
    p = entry.probabilities
    return {
        "title": entry.title,
        "subtitle": entry.subtitle,
        "headline": entry.headline,
        "tone": entry.tone.value,
        "detail": entry.detail,
        "label": entry.label.value,
        "probabilities": p.as_dict() if p else None,
        "panels": [_panel(panel) for panel in entry.panels],
    }


def _panel(panel: Panel) -> dict[str, Any]:
    buffer = BytesIO()
    Image.fromarray(panel.crop).save(buffer, "PNG", compress_level=6)
    return {
        "caption": panel.caption,
        "names": panel.names,
        "crop": _text(buffer.getvalue()),
        "speaks": [label.value for place, label in enumerate(LABELS) if panel.activation[..., place].any()],
        "overlays": {label.value: _text(_overlay(panel, label)) for label in LABELS},
    }


def _overlay(panel: Panel, label: Label) -> bytes:
    activation = panel.activation[..., LABELS.index(label)]
    if panel.circles is None:
        return heat.transparent(heat.enlarged(activation, _SIDE))
    return heat.transparent(heat.on_each(activation, panel.circles, _SIDE, of=len(panel.crop)))


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


if __name__ == "__main__":
    try:
        sys.stdout.write(main(sys.stdin.buffer))
    except Exception:  # noqa: BLE001 - whatever it is, its text may quote a file
        raise SystemExit(3) from None
