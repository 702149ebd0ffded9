"""What administrators ask for on the pages, and what becomes of it. The pages write it down; an edge worker does it."""

import re
from enum import StrEnum

LAYOUT_NAME = re.compile(r"[a-z][a-z0-9-]{1,47}")
"""What a drawn layout is called, and so its file: whoever writes the file asks again."""


class OrderKind(StrEnum):
    """What is asked for."""

    RELEASE = "release"
    """Let an object be prepared again, or a study's objects be one patient's."""
    REJECT = "reject"
    """Count an object as not there."""
    RETRY = "retry"
    """Try a job again that was given up; every such job, where none is named."""
    TRY_PEER = "try_peer"
    """See whether a peer answers, takes an object and stores it for good."""
    ACTIVATE = "activate"
    """Put a model in force."""
    LAYOUT = "layout"
    """Save a layout drawn on a screen in quarantine, and have the screens that it may know prepared again."""


class OrderState(StrEnum):
    """``waiting`` until an edge worker has seen to it, then ``done`` or ``refused``."""

    WAITING = "waiting"
    DONE = "done"
    REFUSED = "refused"
