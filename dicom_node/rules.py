"""Which view a screen's header names: the site's own rules, or those that come with Perfuscope."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from pydicom import Dataset
from pydicom.datadict import tag_for_keyword
from pydicom.multival import MultiValue

from core.errors import SettingsError
from core.settings import Settings
from core.types import View

_LONGEST_TEXT = 255
"""Characters of a value that rules look at: a pattern's time may grow with the square of its text."""


@dataclass(frozen=True, slots=True)
class ViewRule:
    """Which objects a header calls a view: every keyword's value must contain its regular expression."""

    view: View | None
    """None: the object is listed and not classified."""
    keywords: Mapping[str, str]
    senders: frozenset[str] = frozenset()
    """AE titles whose objects the rule is for; none: everybody's."""

    def __post_init__(self) -> None:
        if not self.keywords:
            raise SettingsError("a view rule needs at least one DICOM keyword")
        for keyword, pattern in self.keywords.items():
            if tag_for_keyword(keyword) is None:
                raise SettingsError(f"view rule: {keyword} is not a DICOM keyword")
            try:
                re.compile(pattern)
            except re.error as error:
                sentence = f"view rule: {pattern!r} for {keyword} is not a regular expression: {error.msg}"
                raise SettingsError(sentence) from None
        object.__setattr__(self, "keywords", MappingProxyType(dict(self.keywords)))

    def matches(self, ds: Dataset, *, sender_ae: str = "") -> bool:
        """Whether sender (to the letter: PS3.5 6.2, padding aside) and header (upper and lower case alike) fit."""
        if self.senders and sender_ae.strip() not in self.senders:
            return False
        return all(re.search(pattern, text(ds, key), re.IGNORECASE) for key, pattern in self.keywords.items())


def text(ds: Dataset, keyword: str) -> str:
    """An attribute's value as rules see it: several values parted by backslashes, cut after 255 characters."""
    value = ds.get(keyword)
    if value is None:
        return ""
    whole = "\\".join(map(str, value)) if isinstance(value, MultiValue) else str(value)
    return whole[:_LONGEST_TEXT]


def _word(pattern: str) -> str:
    """The pattern as a word of its own; an underscore separates words in series descriptions."""
    return rf"(?<![A-Za-z0-9])(?:{pattern})(?![A-Za-z0-9])"


_GAP = r"[-_ .:]*"
_AC = rf"(?:ct|ir)?a\.?c\.?(?:rr|sc)*\d*|(?:ct{_GAP})?(?:ct|ir)?ac|(?:ct{_GAP})?att\w*{_GAP}corr?(?:ected|ection)?\.?"
"""Attenuation correction as workstations shorten it: AC, CTAC, IRAC, IRACRR, IRACSC, att. corr."""

_NOT_CORRECTED = _word(
    r"n\.?a\.?c\.?\d*|nc\d*"
    r"|irna?c(?:rr|sc)*\d*"
    rf"|(?:non|no|not|without|w/o|wo|un|ohne|sans){_GAP}(?:{_AC}|corr?(?:ected|ection)?)"
    rf"|(?:{_AC}){_GAP}(?:[=(]{_GAP})?(?:off|none|false|not{_GAP}applied)"
    rf"|(?:{_AC}){_GAP}[=(]{_GAP}(?:no|n|0|-)\)?"
)
_CORRECTED = _word(_AC)


_DESCRIBED = {
    View.STRESS_QGS: rf"(?=.*{_word('stress')})(?=.*{_word('qgs')})",
    View.REST_QGS: rf"(?=.*{_word('rest')})(?=.*{_word('qgs')})",
    View.QPS: rf"(?=.*{_word('qps')})",
}


def _rules() -> tuple[ViewRule, ...]:
    """First what is not corrected, then what says that it is, then what says nothing of it."""
    uncorrected = ViewRule(None, {"SeriesDescription": _NOT_CORRECTED})
    said = [ViewRule(v, {"SeriesDescription": f"^(?=.*{_CORRECTED}){words}"}) for v, words in _DESCRIBED.items()]
    silent = [ViewRule(v, {"SeriesDescription": f"^{words}"}) for v, words in _DESCRIBED.items()]
    return (uncorrected, *said, *silent)


DEFAULT_RULES: tuple[ViewRule, ...] = _rules()
"""The attenuation-corrected screens; what says that it is not corrected is listed, what says nothing counts as such.

Of several candidates for one view the earlier rule's wins, so one that says "AC" goes before one that says nothing.
"""


def says_corrected(ds: Dataset) -> bool | None:
    """What SeriesDescription says of attenuation correction; None where it says nothing."""
    said = text(ds, "SeriesDescription")
    if re.search(_NOT_CORRECTED, said, re.IGNORECASE):
        return False
    return True if re.search(_CORRECTED, said, re.IGNORECASE) else None


def in_force(settings: Settings) -> tuple[ViewRule, ...]:
    """The settings' own rules, or those that come with Perfuscope; SettingsError names a wrong one."""
    own = (
        ViewRule(None if rule.view == "none" else rule.view, rule.keywords, frozenset(rule.senders))
        for rule in settings.view_rules
    )
    return tuple(own) or DEFAULT_RULES
