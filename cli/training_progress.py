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
        bars: list[TaskID] = []
        before: list[Step] = []

        def watch(step: "Step") -> None:
            if not before or before[0].stage != step.stage or before[0].epoch > step.epoch:
                for bar in bars:
                    progress.remove_task(bar)
                stage = progress.add_task(f"stage {step.stage}, epochs at most", total=step.epochs)
                bars[:] = [stage, progress.add_task("batches of the epoch", total=step.batches)]
            elif step.epoch > before[0].epoch:
                progress.reset(bars[1], total=step.batches)
            before[:] = [step]
            progress.update(bars[0], completed=step.epoch - 1 + step.batch / step.batches)
            progress.update(bars[1], completed=step.batch)

        yield watch
