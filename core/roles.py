"""Who may do what: the roles that a user can have."""

from enum import StrEnum


class Role(StrEnum):
    """What a user is here for."""

    READER = "reader"
    ADMIN = "admin"
    AUDITOR = "auditor"
