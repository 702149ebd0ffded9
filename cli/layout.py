"""``perfuscope layout``: try screen layouts on files, start new ones, and decide which may be used."""

import typer

from cli.layout_check import check
from cli.layout_folder import add, remove
from cli.layout_new import new
from cli.layout_states import list_layouts, resume, trust

layout_app = typer.Typer(
    help="Screen layouts: which know a file and why, new ones, and which may be used.", no_args_is_help=True
)

layout_app.command("check")(check)
layout_app.command("new")(new)
layout_app.command("add")(add)
layout_app.command("remove")(remove)
layout_app.command("list")(list_layouts)
layout_app.command("trust")(trust)
layout_app.command("resume")(resume)
