"""``perfuscope viewer``: the web pages that staff look at."""

import logging
from typing import Annotated

import typer

from cli import lifetime, options
from cli.node import Supervised
from cli.sentences import one_sentence
from core import log, process

_log = logging.getLogger("perfuscope.viewer")


@one_sentence
def viewer(
    home: options.Home = None,
    config: options.Config = None,
    web_port: Annotated[int | None, typer.Option(help="Port of the pages. (default: 8080)")] = None,
    supervised_by: Supervised = None,
) -> None:
    r"""Serve the pages: the worklist, and each study with its report, for users who log in.

    On this machine alone, unless web_host and \[web] in the settings say otherwise. Users: perfuscope user --help.
    """
    if supervised_by is not None:
        process.end_with_parent(supervised_by)
    with process.loading():
        from viewer import app, server

    found = options.settings(home, config, web_port=web_port)
    log.configure(found.log_level)
    sessions = options.sessions(found)
    server.refuse_nobody(found, sessions)
    bound = server.listen(found)
    if not server.somebody_may_log_in(sessions):
        _log.warning("nobody may log in to the pages yet; first: perfuscope user add NAME --role admin")
    _log.info("pages on %s", server.address(found))
    with process.loading():  # what is made here stays, too
        made = app.make_app(found, sessions)
    with lifetime.recorded(sessions, "viewer"):
        server.serve(made, bound, found.web)
    sessions.engine.dispose()
