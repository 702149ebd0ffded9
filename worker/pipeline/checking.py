"""Reading a screen for text before its crop is kept: what stands inside the kept areas, and whose name is burned in."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from core.settings import ChecksSettings
from core.types import Reason
from db.identity import Named
from db.layout_states import Standing
from dicom_node import textcheck
from dicom_node.prepare import Prepared
from dicom_node.textcheck import Engine


@dataclass(frozen=True, slots=True)
class Checked:
    """What was looked at and what came of it. ``reason``: why the screen goes to quarantine, None if it may be kept."""

    reason: Reason | None
    record: dict[str, Any] = field(repr=False)
    """Codes, counts and places; never a text that was read."""
    counts: bool = False
    """Whether the screen was read for text and held none: it counts for its layout's probation."""
    trusting: bool = False
    """Whether something was left unread because the layout was trusted then."""


@dataclass(frozen=True, slots=True)
class Checking:
    """When to read, and by what; ``engine_of`` gives None where nothing here can read."""

    when: ChecksSettings
    engine_of: Callable[[], Engine | None]

    def look(self, found: Prepared, who: Named, standing: Standing, *, one_patient: bool) -> Checked:
        """Read the screen as far as the settings and the layout's standing ask for it.

        ``one_patient``: an administrator has declared this screen's patient to be the header's. Raises Unavailable
        where the engine fails: a screen is not kept because nobody could look.
        """
        if standing is Standing.SUSPENDED:
            return Checked(Reason.LAYOUT_SUSPENDED, {})
        text, identity = (_wanted(when, standing) for when in (self.when.text, self.when.identity))
        identity = identity and found.layout.identity_box is not None
        if not (text or identity):
            return Checked(None, {"text": "off", "identity": "off"}, trusting=standing is Standing.TRUSTED)
        engine = self.engine_of()
        if engine is None:
            return Checked(Reason.NOT_CHECKED, {})
        read = _read(found, who, engine, text=text, identity=identity, one_patient=one_patient)
        return replace(read, trusting=standing is Standing.TRUSTED)


def _wanted(when: str, standing: Standing) -> bool:
    return when == "always" or (when == "probation" and standing is Standing.PROBATION)


def _read(found: Prepared, who: Named, engine: Engine, *, text: bool, identity: bool, one_patient: bool) -> Checked:
    record: dict[str, Any] = {"text": "off", "identity": "off"}
    reason = None
    if text:
        seen = textcheck.find_text(found.crop, engine, allowed=found.layout.allowed_text, palette=found.layout.palette)
        record["text"] = seen.as_dict()
        reason = Reason.TEXT_FOUND if seen.found else None
    if identity and found.layout.identity_box is not None:
        compared = textcheck.compare_identity(found.screen_pixels, found.layout.identity_box, who, engine)
        record["identity"] = compared.as_dict() | {"one_patient": one_patient}
        if compared.outcome is textcheck.Outcome.MISMATCH and not one_patient:
            reason = reason or Reason.IDENTITY_MISMATCH
    return Checked(reason, record, counts=text and reason is None)
