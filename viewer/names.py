"""DICOM values as people write them: names of persons, dates, probabilities."""

import unicodedata


def groups(name: str) -> list[str]:
    """The component groups of a person's name (PS3.5 6.2.1), each ``Family, Given Middle``; empty ones left out.

    Alphabetic first, then ideographic and phonetic, where family and given name stand side by side (PS3.5 H).
    """
    written = [_alphabetic(group) if place == 0 else _eastern(group) for place, group in enumerate(name.split("="))]
    return [group for group in written if group]


def _alphabetic(group: str) -> str:
    family, given, middle, prefix, suffix = _components(group)
    forenames = " ".join(part for part in (prefix, given, middle) if part)
    return ", ".join(part for part in (family, forenames, suffix) if part)


def _eastern(group: str) -> str:
    return " ".join(part for part in _components(group) if part)


def _components(group: str) -> list[str]:
    parts = [_clean(part) for part in group.split("^", 4)]
    return parts + [""] * (5 - len(parts))


def _clean(text: str) -> str:
    """On one line, without control and direction marks, which could turn the text around them."""
    return " ".join("".join(c for c in text if c.isspace() or unicodedata.category(c) not in {"Cc", "Cf"}).split())


def plain(text: str) -> str:
    """A value without control and direction marks."""
    return _clean(text)


def plain_lines(text: str) -> str:
    """The same for a text of several lines; its lines stay."""
    return "\n".join(_clean(line) for line in text.splitlines())


def day(value: str) -> str:
    """A DICOM date (PS3.5 6.2, DA); anything else as it is."""
    value = _clean(value)
    return f"{value[:4]}-{value[4:6]}-{value[6:]}" if len(value) == 8 and value.isdigit() else value


def percent(probability: float) -> str:
    """A probability in whole percent that never claims certainty."""
    if probability > 0.99:
        return "> 99 %"
    return "< 1 %" if probability < 0.01 else f"{100 * probability:.0f} %"
