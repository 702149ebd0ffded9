"""The work behind the window: loading a model, reading and classifying files. Belongs to one thread."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from core.errors import PerfuscopeError, Unavailable
from core.types import Reason
from training.answers import Answer, Known, Model, of_files
from training.gui.state import ModelShown

MOST_CHOSEN = 3
"""A study has three screens."""
MOST_IN_FOLDER = 500


@dataclass(slots=True)
class Desk:
    """A loaded model and what is needed to read files; writes nothing anywhere."""

    known: Known
    _model: Model | None = field(default=None, init=False)

    def load(self, name: str | None) -> ModelShown:
        """Load the artifact or Keras file called ``name``, or the shipped artifact; PerfuscopeError says what is wrong.

        If that fails, the model before stays.
        """
        self._model, shown = _keras(Path(name)) if name and is_keras(name) else _artifact(name)
        return shown

    def classify(self, paths: Sequence[Path]) -> tuple[Answer, ...]:
        """What the loaded model says of up to three files, or of the files in one folder.

        Raises PerfuscopeError for too many, for a folder without any screen or with several studies' screens, and
        for a file that is not there.
        """
        if self._model is None:
            raise PerfuscopeError("No model is loaded; choose one.")
        if len(paths) == 1 and paths[0].is_dir():
            return _of_one_study(paths[0], self._of(self._model, in_folder(paths[0])))
        if len(paths) > MOST_CHOSEN:
            raise PerfuscopeError(
                f"{len(paths)} files were chosen; a study has {MOST_CHOSEN} screens, or name a folder."
            )
        for path in paths:
            if not path.is_file():
                raise PerfuscopeError(f"{path.name} is not a file.")
        return self._of(self._model, paths)

    def _of(self, model: Model, files: Sequence[Path]) -> tuple[Answer, ...]:
        try:
            return tuple(of_files(model, files, self.known))
        except Unavailable:
            raise PerfuscopeError("A file cannot be read; is it yours to read?") from None


def is_keras(name: str) -> bool:
    """Whether a model's name is that of a Keras file."""
    return Path(name).suffix.lower() in {".keras", ".h5"}


def in_folder(folder: Path) -> list[Path]:
    """The files that lie in a folder, by name; PerfuscopeError if there is none, or more than are looked at."""
    files = sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
    if not files:
        raise PerfuscopeError(f"{folder.name} holds no file.")
    if len(files) > MOST_IN_FOLDER:
        raise PerfuscopeError(f"{folder.name} holds {len(files)} files; at most {MOST_IN_FOLDER} are looked at.")
    return files


def _of_one_study(folder: Path, answers: Sequence[Answer]) -> tuple[Answer, ...]:
    """The answers that are about screens: what lies beside them (raw data, tables) is none of the reader's business."""
    screens = [a for a in answers if a.kind == "view" and a.view]
    if not screens:
        refused = [a for a in answers if a.reason not in {Reason.NO_SCREENS, Reason.UNDECODABLE}]
        if len(refused) in range(1, MOST_CHOSEN + 1):
            return tuple(refused)
        raise PerfuscopeError(f"{folder.name} holds {len(answers)} files, and none is an MPI screen that is known.")
    if len(screens) > MOST_CHOSEN:
        raise PerfuscopeError(f"{folder.name} holds {len(screens)} screens; choose the {MOST_CHOSEN} of one study.")
    return tuple(a for a in answers if a.kind == "study" or a.view)


def _artifact(name: str | None) -> tuple[Model, ModelShown]:
    from models import artifact  # noqa: PLC0415 - the thread loads it, while the window is already there
    from models.classifier import Classifier  # noqa: PLC0415

    found = artifact.load(artifact.find(name) if name else artifact.shipped())
    identity, card = found.identity, found.card
    shown = ModelShown(
        identity.name,
        identity.version,
        identity.sha256,
        card.statement,
        card.review_below,
        explains_maps=card.kind == "study",
    )
    return Classifier(found), shown


def _keras(path: Path) -> tuple[Model, ModelShown]:
    from training.keras_file import KerasClassifier  # noqa: PLC0415 - TensorFlow is not always there

    return KerasClassifier(path), ModelShown(
        path.stem,
        "Keras",
        _sha256(path),
        "A Keras file does not say what it was trained on; research use only, not for diagnosis.",
        None,
    )


def _sha256(path: Path) -> str:
    from models import artifact  # noqa: PLC0415

    return artifact.sha256(path)
