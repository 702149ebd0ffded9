"""The ``perfuscope`` command: every command's place in the help."""

import io
import sys
from typing import Annotated

import typer

from cli.audit import audit_app
from cli.database import db_app
from cli.dataset import dataset_app
from cli.demo import demo
from cli.doctor.command import doctor
from cli.evaluate import evaluate
from cli.export import export
from cli.gui import gui
from cli.jobs import jobs_app
from cli.layout import layout_app
from cli.model import model_app
from cli.node import node
from cli.predict import predict
from cli.purge import purge
from cli.quarantine import quarantine_app
from cli.results import results
from cli.send import send
from cli.simulate import simulate
from cli.studies import studies_app
from cli.token import token_app
from cli.train import train
from cli.up import up
from cli.user import user_app
from cli.viewer import viewer
from cli.worker import worker
from core import __version__

app = typer.Typer(
    name="perfuscope",
    help=(
        "A DICOM node that classifies myocardial perfusion screens (normal, ischemia, infarction) "
        "and sends the report back.\n\nResearch use only, not for diagnosis.\n\n"
        "Try it: perfuscope demo. Run it: perfuscope up. Ask it: perfuscope results."
    ),
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

_RUN = "Run it"
_ASK = "Ask it"
_TRY = "Try it without services"
_TRAIN = "Simulate and train"
_LOOK_AFTER = "Look after it"

app.command("up", rich_help_panel=_RUN)(up)
app.command("node", rich_help_panel=_RUN)(node)
app.command("worker", rich_help_panel=_RUN)(worker)
app.command("viewer", rich_help_panel=_RUN)(viewer)
app.command("results", rich_help_panel=_ASK)(results)
app.add_typer(studies_app, name="studies", rich_help_panel=_ASK)
app.command("demo", rich_help_panel=_TRY)(demo)
app.command("send", rich_help_panel=_TRY)(send)
app.command("predict", rich_help_panel=_TRY)(predict)
app.command("gui", rich_help_panel=_TRY)(gui)
app.command("simulate", rich_help_panel=_TRAIN)(simulate)
app.add_typer(dataset_app, name="dataset", rich_help_panel=_TRAIN)
app.command("train", rich_help_panel=_TRAIN)(train)
app.command("export", rich_help_panel=_TRAIN)(export)
app.command("evaluate", rich_help_panel=_TRAIN)(evaluate)
app.add_typer(model_app, name="model", rich_help_panel=_TRAIN)
app.add_typer(jobs_app, name="jobs", rich_help_panel=_LOOK_AFTER)
app.add_typer(quarantine_app, name="quarantine", rich_help_panel=_LOOK_AFTER)
app.add_typer(layout_app, name="layout", rich_help_panel=_LOOK_AFTER)
app.add_typer(user_app, name="user", rich_help_panel=_LOOK_AFTER)
app.add_typer(token_app, name="token", rich_help_panel=_LOOK_AFTER)
app.add_typer(audit_app, name="audit", rich_help_panel=_LOOK_AFTER)
app.command("doctor", rich_help_panel=_LOOK_AFTER)(doctor)
app.command("purge", rich_help_panel=_LOOK_AFTER)(purge)
app.add_typer(db_app, name="db", rich_help_panel=_LOOK_AFTER)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"perfuscope {__version__}")
        raise typer.Exit


@app.callback()
def _common(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and stop.", is_eager=True, callback=_print_version)
    ] = False,
) -> None:
    """Options before the command's name."""


def main() -> None:
    """The console script's entry."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that cannot show a name shows a question mark
    sys.exit(app())
