"""``perfuscope model``: what a model is, whether its files are the ones its card names, and putting it in force."""

from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.console import Console
from rich.padding import Padding
from rich.table import Table

from cli import card_page
from cli.activation import activate
from cli.sentences import one_sentence

if TYPE_CHECKING:
    from models.card import Card

model_app = typer.Typer(help="Model artifacts: card, check, and which one is in force.", no_args_is_help=True)
model_app.command("activate")(activate)

Name = Annotated[str | None, typer.Argument(help="An artifact's folder or name; default: the shipped one.")]


@model_app.command("card")
@one_sentence
def card(
    name: Name = None,
    *,
    output: Annotated[Literal["table", "json"], typer.Option("--format", help="What to print.")] = "table",
    markdown: Annotated[
        bool, typer.Option("--markdown", help="Print it as a page, as docs/model-card.md has it.")
    ] = False,
) -> None:
    """Show what a model was trained on, how well it does and how to repeat that."""
    from cli.evaluate import figures_of
    from models import artifact

    found = artifact.verify(artifact.find(name) if name else artifact.shipped())
    if markdown:
        typer.echo(card_page.page(found), nl=False)
        return
    if output == "json":
        typer.echo(f"[{found.model_dump_json(indent=1)}]")
        return
    console = Console()
    console.print(f"\n[bold]{found.name}[/bold] {found.version}")
    console.print(f"[yellow]{found.statement}[/yellow]\n")
    console.print(_facts(found))
    for evaluation in found.evaluations:
        console.print(Padding(figures_of(evaluation), (1, 0, 0, 0)))
    console.print("\nTo repeat it:")
    for command in found.commands:
        console.print(f"  {command}", highlight=False, soft_wrap=True)


@model_app.command("verify")
@one_sentence
def verify(name: Name = None) -> None:
    """Compare a model's files with the SHA-256 in its card and load it; exit code 2 if anything differs."""
    from models import artifact
    from models.classifier import Classifier

    found = artifact.load(artifact.find(name) if name else artifact.shipped())
    Classifier(found)
    console = Console()
    for file, digest in found.card.files.items():
        console.print(f"[green]agrees[/green]  {file:<13} {digest[:16]}...", highlight=False)
    console.print(f"{found.card.name} {found.card.version} is whole and loads.", highlight=False)


def _facts(found: "Card") -> Table:
    training, base, calibration = found.training, found.architecture, found.calibration
    labels = ", ".join(f"{n} {label.value}" for label, n in training.labels.items())
    parts = ", ".join(f"{sum(counts.values())} {part}" for part, counts in training.split.items())
    rows = {
        "Created": f"{found.created:%Y-%m-%d %H:%M} UTC",
        "Network": f"{base.base}; {base.head}",
        "Started from": base.base_weights,
        "Trained": f"{base.trained_in_stage_2}; stage {base.kept_stage} kept",
        "Patients": f"{training.patients} {training.source}: {labels}",
        "Split": f"{parts}, by patient, seed {training.split_seed}",
        "Made by": training.made_by,
        "Temperature": f"{calibration.folded_temperature} in the network, {calibration.view_temperature} a view",
        "Needs review": f"below {found.review_below:.0%}",
        "LiteRT = Keras": f"{found.parity.max_abs_difference:.1e} apart at most on {found.parity.crops} crops",
        "SHA-256": found.files["model.tflite"],
    }
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for key, value in rows.items():
        table.add_row(key, value)
    return table
