"""The written acceptance criteria: what a model must reach to be put in force, not worse than the one that is."""

import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

from pydantic import Field

from core.types import Label
from models.card import Card, Criterion
from models.figures import Evaluation, Record

Share = Annotated[float, Field(ge=0, le=1)]


class FiguresWanted(Record):
    """On the reference set."""

    patients: int
    balanced_accuracy: Share
    ischemia_recall_low: Share
    auc_above_tpd: float


class NoveltyWanted(Record):
    """Of refusals among held-out MPI studies."""

    refused_on_mpi: Share
    refused_patients: int


class ParityWanted(Record):
    """Of LiteRT against Keras."""

    crops: int
    max_abs_difference: float
    flips: int


class LossAllowed(Record):
    """How much less than the active model's a figure may be on the same patients."""

    balanced_accuracy: Share
    auc: Share


class Criteria(Record):
    """All that is written in ``acceptance.toml``."""

    figures: FiguresWanted
    novelty: NoveltyWanted
    parity: ParityWanted
    against_active: LossAllowed


def written() -> Criteria:
    """The criteria that come with this release."""
    path = Path(__file__).parent / "acceptance.toml"
    return Criteria.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))


def reference(card: Card, active: Card | None) -> tuple[Evaluation | None, Evaluation | None]:
    """The evaluation to judge by, and the active model's on the same patients: of several that with most patients."""
    pairs = [(ours, _same(ours, active)) for ours in card.evaluations]
    shared = [pair for pair in pairs if pair[1] is not None] or pairs
    return max(shared, key=lambda pair: pair[0].patients, default=(None, None))


def judge(card: Card, figures: Evaluation | None, wanted: Criteria) -> tuple[Criterion, ...]:
    """How a model with these figures stands against the criteria, line by line."""
    return (*_by_figures(figures, wanted.figures), *_by_novelty(card, wanted.novelty), *_by_parity(card, wanted.parity))


def compare(ours: Evaluation, theirs: Evaluation, allowed: LossAllowed) -> tuple[Criterion, ...]:
    """How a model stands against the active one on the same patients."""
    return (
        _not_worse(
            "balanced accuracy", ours.study.balanced_accuracy, theirs.study.balanced_accuracy, allowed.balanced_accuracy
        ),
        _not_worse("AUC", ours.study.auc_abnormal, theirs.study.auc_abnormal, allowed.auc),
    )


def all_of(
    card: Card, active: Card | None, figures: tuple[Evaluation | None, Evaluation | None], wanted: Criteria
) -> tuple[Criterion, ...]:
    """How a model stands against the criteria, and against the active one where there is one.

    ``figures``: both models' on the same patients, as ``reference`` finds them on the cards.
    """
    ours, theirs = figures
    criteria = judge(card, ours, wanted)
    if active is None:
        return criteria
    if ours is None or theirs is None:
        return (*criteria, unknown("the active model's figures on the same patients; name some by --reference"))
    return (*criteria, *compare(ours, theirs, wanted.against_active))


def refusal(name: str, missed: Sequence[Criterion]) -> str:
    """Why a model is not put in force, in a sentence."""
    more = f" and {len(missed) - 1} more" if len(missed) > 1 else ""
    return f"{name} is not activated: {missed[0].name} is {missed[0].found}, wanted {missed[0].wanted}{more}"


def unknown(name: str) -> Criterion:
    """What nothing is known of is not met."""
    return Criterion(name=name, wanted="known", found="unknown", met=None)


def missed(criteria: Sequence[Criterion]) -> list[Criterion]:
    """Those that are not met, or of which nothing is known."""
    return [criterion for criterion in criteria if not criterion.met]


def _same(ours: Evaluation, active: Card | None) -> Evaluation | None:
    for theirs in active.evaluations if active else ():
        if (theirs.truth_sha256, theirs.patients) == (ours.truth_sha256, ours.patients):
            return theirs
    return None


def _by_figures(found: Evaluation | None, wanted: FiguresWanted) -> Iterator[Criterion]:
    study = found.study if found else None
    low = study.recall[Label.ISCHEMIA].low if study and study.recall[Label.ISCHEMIA].n else None
    yield _at_least("patients of the reference set", found.patients if found else None, wanted.patients)
    yield _at_least("balanced accuracy", study.balanced_accuracy if study else None, wanted.balanced_accuracy)
    yield _at_least("recall of ischemia, lower end of its interval", low, wanted.ischemia_recall_low)
    rules = [b.figures.auc_abnormal for b in found.baselines if "TPD" in b.name] if found else []
    known = [auc for auc in rules if auc is not None]
    if known:  # patients without a known TPD leave nothing to compare with
        yield _at_least("AUC", study.auc_abnormal if study else None, round(max(known) + wanted.auc_above_tpd, 4))


def _by_novelty(card: Card, wanted: NoveltyWanted) -> Iterator[Criterion]:
    found = card.novelty.refused_held_out if card.novelty else None
    yield _at_least("held-out MPI studies tried for refusals", found.n if found else None, wanted.refused_patients)
    yield _at_most("share of them refused", found.value if found else None, wanted.refused_on_mpi)


def _by_parity(card: Card, wanted: ParityWanted) -> Iterator[Criterion]:
    yield _at_least("crops compared between LiteRT and Keras", card.parity.crops, wanted.crops)
    yield _at_most("difference between them", card.parity.max_abs_difference, wanted.max_abs_difference)
    yield _at_most("other answers among them", card.parity.flips, wanted.flips)


def _not_worse(name: str, ours: float | None, theirs: float | None, loss: float) -> Criterion:
    if ours is None or theirs is None:
        return unknown(f"{name} against the active model")
    wanted = round(theirs - loss, 4)
    return _at_least(f"{name} against the active model", ours, wanted)


def _at_least(name: str, found: float | None, wanted: float) -> Criterion:
    met = None if found is None else found >= wanted
    return Criterion(name=name, wanted=f"at least {wanted:g}", found=_number(found), met=met)


def _at_most(name: str, found: float | None, wanted: float) -> Criterion:
    met = None if found is None else found <= wanted
    return Criterion(name=name, wanted=f"at most {wanted:g}", found=_number(found), met=met)


def _number(found: float | None) -> str:
    return "unknown" if found is None else f"{found:g}"
