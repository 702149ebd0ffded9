"""What users may do: their roles, and what a token of theirs is good for."""

from enum import StrEnum


class Role(StrEnum):
    """What somebody who logs in is there for."""

    READER = "reader"
    """Sees studies and reads them."""
    ADMIN = "admin"
    """Does what a reader does, and looks after users, models, jobs and what is in quarantine."""
    AUDITOR = "auditor"
    """Sees who did what; no patient."""

    def serves_as(self, wanted: "Role") -> bool:
        """Whether this role may do what is for the wanted one: an administrator may do what a reader may."""
        return self is wanted or (self is Role.ADMIN and wanted is Role.READER)


class Scope(StrEnum):
    """What a program with a token may ask for; its user's role decides as well."""

    STUDIES = "studies"
    PREDICTIONS = "predictions"
    REPORTS = "reports"
    STATISTICS = "statistics"
    AUDIT = "audit"

    @property
    def roles(self) -> frozenset[Role]:
        """Whose programs may have it."""
        return frozenset({Role.ADMIN, Role.AUDITOR} if self is Scope.AUDIT else {Role.ADMIN})
