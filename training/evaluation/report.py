"""From answers to the report: figures, baselines, subgroups, the patients most wrong, and what it all does not say."""

import platform
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Literal

import numpy as np

from core import __version__
from core.types import LABELS, REQUIRED_VIEWS
from training.evaluation import bootstrap, review_band
from training.evaluation.answers import Answers, Cohort, Floats
from training.evaluation.baselines import Contender
from training.evaluation.levels import Level, level, recalls, scores
from training.evaluation.limits import limits
from training.evaluation.pairs import compare
from training.evaluation.result import Against, Fold, Lineage, Report, Temperature, Wrong
from training.evaluation.review_band import Band
from training.evaluation.subgroups import groups

_WORST = 8
_LIBRARIES = ("ai-edge-litert", "numpy", "scikit-learn", "statsmodels", "keras", "tensorflow-cpu", "tensorflow")


@dataclass(frozen=True, slots=True)
class About:
    """What the figures are of: the model or the recipe, the command, and where the review threshold comes from."""

    kind: Literal["model", "cross-validation"]
    model: Mapping[str, str]
    command: str
    review_below: float | None
    """None: it is chosen on these patients' own risk-coverage curve."""
    folds: tuple[Fold, ...] = ()
    temperature: Temperature | None = None


def report(cohort: Cohort, answers: Answers, baselines: Sequence[Contender], *, about: About, drawn: Floats) -> Report:
    """Everything about ``answers`` on ``cohort``; ``drawn`` are bootstrap draws as ``bootstrap.draws`` makes them."""
    labels = cohort.labels
    study, images = level(labels, answers, drawn), answers.images()
    points = review_band.curve(labels, answers)
    return Report(
        kind=about.kind,
        source=cohort.source,
        summary=_summary(cohort, study, answers, about),
        data=cohort.name,
        patients=len(labels),
        counts={label: int((labels == i).sum()) for i, label in enumerate(LABELS)},
        repeats=answers.repeats,
        study=study,
        images=None if images is None else level(labels, images, drawn),
        views=_views(cohort, answers, drawn),
        review=_band(cohort, answers, about),
        review_from="the model's card" if about.review_below is not None else "the curve of these patients",
        risk_coverage=_thinned(points),
        risk_coverage_area=review_band.area(points),
        temperature=about.temperature,
        baselines=tuple(_against(cohort, answers, other, drawn) for other in baselines),
        subgroups=groups(cohort, answers),
        worst=_worst(cohort, answers),
        folds=about.folds,
        left_out=Counter((cohort.left_out or {}).values()),
        lineage=_lineage(cohort, about, drawn),
        limits=limits(cohort, answers, kind=about.kind),
    )


def _summary(cohort: Cohort, study: Level, answers: Answers, about: About) -> str:
    found = study.scores
    balanced, who = found.balanced_accuracy, " ".join(about.model.get(key, "") for key in ("name", "version")).strip()
    how = "" if answers.repeats == 1 else f", mean of {answers.repeats} repeats on held-out folds"
    return (
        f"{who} tells normal, ischemia and infarction apart with a balanced accuracy of {percent(balanced.value)} "
        f"(95 % interval {percent(balanced.low)} to {percent(balanced.high)}) on {len(cohort.labels)} "
        f"{cohort.source} patients{how}; a guess would reach 33.3 %."
    )


def percent(value: float | None) -> str:
    """A share as people read it, with one decimal."""
    return "not known" if value is None else f"{100 * value:.1f} %"


def _views(cohort: Cohort, answers: Answers, drawn: Floats) -> dict[str, Level]:
    found = {view: answers.view(index) for index, view in enumerate(REQUIRED_VIEWS)}
    return {view: level(cohort.labels, one, drawn) for view, one in found.items() if one is not None}


def _band(cohort: Cohort, answers: Answers, about: About) -> Band:
    if about.review_below is None:
        return review_band.choose(cohort.labels, answers)
    return review_band.at(cohort.labels, answers, review_below=about.review_below)


def _thinned(points: tuple[review_band.RiskPoint, ...], most: int = 150) -> tuple[review_band.RiskPoint, ...]:
    some = np.unique(np.linspace(0, len(points) - 1, min(len(points), most)).round().astype(int))
    return tuple(points[i] for i in some)


def _against(cohort: Cohort, answers: Answers, other: Contender, drawn: Floats) -> Against:
    theirs = other.answers
    return Against(
        name=other.name,
        what=other.what,
        missing=other.missing,
        scores=None if theirs is None else scores(cohort.labels, theirs, drawn),
        recall=None if theirs is None else recalls(cohort.labels, theirs),
        model_minus_this=None if theirs is None else compare(cohort.labels, answers, theirs, drawn),
    )


def _worst(cohort: Cohort, answers: Answers) -> tuple[Wrong, ...]:
    mean = answers.study.mean(axis=0)
    given = mean[np.arange(len(mean)), cohort.labels]
    wrong = np.flatnonzero(mean.argmax(axis=1) != cohort.labels)
    order = wrong[np.argsort(given[wrong], kind="stable")][:_WORST]
    return tuple(
        Wrong(
            row=int(i) + 1,
            name=cohort.patients[i] if cohort.source == "simulated" else None,
            truth=LABELS[cohort.labels[i]],
            answer=LABELS[int(mean[i].argmax())],
            given_to_truth=round(float(given[i]), 4),
            confidence=round(float(mean[i].max()), 4),
        )
        for i in order
    )


def _lineage(cohort: Cohort, about: About, drawn: Floats) -> Lineage:
    return Lineage(
        model=dict(about.model),
        data=cohort.name,
        data_sha256=cohort.digest,
        layouts=dict(cohort.layouts or {}),
        command=about.command,
        versions=versions(),
        created=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        seed=bootstrap.SEED,
        draws=len(drawn),
    )


def versions() -> dict[str, str]:
    """Perfuscope, Python and the libraries that computed the figures."""
    found = {"perfuscope": __version__, "python": platform.python_version()}
    for name in _LIBRARIES:
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found
