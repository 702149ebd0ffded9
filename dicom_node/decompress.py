"""JPEG, JPEG-LS and JPEG 2000 images to stored values, each held against the DICOM header first.

The decoders are libjpeg-turbo, CharLS and OpenJPEG; ``imagecodecs`` loads each when it is first used.
"""

from typing import Any

import imagecodecs
import numpy as np
from numpy.typing import NDArray
from pydicom.uid import JPEGBaseline8Bit

from core.errors import Rejected
from core.types import Reason
from dicom_node.bands import from_ybr
from dicom_node.codestream import (
    SIZ,
    SOF_BASELINE,
    SOF_EXTENDED,
    SOF_JPEG_LS,
    SOF_LOSSLESS,
    Codestream,
    measured,
)
from dicom_node.image_pixel import DCT_SYNTAXES, JPEG_2000_SYNTAXES, JPEG_LS_SYNTAXES, ImagePixel

_EOI = b"\xff\xd9"
_TAIL = b"\xb5\x5a\x6d\x2b" * 16


def decompressed(frame: bytes, image: ImagePixel) -> NDArray[Any]:
    """The image of shape (rows, columns) with unsigned values as stored, or (rows, columns, 3) in RGB.

    Raises Rejected (UNDECODABLE) where stream and header disagree in size, kind or colours and where the stream is
    cut short; RuntimeError or ValueError from the decoder for a damaged one. Never takes more memory than the
    header's size accounts for.
    """
    stream = measured(frame)
    _check_size(stream, image)
    ybr = image.samples == 3 and _is_ybr(stream, image)
    if stream.process == SIZ:
        return _from_jpeg_2000(frame, ybr=ybr and not stream.says_ybr)
    if stream.process == SOF_JPEG_LS:
        return _rgb(_from_jpeg_ls(frame, image), ybr=ybr)
    if stream.process == SOF_LOSSLESS:
        return _rgb(_from_jpeg(frame, image, ybr=False), ybr=ybr)
    return _from_jpeg(frame, image, ybr=ybr)


def _undecodable(detail: str) -> Rejected:
    return Rejected(Reason.UNDECODABLE, detail)


def _processes(image: ImagePixel) -> frozenset[int]:
    """What a stream of this transfer syntax may be (PS3.5 A.4)."""
    if image.syntax in JPEG_2000_SYNTAXES:
        return frozenset({SIZ})
    if image.syntax in JPEG_LS_SYNTAXES:
        return frozenset({SOF_JPEG_LS})
    if image.syntax == JPEGBaseline8Bit:
        return frozenset({SOF_BASELINE})
    if image.syntax in DCT_SYNTAXES:
        return frozenset({SOF_BASELINE, SOF_EXTENDED})
    return frozenset({SOF_LOSSLESS})


def _check_size(stream: Codestream, image: ImagePixel) -> None:
    if stream.process not in _processes(image):
        raise _undecodable("compressed image of another kind than its transfer syntax")
    if (stream.rows, stream.columns, stream.samples) != (image.rows, image.columns, image.samples):
        raise _undecodable("compressed image of another size")
    if not image.stored_bits <= stream.bits <= image.bits:
        raise _undecodable("compressed image of another depth")
    if stream.signed and not image.signed:
        raise _undecodable("compressed image of another sign")


def _is_ybr(stream: Codestream, image: ImagePixel) -> bool:
    """Whether the samples are luma and chroma; where header and stream leave a doubt the image is refused.

    In a DCT stream a marker for luma and chroma is believed even if the header says RGB: encoders that keep RGB
    write no JFIF marker. Lossless processes have no colours of their own: there the header is believed.
    """
    header_ybr = image.photometric.startswith("YBR")
    if stream.process == SIZ:
        doubt = stream.says_ybr if image.photometric == "YBR_FULL" else header_ybr and not stream.says_ybr
    elif stream.process in {SOF_BASELINE, SOF_EXTENDED}:
        stream_ybr = stream.says_ybr or stream.jfif
        doubt = stream.says_rgb and (stream_ybr or header_ybr)
        header_ybr = header_ybr or stream_ybr
    else:
        doubt = stream.says_rgb if header_ybr else stream.says_ybr
    if doubt:
        raise _undecodable("colours of header and compressed image disagree")
    return header_ybr


def _from_jpeg(frame: bytes, image: ImagePixel, *, ybr: bool) -> NDArray[Any]:
    """By libjpeg-turbo, which fills what is missing of a stream and says nothing.

    So it has to decode twice, with other bytes after the last: where they show, bytes were missing.
    """
    array, longer = _by_libjpeg(frame, image, ybr=ybr), _by_libjpeg(_with_tail(frame), image, ybr=ybr)
    if not np.array_equal(array, longer):
        raise _undecodable("compressed image ends too early")
    return array


def _by_libjpeg(frame: bytes, image: ImagePixel, *, ybr: bool) -> NDArray[Any]:
    """Colours as they are stored, or from luma and chroma to RGB; never by libjpeg's own guess."""
    if image.samples == 1:
        return imagecodecs.jpeg8_decode(frame)
    return imagecodecs.jpeg8_decode(frame, colorspace="YCBCR" if ybr else "RGB", outcolorspace="RGB")


def _with_tail(frame: bytes) -> bytes:
    end = frame.rindex(_EOI)
    while frame[end - 1] == 0xFF:  # fill bytes may stand before a marker
        end -= 1
    return b"".join((memoryview(frame)[:end], _TAIL, _EOI))


def _from_jpeg_ls(frame: bytes, image: ImagePixel) -> NDArray[Any]:
    array: NDArray[Any] = imagecodecs.jpegls_decode(frame)
    planes = (3, image.rows, image.columns)
    return array.transpose(1, 2, 0) if image.samples == 3 and array.shape == planes else array


def _from_jpeg_2000(frame: bytes, *, ybr: bool) -> NDArray[Any]:
    """By OpenJPEG, which undoes the stream's own component transform (T.800 annex G)."""
    array: NDArray[Any] = imagecodecs.jpeg2k_decode(frame, numthreads=1)
    return _rgb(array, ybr=ybr)


def _rgb(array: NDArray[Any], *, ybr: bool) -> NDArray[Any]:
    return from_ybr(array) if ybr else array
