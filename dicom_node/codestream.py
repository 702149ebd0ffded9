"""What a compressed image says of itself, read from its marker segments without decoding any of it.

The decoders believe the stream, not the DICOM header: so the stream is measured first.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from core.errors import Rejected
from core.types import Reason

SOF_BASELINE, SOF_EXTENDED, SOF_LOSSLESS, SOF_JPEG_LS, SIZ = 0xC0, 0xC1, 0xC3, 0xF7, 0x51
"""Markers that begin a frame: ITU-T T.81 B.1.1.3, T.87 C.1.1, T.800 A.5.1."""

_SOI, _EOI, _SOC = b"\xff\xd8", b"\xff\xd9", b"\xff\x4f"
_SOS, _LSE, _APP0, _APP8, _APP14, _COD, _SOT = 0xDA, 0xF8, 0xE0, 0xE8, 0xEE, 0x52, 0x90
_SOFS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC} | {SOF_JPEG_LS}
_STANDALONE = frozenset({0x01, *range(0xD0, 0xDA)})
_LSE_PRESETS = 1

_MAX_SEGMENTS = 2000
_MAX_TILES, _MAX_LAYERS, _MIN_PRECINCT = 4096, 128, 4
"""JPEG 2000: many tiles, layers or small precincts (powers of two) cost memory that the image's size does not show."""


@dataclass(frozen=True, slots=True)
class Codestream:
    """Size and kind of a compressed image by its own account."""

    process: int
    """The marker of its frame header: ``SOF_BASELINE``, ..., ``SIZ``."""
    rows: int
    columns: int
    samples: int
    bits: int
    signed: bool = False
    says_rgb: bool = False
    """A marker or the components' names say that the samples are red, green and blue."""
    says_ybr: bool = False
    """A marker says luma and chroma, or a component is subsampled; JPEG 2000: its component transform is used."""
    jfif: bool = False


def measured(frame: bytes) -> Codestream:
    """The size and colours that a JPEG, JPEG-LS or JPEG 2000 stream claims.

    Raises Rejected (UNDECODABLE) for other streams, for one without its end marker, for what is not used in DICOM
    (several frames, mapping tables, component subsampling in JPEG 2000) and for structures that cost undue memory or
    time; IndexError or struct.error for a damaged one.
    """
    if not frame.rstrip(b"\0").endswith(_EOI) and not frame[:-1].endswith(_EOI):  # DCMTK pads JPEG-LS with any byte
        raise _undecodable("compressed image ends too early")
    if frame.startswith(_SOC):
        return _jpeg_2000(frame)
    if frame.startswith(_SOI):
        return _jpeg(frame)
    raise _undecodable("not a JPEG stream")


def _undecodable(detail: str) -> Rejected:
    return Rejected(Reason.UNDECODABLE, detail)


def _segments(frame: bytes, last: int) -> Iterator[tuple[int, bytes, int]]:
    """Markers, contents and following places of the segments after the first marker, up to the marker ``last``."""
    place = 2
    for _ in range(_MAX_SEGMENTS):
        while frame[place + 1] == 0xFF:  # fill bytes (T.81 B.1.1.2)
            place += 1
        if frame[place] != 0xFF or frame[place + 1] in _STANDALONE:
            raise _undecodable("damaged compressed image")
        marker, length = frame[place + 1], struct.unpack_from(">H", frame, place + 2)[0]
        after = place + 2 + length
        if length < 2 or after > len(frame):
            raise _undecodable("damaged compressed image")
        yield marker, frame[place + 4 : after], after
        if marker == last:
            return
        place = after
    raise _undecodable("compressed image of too many parts")


def _jpeg(frame: bytes) -> Codestream:
    header: tuple[int, bytes] | None = None
    jfif, transforms = False, set[int]()
    for marker, content, after in _segments(frame, _SOS):
        if marker in _SOFS:
            if header is not None:
                raise _undecodable("several frames in one compressed image")
            header = marker, content
        elif marker == _APP0 and content.startswith(b"JFIF\0"):
            jfif = True
        elif marker == _APP14 and content.startswith(b"Adobe") and len(content) >= 12:
            transforms.add(content[11])
        elif (marker == _LSE and content[0] != _LSE_PRESETS) or (marker == _APP8 and content.startswith(b"mrfx")):
            raise _undecodable("JPEG-LS with a mapping table, transform or size of its own")
        end = after
    if header is None:
        raise _undecodable("compressed image without a frame")
    return _jpeg_frame(*header, jfif=jfif, transforms=transforms, later_scans=frame.count(b"\xff\xda", end))


def _jpeg_frame(process: int, content: bytes, *, jfif: bool, transforms: set[int], later_scans: int) -> Codestream:
    bits, rows, columns, samples = struct.unpack_from(">BHHB", content)
    parts = [content[6 + 3 * n : 9 + 3 * n] for n in range(samples)]
    if later_scans >= samples or not rows or not columns:  # each scan may cost the time of a whole image
        raise _undecodable("damaged compressed image")
    subsampled = any(part[1] != parts[0][1] for part in parts)
    if subsampled and process not in {SOF_BASELINE, SOF_EXTENDED}:
        raise _undecodable("subsampled lossless image")
    return Codestream(
        process=process,
        rows=rows,
        columns=columns,
        samples=samples,
        bits=bits,
        says_rgb=0 in transforms or bytes(part[0] for part in parts) == b"RGB",
        says_ybr=subsampled or bool(transforms - {0}),
        jfif=jfif,
    )


def _jpeg_2000(frame: bytes) -> Codestream:
    found: dict[int, bytes] = {}
    for marker, content, _ in _segments(frame, _SOT):
        found.setdefault(marker, content)
    size, style = found[SIZ], found[_COD]
    _, right, bottom, left, top, tile_width, tile_height, tiles_left, tiles_top, samples = struct.unpack_from(
        ">H8IH", size
    )
    depths = {size[36 + 3 * n : 39 + 3 * n] for n in range(samples)}
    if len(depths) != 1 or next(iter(depths))[1:] != b"\1\1":
        raise _undecodable("components of different kinds")
    tiles = -(-(right - tiles_left) // tile_width) * -(-(bottom - tiles_top) // tile_height)
    layers, transform = struct.unpack_from(">HB", style, 2)
    precincts = style[10:] if style[0] & 1 else b""
    if tiles > _MAX_TILES or layers > _MAX_LAYERS or any(_narrow(size) for size in precincts):
        raise _undecodable("compressed image of too many parts")
    depth = next(iter(depths))[0]
    return Codestream(
        process=SIZ,
        rows=bottom - top,
        columns=right - left,
        samples=samples,
        bits=(depth & 0x7F) + 1,
        signed=bool(depth & 0x80),
        says_ybr=transform == 1,
    )


def _narrow(precinct: int) -> bool:
    return min(precinct & 15, precinct >> 4) < _MIN_PRECINCT
