"""UIDs that are the same for the same original, everywhere, and lead back to it for nobody without the key."""

from pydicom.uid import UID

from dicom_node.deidentify.key import Key

_DICOM_ROOT = "1.2.840.10008."
_OTHERS = frozenset(
    {
        "2.16.840.1.113883.6.96",  # SNOMED CT
        "2.16.840.1.113883.6.1",  # LOINC
        "2.16.840.1.113883.6.8",  # UCUM
        "2.16.840.1.113883.6.3",  # ICD-10
        "2.16.840.1.113883.6.119",  # FMA
        "2.16.840.1.113883.6.73",  # ATC
    }
)
"""Coding schemes outside DICOM's root that PS3.16 Table 8-1 names."""


def well_known(uid: str) -> bool:
    """Whether the UID is registered (PS3.6 Annex A, PS3.16 Table 8-1): it says what something is, never whose.

    The UID's own value is asked, not its attribute's name: ManufacturerDeviceClassUID ends in "ClassUID" too.
    """
    return uid in _OTHERS or (uid.startswith(_DICOM_ROOT) and UID(uid).type != "")


def replaced(uid: str, key: Key) -> str:
    """Another UID for this one, ``2.25.`` and 128 bits of HMAC-SHA256 (PS3.5 B.2); a well-known one stays."""
    plain = uid.strip("\0 ")
    if not plain or well_known(plain):
        return plain
    return f"2.25.{int.from_bytes(key.digest('uid', plain)[:16], 'big')}"
