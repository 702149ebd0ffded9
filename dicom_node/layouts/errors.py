"""What is raised for a layout that is wrong."""

from core.errors import PerfuscopeError


class LayoutError(PerfuscopeError):
    """A layout is wrong; the text names the layout, the key and what is allowed."""
