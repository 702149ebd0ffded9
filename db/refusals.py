"""What a database refuses is told without the values it was refused with."""

from sqlalchemy import ExceptionContext

_DATA_EXCEPTION = "22"
"""The class of SQLSTATEs whose first line may quote a value."""


def withhold(context: ExceptionContext) -> None:
    """Take parameters and quoted values out of an error's text; for SQLAlchemy's event ``handle_error``.

    ``hide_parameters`` leaves them in the attribute ``params``, and PostgreSQL quotes keys and rows in its DETAIL.
    """
    told = context.sqlalchemy_exception
    if told is not None:
        told.params = None
    original = context.original_exception
    primary = getattr(getattr(original, "diag", None), "message_primary", None)
    if primary is None:  # not said by a PostgreSQL server; SQLite names columns only
        return
    state = str(getattr(original, "sqlstate", ""))
    text = f"SQLSTATE {state}" + ("" if state.startswith(_DATA_EXCEPTION) else f": {primary}")
    original.args = (text,)
    if told is not None:
        told.args = (f"({type(original).__module__}.{type(original).__qualname__}) {text}",)
