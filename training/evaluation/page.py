"""The report as one HTML file that needs nothing else: no script, no font, no picture from elsewhere."""

import base64
import io
from pathlib import Path

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from numpy.typing import NDArray
from PIL import Image

from core import DISCLAIMER
from core.types import LABELS, REQUIRED_VIEWS
from models.figures import Proportion
from training.evaluation import plots
from training.evaluation.answers import Cohort
from training.evaluation.bootstrap import Estimate
from training.evaluation.report import percent
from training.evaluation.result import Report, Wrong, wilson_note

_THUMBNAIL = 112
_NONE = "\N{EN DASH}"


def html(report: Report, cohort: Cohort) -> str:
    """The page; thumbnails come from the cohort's crops, every figure from the report."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "percent": percent,
        "share": share,
        "interval": interval,
        "number": number,
        "whole": whole,
        "chance": chance,
        "signed": signed,
    }
    return environment.get_template("report.html").render(
        report=report,
        labels=LABELS,
        views=REQUIRED_VIEWS,
        pictures=_pictures(report),
        worst=[(wrong, _thumbnails(wrong, cohort.pixels)) for wrong in report.worst],
        disclaimer=DISCLAIMER,
        wilson=wilson_note(report.repeats),
    )


def write(report: Report, cohort: Cohort, path: Path) -> None:
    """Write the page to ``path``, whole or not at all."""
    partial = path.with_name(f".{path.name}.partial")
    try:
        partial.write_text(html(report, cohort), encoding="utf-8")
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def share(found: Proportion | None) -> str:
    """A proportion with its interval and its n."""
    if found is None or found.value is None:
        return _NONE
    return f"{100 * found.value:.1f} % ({100 * found.low:.0f}\N{EN DASH}{100 * found.high:.0f}), {found.hits}/{found.n}"


def interval(found: Estimate | None) -> str:
    """A figure between 0 and 1 with its interval, three decimals."""
    if found is None or found.value is None:
        return _NONE
    return f"{found.value:.3f} ({number(found.low)}\N{EN DASH}{number(found.high)})"


def signed(found: Estimate | None) -> str:
    """A difference with its interval."""
    if found is None or found.value is None or found.low is None or found.high is None:
        return _NONE
    return f"{found.value:+.3f} ({found.low:+.3f} to {found.high:+.3f})".replace("-", "\N{MINUS SIGN}")


def number(value: float | None) -> str:
    """Three decimals."""
    return _NONE if value is None else f"{value:.3f}"


def chance(p: float | None) -> str:
    """A p value; very small ones are not told apart."""
    return "< 0.001" if p is not None and p < 0.001 else number(p)


def whole(value: float | None) -> str:
    """A share in whole percent, without the sign."""
    return _NONE if value is None else f"{100 * value:.0f}"


def _pictures(report: Report) -> dict[str, Markup]:
    drawn = {
        "forest": plots.forest(report, name="forest"),
        "confusion": plots.confusion(report.study, name="confusion"),
        "roc": plots.roc(report.study.roc, name="roc"),
        "pr": plots.precision_recall(report.study.pr, name="pr"),
        "reliability": plots.reliability(report.study, name="reliability"),
        "risk": plots.risk_coverage(report, name="risk"),
    }
    if report.images is not None:
        drawn["confusion_images"] = plots.confusion(report.images, name="confusion-images")
        drawn["roc_images"] = plots.roc(report.images.roc, name="roc-images")
    if report.folds:
        drawn["folds"] = plots.folds(report, name="folds")
    return {name: Markup(text) for name, text in drawn.items()}  # noqa: S704 - drawn here, from numbers and label names


def _thumbnails(wrong: Wrong, pixels: NDArray[np.uint8] | None) -> list[str]:
    if pixels is None:
        return []
    return [_data_uri(crop) for crop in pixels[wrong.row - 1]]


def _data_uri(crop: NDArray[np.uint8]) -> str:
    file = io.BytesIO()
    small = Image.fromarray(crop).resize((_THUMBNAIL, _THUMBNAIL), Image.Resampling.LANCZOS)
    small.save(file, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()
