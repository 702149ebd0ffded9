"""Canaries: a unique value in every attribute of PS3.15 Table E.1-1, and in every place a header can hide one."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count

from pydicom import Dataset
from pydicom.datadict import dictionary_VR
from pydicom.dataelem import DataElement
from pydicom.dataset import FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.tag import BaseTag, Tag
from pydicom.uid import ExplicitVRLittleEndian, NuclearMedicineImageStorage

from dicom_node.deidentify import table

NESTS = ("DetectorInformationSequence", "ViewCodeSequence", "ViewModifierCodeSequence")
"""Sequences that stay, one within the other."""

_NUMBERS = frozenset({"US", "SS", "UL", "SL", "FD", "FL"})
_TEXTS = frozenset({"LO", "SH", "LT", "ST", "UT", "UC", "CS", "AE"})


@dataclass
class Canaries:
    """What was planted: bytes to search for, by where they stand; what is too short to search for, by its tag."""

    numbers: Iterator[int] = field(default_factory=lambda: count(10_001))
    needles: dict[bytes, str] = field(default_factory=dict)
    temporal: dict[bytes, str] = field(default_factory=dict)
    short: list[tuple[BaseTag, object]] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.needles) + len(self.temporal) + len(self.short)

    def value(self, tag: BaseTag, vr: str, where: str) -> object:
        """A valid value of the VR that is nowhere else."""
        n = next(self.numbers)
        name = f"{where} {tag} {vr}"
        if vr == "SQ":
            return self._item(name)
        if vr in {"DA", "DT", "TM"}:
            value = _moment(n, vr)
            self.temporal[value.encode()] = name
            return value
        if vr in _NUMBERS or vr == "AS":
            value = (
                f"{n % 90 + 10:03d}Y" if vr == "AS" else float(n) + 0.5 if vr in {"FD", "FL"} else n % 30_000 + 2_000
            )
            self.short.append((tag, value))
            return value
        text = _text(n, vr)
        self.needles[text.encode()] = name
        return text.encode() if vr in {"OB", "OW", "UN"} else f"ZQ{text}^Given{n}" if vr == "PN" else text

    def _item(self, name: str) -> Sequence:
        item = Dataset()
        for keyword, vr in (("CodeValue", "SH"), ("CodeMeaning", "LO"), ("TextValue", "UT"), ("UID", "UI")):
            setattr(item, keyword, self.value(Tag(0x00080000), vr, f"{name} > {keyword}"))
        return Sequence([item])

    def left_in(self, content: bytes, ds: Dataset, *, times: bool = True) -> list[str]:
        """What was found again of what was planted: in a file's bytes, or as the value of its attribute."""
        sought = self.needles | (self.temporal if times else {})
        found = [where for needle, where in sought.items() if needle in content]
        values = {(e.tag, _plain(e.value)) for e in ds.iterall()}
        return found + [f"{tag}" for tag, value in self.short if (tag, _plain(value)) in values]


def _plain(value: object) -> str:
    return str(value)


def _text(n: int, vr: str) -> str:
    forms = {"UI": f"1.2.826.0.1.3680043.99.{n}", "UR": f"http://zq{n}xk.invalid", "DS": f"71{n}", "IS": f"71{n}"}
    return forms.get(vr, f"ZQ{n}XK")


def _moment(n: int, vr: str) -> str:
    date, time = (
        f"{1900 + n % 127:04d}{n // 127 % 12 + 1:02d}{n // 1524 % 28 + 1:02d}",
        f"0{n % 10}{n % 60:02d}11.{n:06d}",
    )
    return {"DA": date, "TM": time, "DT": date + time}[vr]


def header() -> Dataset:
    """A small nuclear medicine header with nothing of anybody in it."""
    ds = Dataset()
    ds.SOPClassUID, ds.SOPInstanceUID = NuclearMedicineImageStorage, "1.2.826.0.1.3680043.98.1"
    ds.Modality = "NM"
    ds.ImageType = ["ORIGINAL", "PRIMARY", "TOMO", "EMISSION"]
    ds.Manufacturer, ds.ManufacturerModelName, ds.BodyPartExamined = "Perfuscope Simulator", "Phantom", "HEART"
    ds.Rows = ds.Columns = 64
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.file_meta.MediaStorageSOPClassUID = NuclearMedicineImageStorage
    return ds


def known_tags() -> list[BaseTag]:
    """The table's attributes that this version of pydicom has a VR for, but for file meta and command groups."""
    return [Tag(tag) for tag in sorted(table.listed()) if table.known_vrs(tag) and tag >> 16 > 4]


def plant_listed(ds: Dataset, canaries: Canaries, where: str) -> None:
    """Every attribute of the table, in ``ds`` itself."""
    for tag in known_tags():
        vr = dictionary_VR(tag).split(" or ")[0]
        ds.add(DataElement(tag, vr, canaries.value(tag, vr, where)))


def full(canaries: Canaries) -> Dataset:
    """A header with all canaries: listed attributes at the top and nested three deep, and every other place."""
    ds = header()
    plant_listed(ds, canaries, "top")
    holder = ds
    for depth, keyword in enumerate(NESTS, start=1):
        item = Dataset()
        setattr(holder, keyword, Sequence([item]))
        plant_listed(item, canaries, f"depth {depth}")
        _plant_private(item, canaries, f"private, depth {depth}")
        holder = item
    _plant_private(ds, canaries, "private")
    _plant_groups(ds, canaries)
    _plant_unknown(ds, canaries)
    _plant_around(ds, canaries)
    return ds


def _plant_private(ds: Dataset, canaries: Canaries, where: str) -> None:
    for group, creator in ((0x0009, "ZQ INVENTED 1"), (0x0029, "ZQ INVENTED 2"), (0x7053, "ZQ INVENTED 3")):
        block = ds.private_block(group, creator, create=True)
        for offset, vr in enumerate(("LO", "PN", "UN", "OB", "LT", "DA", "UI", "SQ", "SH"), start=1):
            block.add_new(offset, vr, canaries.value(Tag(group, 0x1000 + offset), vr, where))


def _plant_groups(ds: Dataset, canaries: Canaries) -> None:
    """Overlays, curves and what else repeats."""
    for group in (0x6000, 0x6002, 0x601E, 0x5000, 0x5002, 0x501E):
        for element, vr in ((0x0022, "LO"), (0x3000, "OW"), (0x4000, "LT"), (0x1500, "LO"), (0x2600, "SH")):
            tag = Tag(group, element)
            ds.add(DataElement(tag, vr, canaries.value(tag, vr, "repeating group")))
    for number in (0x00203101, 0x00280400, 0x00280402, 0x10000010, 0x7F000010):
        tag = Tag(number)
        vr = "OW" if number >> 16 == 0x7F00 else "LO"
        ds.add(DataElement(tag, vr, canaries.value(tag, vr, "repeating element")))


def _plant_unknown(ds: Dataset, canaries: Canaries) -> None:
    """Attributes that nobody knows, known ones as UN, and those of groups that hold no image."""
    for number in (0x00080999, 0x00100015, 0x00189ABC, 0x00400FFE, 0x0040A034):
        ds.add(DataElement(Tag(number), "UN", canaries.value(Tag(number), "UN", "unknown attribute")))
    for number, vr in ((0x04000520, "OB"), (0xFFFCFFFC, "OB"), (0x00041130, "CS"), (0x40000010, "LT")):
        ds.add(DataElement(Tag(number), vr, canaries.value(Tag(number), vr, "foreign group")))
    encrypted = Dataset()
    encrypted.EncryptedContent = canaries.value(Tag(0x04000520), "OB", "encrypted attributes")
    ds.EncryptedAttributesSequence = Sequence([encrypted])


def _plant_around(ds: Dataset, canaries: Canaries) -> None:
    """File meta and preamble."""
    ds.preamble = canaries.value(Tag(0), "OB", "preamble").ljust(128, b"\0")
    meta = ds.file_meta
    meta.MediaStorageSOPInstanceUID = canaries.value(Tag(0x00020003), "UI", "file meta")
    meta.SourceApplicationEntityTitle = canaries.value(Tag(0x00020016), "AE", "file meta")
    meta.SendingApplicationEntityTitle = canaries.value(Tag(0x00020017), "AE", "file meta")
    meta.ImplementationVersionName = canaries.value(Tag(0x00020013), "SH", "file meta")
    meta.PrivateInformationCreatorUID = canaries.value(Tag(0x00020100), "UI", "file meta")
    meta.PrivateInformation = canaries.value(Tag(0x00020102), "OB", "file meta")
    ds.SOPInstanceUID = meta.MediaStorageSOPInstanceUID


def as_unknown_vr(canaries: Canaries) -> Dataset:
    """The table's text attributes in VR UN, as a node writes what its dictionary did not know (PS3.5 6.2.2)."""
    ds = header()
    for tag in known_tags():
        vr = dictionary_VR(tag)
        if vr in _TEXTS | {"PN", "UI", "DA", "TM", "DT"}:
            value = str(canaries.value(tag, vr, "as UN")).encode()
            ds.add(DataElement(tag, "UN", value + b" " * (len(value) % 2)))
    return ds
