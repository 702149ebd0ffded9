"""``perfuscope layout``: try screen layouts on files, and start new ones."""

import typer

from cli.layout_check import check
from cli.layout_new import new

layout_app = typer.Typer(help="Screen layouts: which know a file and why, and new ones.", no_args_is_help=True)

layout_app.command("check")(check)
layout_app.command("new")(new)
