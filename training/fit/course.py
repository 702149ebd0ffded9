"""How a stage goes, epoch by epoch: what the log holds, which epoch was best, and when to stop."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from training.fit.recipe import Stage


@dataclass(frozen=True, slots=True)
class Epoch:
    """The figures of one epoch; those of training are means over its batches, while the weights change."""

    stage: int
    epoch: int
    loss: float
    accuracy: float
    validation_loss: float
    validation_accuracy: float
    learning_rate: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Course:
    """A stage as far as it has come."""

    stage: int
    epochs: tuple[Epoch, ...] = field(default=())

    @property
    def best(self) -> Epoch | None:
        """The first of the epochs with the lowest validation loss; one whose loss is no number is never it."""
        usable = [epoch for epoch in self.epochs if epoch.validation_loss == epoch.validation_loss]
        return min(usable, key=lambda epoch: epoch.validation_loss, default=None)

    @property
    def best_loss(self) -> float:
        """The lowest validation loss; infinite before there is one."""
        return self.best.validation_loss if self.best else float("inf")

    def with_epoch(self, epoch: Epoch) -> "Course":
        """The course one epoch later."""
        return replace(self, epochs=(*self.epochs, epoch))

    def is_over(self, stage: Stage) -> bool:
        """Whether all epochs are done, or ``patience`` of them brought nothing better."""
        since = len(self.epochs) - (self.best.epoch if self.best else 0)
        return len(self.epochs) >= stage.epochs or since >= stage.patience

    def as_json(self) -> dict[str, Any]:
        """As a document; ``of_json`` reads it."""
        return {"stage": self.stage, "epochs": [asdict(epoch) for epoch in self.epochs]}

    @classmethod
    def of_json(cls, document: dict[str, Any]) -> "Course":
        """What ``as_json`` wrote."""
        return cls(int(document["stage"]), tuple(Epoch(**epoch) for epoch in document["epochs"]))


@dataclass(frozen=True, slots=True)
class Step:
    """Where a training is: stage, epoch and batch, each from 1, and how many there are."""

    stage: int
    epoch: int
    epochs: int
    batch: int
    batches: int


Say = Callable[[str], None]
"""Gets a line for people."""
Watch = Callable[[Step], None]
"""Is told each batch."""


def unheard(_what: object) -> None:
    """Say, Watch or whatever else, where nobody listens."""


def line(epoch: Epoch, stage: Stage) -> str:
    """An epoch in one line."""
    return (
        f"epoch {epoch.epoch:3d}/{stage.epochs}  loss {epoch.loss:.4f}  accuracy {epoch.accuracy:.3f}  "
        f"validation {epoch.validation_loss:.4f}  {epoch.validation_accuracy:.3f}"
    )
