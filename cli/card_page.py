"""A model's card as a page in Markdown: what ``docs/model-card.md`` says of the shipped model."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from core.types import LABELS, Label

if TYPE_CHECKING:
    from models.card import Card
    from models.figures import Evaluation, Figures, Proportion


def page(card: "Card") -> str:
    """The page, ending in one line break; the same card gives the same page."""
    return "\n".join(_lines(card)) + "\n"


def _lines(card: "Card") -> Iterator[str]:
    yield from (f"# Model card: {card.name} {card.version}", "", f"**{card.statement}**", "")
    yield from ("Written by `perfuscope model card --markdown` from the model's `card.json`.", "")
    yield from ("| | |", "|---|---|")
    for key, value in _facts(card):
        yield f"| {key} | {value} |"
    for evaluation in card.evaluations:
        yield from ("", *_evaluation(evaluation))
    if card.acceptance:
        yield from ("", "## Acceptance criteria", "", "| Criterion | Wanted | Found |", "|---|---|---|")
        for criterion in card.acceptance:
            yield f"| {criterion.name} | {criterion.wanted} | {criterion.found} |"
    yield from ("", "## To repeat it", "", "```", *card.commands, "```")


def _facts(card: "Card") -> Iterator[tuple[str, str]]:
    training, base = card.training, card.architecture
    yield "Created", f"{card.created:%Y-%m-%d %H:%M} UTC"
    yield "Decides", "for each image; a study is the mean" if card.kind == "views" else "for a whole study"
    yield "Network", f"{base.base}; {base.head}"
    yield "Started from", base.base_weights
    yield "Trained", f"{base.trained_in_stage_2}; stage {base.kept_stage} kept"
    yield "Layouts", ", ".join(f"{name} version {version}" for name, version in card.input.layouts.items())
    yield "Patients", f"{training.patients} {training.source}: {_counts(training.labels)}"
    for part, counts in training.split.items():
        yield part.capitalize(), _counts(counts)
    yield "Made by", f"`{training.made_by}`"
    yield "Needs review", f"below {card.review_below:.0%}"
    yield "Refuses", _refuses(card)
    yield "LiteRT and Keras", f"{card.parity.max_abs_difference:.1e} apart at most on {card.parity.crops} crops"
    if card.lineage is not None:
        yield "Source code", f"`{card.lineage.commit}`"
        for use, digest in card.lineage.manifests.items():
            yield f"Manifest, {use}", f"`{digest}`"
    for name, digest in card.files.items():
        yield f"SHA-256 of {name}", f"`{digest}`"
    yield "Libraries", ", ".join(f"{name} {version}" for name, version in card.libraries.items())


def _refuses(card: "Card") -> str:
    if card.novelty is None:
        return "nothing: it has no novelty detector"
    limits = card.novelty
    seen = limits.validation_patients
    said = f"what lies beyond limits for {limits.quantile:.1%} of patients, set by {seen} for validation"
    found = limits.refused_held_out
    return said + (f"; {_share(found)} of {limits.held_out}" if found else "")


def _counts(counts: "Mapping[Label, int]") -> str:
    return ", ".join(f"{n} {label.value}" for label, n in counts.items())


def _evaluation(found: "Evaluation") -> Iterator[str]:
    yield from (f"## Figures: {found.data}", "")
    yield from (f"On {found.patients} {found.source} patients; intervals are Wilson's, 95 %.", "")
    yield f"| | accuracy | balanced | AUC | {' | '.join(label.value for label in LABELS)} |"
    yield "|---" * (4 + len(LABELS)) + "|"
    yield _row("study", found.study)
    for view, figures in found.views.items():
        yield _row(view.value, figures)
    for baseline in found.baselines:
        yield _row(baseline.name, baseline.figures)
    yield from ("", f"Needs review: {_share(found.needs_review)}; right among the others:")
    yield f"{_share(found.accuracy_of_accepted)}. Brier {found.study.brier}, NLL {found.study.nll}."


def _row(name: str, figures: "Figures") -> str:
    cells = [
        _share(figures.accuracy),
        "" if figures.balanced_accuracy is None else f"{figures.balanced_accuracy:.3f}",
        "" if figures.auc_abnormal is None else f"{figures.auc_abnormal:.3f}",
    ]
    return f"| {' | '.join([name, *cells, *(_share(figures.recall[label]) for label in LABELS)])} |"


def _share(found: "Proportion") -> str:
    if found.value is None:
        return "-"
    return f"{found.hits} of {found.n}: {found.value:.1%} ({found.low * 100:.0f}-{found.high * 100:.0f})"
