"""What every artifact gets when its network is there: the novelty detector, figures, the criteria it meets."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from core import TRAINED_ON
from core.errors import PerfuscopeError
from models import acceptance, networks
from models import artifact as artifacts
from models import card as cards
from models import novelty as detectors
from models.card import Card, NoveltyLimits, Parity, TrainingData
from models.classifier import Classifier
from models.figures import Proportion
from models.network import Network
from training import novelty
from training.datasets import Dataset, Split
from training.evaluation.model import evaluate

_TRAINED_ON_CLINICAL = "Trained on clinical images; research use only, not for diagnosis."
Say = Callable[[str], None]
NO_PARITY = Parity(crops=0, max_abs_difference=0, flips=0)
"""Of a card that is not finished."""


@dataclass(frozen=True, slots=True, eq=False)
class Patients:
    """Whom the network learned from, and whom it did not see."""

    data: Dataset
    parts: Split
    held_out: Dataset | None = None
    held_out_name: str = "other patients"

    def sets(self) -> list[tuple[str, Dataset]]:
        """The patients whose figures go into the card, by what they are called there."""
        test = self.data.take(self.parts.test)
        found = [("internal test part", test)] if test.patients else []
        if self.held_out is not None:
            found.append((f"held out: {self.held_out_name}", self.held_out))
        return found

    def manifests(self) -> Mapping[str, str]:
        """The SHA-256 of the data sets by what they were used for."""
        others = {"held out": self.held_out.truth_sha256} if self.held_out else {}
        return {"train": self.data.truth_sha256} | others

    def described(self, *, made_by: str, seed: int) -> TrainingData:
        """What the card says of them."""
        return TrainingData(
            source=self.data.source,
            made_by=made_by,
            split_seed=seed,
            patients=len(self.data.patients),
            labels=self.data.counts(),
            provenance=dict(Counter(self.data.provenance)),
            split={
                "train": self.data.take(self.parts.train).counts(),
                "validation": self.data.take(self.parts.validation).counts(),
                "test": self.data.take(self.parts.test).counts(),
            },
        )


def statement_of(data: Dataset) -> str:
    """What stands beside every result of a model that learned from these patients."""
    return TRAINED_ON if data.source == "simulated" else _TRAINED_ON_CLINICAL


def finish(folder: Path, card: Card, patients: Patients, *, say: Say) -> Card:
    """Add the novelty detector and the figures to the artifact in ``folder``; writes and returns its card."""
    card = _with_novelty(folder, card, patients, say)
    cards.write(card, folder / artifacts.CARD)
    classifier = Classifier(artifacts.load(folder), threads=2)
    sets = patients.sets()
    say(f"figures on {sum(len(part.patients) for _, part in sets)} patients that took no part")
    card = card.model_copy(update={"evaluations": tuple(evaluate(classifier, part, name=n) for n, part in sets)})
    figures, _ = acceptance.reference(card, None)
    card = card.model_copy(update={"acceptance": acceptance.judge(card, figures, acceptance.written())})
    cards.write(card, folder / artifacts.CARD)
    return card


def _with_novelty(folder: Path, card: Card, patients: Patients, say: Say) -> Card:
    """The card with the detector's limits; the same card where there are too few patients to say what is usual."""
    cards.write(card, folder / artifacts.CARD)
    network = networks.load(artifacts.load(folder), threads=2)
    train, validation = (
        _looked(network, patients.data.take(i)) for i in (patients.parts.train, patients.parts.validation)
    )
    try:
        detector = novelty.fit(train, validation)
    except PerfuscopeError as error:
        say(f"Nothing will be refused as unlike the training's images. {error}")
        return card
    detectors.save(detector, folder / artifacts.NOVELTY)
    files = {**card.files, artifacts.NOVELTY: artifacts.sha256(folder / artifacts.NOVELTY)}
    limits = novelty.limits_of(detector, validation_patients=len(patients.parts.validation))
    return card.model_copy(update={"files": files, "novelty": _tried(limits, detector, network, patients)})


def _tried(limits: NoveltyLimits, detector: detectors.Detector, network: Network, patients: Patients) -> NoveltyLimits:
    """The limits with what they refuse of the patients that took no part."""
    found = [(name, novelty.refused(detector, _looked(network, part))) for name, part in patients.sets()]
    if not found:
        return limits
    total = Proportion.of(sum(share.hits for _, share in found), sum(share.n for _, share in found))
    return limits.model_copy(update={"refused_held_out": total, "held_out": "; ".join(name for name, _ in found)})


def _looked(network: Network, data: Dataset) -> novelty.Looked:
    return novelty.look(network, data.pixels, data.maps if network.reads_maps else None)
