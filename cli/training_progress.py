"""How long work that trains shows itself: a line an epoch, and a bar with the time left of epoch and stage."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

if TYPE_CHECKING:
    from training.fit.course import Step


@contextmanager
def watched(console: Console) -> Iterator["Callable[[Step], None]"]:
    """Two bars that are told each batch, and are gone afterwards: the epoch's batches and the stage's epochs."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        stages: dict[int, TaskID] = {}
        epochs: dict[int, TaskID] = {}

        def watch(step: "Step") -> None:
            if step.stage not in stages:
                for task in (*stages.values(), *epochs.values()):
                    progress.update(task, visible=False)
                stages[step.stage] = progress.add_task(f"stage {step.stage}, epochs at most", total=step.epochs)
                epochs[step.stage] = progress.add_task("batches of the epoch", total=step.batches)
            elif step.batch == 1:
                progress.reset(epochs[step.stage], total=step.batches)
            done = step.epoch - 1 + step.batch / step.batches
            progress.update(stages[step.stage], completed=int(done * 100) / 100)
            progress.update(epochs[step.stage], completed=step.batch)

        yield watch
