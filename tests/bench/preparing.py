"""What the preparation of a study costs: three screens of 1280 x 1024, from the stored file to the PNG of the crop."""

import io
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from PIL import Image
from pydicom import Dataset
from pydicom.encaps import encapsulate
from pydicom.uid import JPEGBaseline8Bit, RLELossless
from row import Row

from core.phi import Phi
from core.pixels import RgbImage
from core.types import Label
from db.studies import Identity
from dicom_node import layouts, textcheck
from dicom_node.prepare import Prepared, prepare
from training.phantom import cohort, dicom

NOBODY = Identity(*map(Phi, ("SIM-1", "NOBODY^INVENTED", "19500101", "", "")))
_RUNS = 30
_AIM = "< 150 ms"


def rows() -> Iterator[Row]:
    """CPU time of this process, medians; without text check, and with it where its extra is installed."""
    screens = dicom.datasets(cohort.simulate(11, 0, label=Label.ISCHEMIA))[:3]
    with tempfile.TemporaryDirectory() as folder:
        for name, pack in (("uncompressed", _plain), ("RLE", _rle), ("JPEG 60", _jpeg)):
            paths = [_stored(pack(ds), Path(folder) / f"{name} {place}.dcm") for place, ds in enumerate(screens)]
            spent = _cpu_ms(lambda paths=paths: _prepare(paths), runs=_RUNS)  # type: ignore[misc] # bound at once
            yield Row(f"CPU to prepare three screens, {name}", f"{spent:.0f} ms", aim=_AIM)
        plain = [Path(folder) / f"uncompressed {place}.dcm" for place in range(3)]
        yield _with_text_check(plain)


def _with_text_check(paths: list[Path]) -> Row:
    what = "CPU to prepare three screens and read them: text in what is kept, and the identity"
    engine = textcheck.load_engine()
    if engine is None:
        return Row(what, "not measured", "the ocr extra is not installed")

    def work() -> None:
        for found in _prepare(paths):
            layout = found.layout
            textcheck.find_text(found.crop, engine, allowed=layout.allowed_text, palette=layout.palette)
            textcheck.compare_identity(found.screen_pixels, layout.identity_box, NOBODY, engine)

    return Row(what, f"{_cpu_ms(work, runs=5) / 1000:.1f} s", "all threads together")


def _prepare(paths: list[Path]) -> list[Prepared]:
    found = [prepare(path, layouts=layouts.shipped()) for path in paths]
    assert all(isinstance(one, Prepared) and one.crop.png() for one in found)
    return [one for one in found if isinstance(one, Prepared)]


def _cpu_ms(work: Callable[[], object], *, runs: int) -> float:
    """Median; process_time counts all threads."""
    work()
    taken = []
    for _ in range(runs):
        started = time.process_time()
        work()
        taken.append((time.process_time() - started) * 1000)
    return statistics.median(taken)


def _stored(ds: Dataset, path: Path) -> Path:
    ds.save_as(path, enforce_file_format=True)
    return path


def _plain(ds: Dataset) -> Dataset:
    return ds


def _rle(ds: Dataset) -> Dataset:
    packed = _copy(ds)
    packed.compress(RLELossless, generate_instance_uid=False)
    return packed


def _jpeg(ds: Dataset) -> Dataset:
    packed, buffer = _copy(ds), io.BytesIO()
    pixels: RgbImage = ds.pixel_array
    Image.fromarray(pixels).save(buffer, "JPEG", quality=60)
    packed.PixelData = encapsulate([buffer.getvalue()])
    packed["PixelData"].is_undefined_length = True
    packed.PhotometricInterpretation = "YBR_FULL_422"
    packed.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
    return packed


def _copy(ds: Dataset) -> Dataset:
    copied = Dataset(ds)
    copied.file_meta = type(ds.file_meta)(ds.file_meta)
    return copied
