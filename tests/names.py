"""Invented patients' names as peers write them, in the bytes of their character sets (PS3.5 6.1, annexes H to K)."""

from dataclasses import dataclass

from pydicom import Dataset
from pydicom.tag import Tag

from dicom_node.report_header import raw

_KANJI, _ASCII, _KATAKANA, _KOREAN = b"\x1b$B", b"\x1b(B", b"\x1b(J", b"\x1b$)C"


@dataclass(frozen=True)
class Name:
    """One patient's name in a study's own character set."""

    charset: bytes | None
    """The value of Specific Character Set; None: the attribute is missing."""
    value: bytes
    text: str | None
    """What it says; None where nobody can tell."""
    shown: str | None = None
    """What a page prints; None: that the name stands in the header."""


def _jis(text: str, back: bytes = _ASCII) -> bytes:
    """JIS X 0208, with the escapes that PS3.5 6.1.2.5.3 wants before and after."""
    return _KANJI + text.encode("iso2022_jp").removeprefix(_KANJI).removesuffix(_ASCII) + back


def _group(write, *parts: str, escape: bytes = b"") -> bytes:
    return b"^".join(escape + write(part) for part in parts)


def _korean(text: str) -> bytes:
    return _KOREAN + text.encode("euc_kr")


REGULAR = {
    "ascii": Name(None, b"TESTFALL^ANNA", "TESTFALL^ANNA", "TESTFALL, ANNA"),
    "latin_1": Name(b"ISO_IR 100", "PRÜFFALL^JÖRG".encode("latin-1"), "PRÜFFALL^JÖRG", "PRÜFFALL, JÖRG"),
    "latin_2": Name(b"ISO_IR 101", "PRÓBNY^ŁUKASZ".encode("iso8859-2"), "PRÓBNY^ŁUKASZ", "PRÓBNY, ŁUKASZ"),
    "utf_8": Name(b"ISO_IR 192", "PRÜFFALL^ЁЛКА".encode(), "PRÜFFALL^ЁЛКА", "PRÜFFALL, ЁЛКА"),
    "greek": Name(b"ISO_IR 126", "ΔΟΚΙΜΗ^ΦΩΦΗ".encode("iso8859-7"), "ΔΟΚΙΜΗ^ΦΩΦΗ", "ΔΟΚΙΜΗ, ΦΩΦΗ"),
    "cyrillic": Name(b"ISO_IR 144", "ФАНТОМ^ЁЛКА".encode("iso8859-5"), "ФАНТОМ^ЁЛКА", "ФАНТОМ, ЁЛКА"),
    "arabic": Name(b"ISO_IR 127", "تجربة^مريض".encode("iso8859-6"), "تجربة^مريض", "تجربة, مريض"),
    "hebrew": Name(b"ISO_IR 138", "בדיקה^חולה".encode("iso8859-8"), "בדיקה^חולה", "בדיקה, חולה"),
    "thai": Name(b"ISO_IR 166", "ทดสอบ^สมมติ".encode("tis-620"), "ทดสอบ^สมมติ"),
    "japanese": Name(
        b"\\ISO 2022 IR 87",
        b"KAKUU^KANJA=" + _group(_jis, "架空", "患者") + b"=" + _group(_jis, "かくう", "かんじゃ"),
        "KAKUU^KANJA=架空^患者=かくう^かんじゃ",
        "KAKUU, KANJA",
    ),
    "japanese_katakana": Name(
        b"ISO 2022 IR 13\\ISO 2022 IR 87",
        "ｶｸｳ^ｶﾝｼﾞｬ".encode("shift_jis")
        + b"="
        + _group(lambda part: _jis(part, _KATAKANA), "架空", "患者")
        + b"="
        + _group(lambda part: _jis(part, _KATAKANA), "かくう", "かんじゃ"),
        "ｶｸｳ^ｶﾝｼﾞｬ=架空^患者=かくう^かんじゃ",
    ),
    "korean": Name(
        b"\\ISO 2022 IR 149",
        b"GASANG^HWANJA=" + _group(_korean, "假想", "患者") + b"=" + _group(_korean, "가상", "환자"),
        "GASANG^HWANJA=假想^患者=가상^환자",
        "GASANG, HWANJA",
    ),
    "chinese_gb18030": Name(
        b"GB18030", "XUNI^HUANZHE=虚拟^患者".encode("gb18030"), "XUNI^HUANZHE=虚拟^患者", "XUNI, HUANZHE"
    ),
    "chinese_gbk": Name(b"GBK", "XUNI^HUANZHE=虚拟^患者".encode("gbk"), "XUNI^HUANZHE=虚拟^患者", "XUNI, HUANZHE"),
    "chinese_utf_8": Name(b"ISO_IR 192", "虚拟^患者=XUNI^HUANZHE".encode(), "虚拟^患者=XUNI^HUANZHE", "XUNI, HUANZHE"),
}
"""What the standard has a place for."""

ODD = {
    "empty": Name(b"ISO_IR 100", b"", "", "No name"),
    "only_delimiters": Name(b"ISO_IR 100", b"^^=^=", None, "No name"),
    "longer_than_64": Name(b"ISO_IR 100", b"TEST" * 40 + b"^" + b"FALL" * 40, "TEST" * 40 + "^" + "FALL" * 40),
    "no_charset_named": Name(None, "PRÜFFALL^JÖRG".encode("latin-1"), "PRÜFFALL^JÖRG", "PRÜFFALL, JÖRG"),
    "another_charset_named": Name(b"ISO_IR 192", "PRÜFFALL^JÖRG".encode("latin-1"), None),
    "unknown_charset": Name(b"ISO_IR 999", "PRÜFFALL^JÖRG".encode("latin-1"), None),
    "misspelt_charset": Name(b"ISO-IR 100", "PRÜFFALL^JÖRG".encode("latin-1"), None),
    "escape_of_no_charset": Name(b"\\ISO 2022 IR 87", b"KAKUU=\x1b$Z!!\x1b(B", None),
    "cut_in_a_letter": Name(b"ISO_IR 192", "ФАНТОМ^Ё".encode()[:-1], None),
}
"""What archives hold all the same."""


def header_of(key: str) -> Dataset:
    """The header of a study whose patient has that regular name, its bytes as they were sent."""
    header, name = Dataset(), REGULAR[key]
    values = {"StudyInstanceUID": b"2.25.123", "SpecificCharacterSet": name.charset, "PatientName": name.value}
    for keyword, value in (values | {"PatientID": b"SIM-1"}).items():
        if value is not None:
            header[Tag(keyword)] = raw(Tag(keyword), value)
    return header
