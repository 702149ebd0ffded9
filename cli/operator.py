"""Who gives a command: the name that audit events keep."""

import os
import pwd


def actor() -> str:
    """``os:`` and the login name of whoever runs the command, as the system knows it: LOGNAME and USER may say else."""
    try:
        return f"os:{pwd.getpwuid(os.getuid()).pw_name}"
    except KeyError:  # a number without a name, as in some containers
        return f"os:{os.getuid()}"
