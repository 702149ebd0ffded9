"""Who gives a command: the name that audit events keep."""

import getpass


def actor() -> str:
    """``os:`` and the login name of whoever runs the command."""
    try:
        return f"os:{getpass.getuser()}"
    except (KeyError, OSError):  # a number without a name, as in some containers
        return "os:unknown"
