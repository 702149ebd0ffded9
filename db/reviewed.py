"""Studies whose readers settled on a label, one a patient, with the crops that they read. Nothing here writes."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session, undefer

from core.phi import Phi
from core.types import REQUIRED_VIEWS, Confidence, Decision, InstanceState, Label, Outcome, Reason, View
from db import reviews
from db.tables import Case, Instance, Review, Study, ViewImage

_CHUNK = 500


class LeftOut(StrEnum):
    """Why a study that somebody read is not among those to learn from."""

    DISAGREE = "readers_disagree"
    NOT_SURE = "one_reader_who_is_not_sure"
    ONE_READER = "only_one_reader"
    REPLACED = "read_before_its_newest_revision"
    NO_COMPLETE_SET = "no_complete_set"
    QUARANTINED = "quarantined"
    REJECTED = "a_screen_of_it_was_rejected"
    ANOTHER_STUDY = "another_study_of_the_patient"
    OPTED_OUT = "opted_out"


@dataclass(frozen=True, slots=True)
class Reviewed:
    """A study with the label that its readers settled on."""

    study_id: UUID
    study_instance_uid: Phi
    patient_id: Phi
    received_at: datetime
    label: Label
    readers: int
    images: Mapping[View, UUID]
    """The crops that its revision in force was made from."""


@dataclass(frozen=True, slots=True)
class Found:
    """What was reviewed: the studies to learn from, newest first, and why the others are none."""

    studies: tuple[Reviewed, ...]
    left_out: Mapping[UUID, LeftOut]
    older: Mapping[UUID, tuple[Reviewed, ...]]
    """Other studies of the same patient that would do as well, newest first, by the key of the one that was chosen."""


@dataclass(frozen=True, slots=True)
class Wish:
    """Which reviewed studies are wanted."""

    since: datetime | None = None
    two_readers: bool = False
    """One reader who is sure is not enough."""
    opted_out: Collection[Phi] = field(default=(), repr=False)
    """Patient IDs of those who do not want to be learned from."""


def settled(found: Iterable[Review], *, two_readers: bool) -> Label | LeftOut:
    """The label of one revision's readers, or why there is none.

    All readers' newest reviews must name the same label, and there must be two of them, or one that is sure.
    """
    counted = reviews.in_force(found)
    if len({review.label for review in counted}) > 1:
        return LeftOut.DISAGREE
    if len(counted) > 1:
        return counted[0].label
    if two_readers:
        return LeftOut.ONE_READER
    return counted[0].label if counted[0].confidence is Confidence.HIGH else LeftOut.NOT_SURE


def find(session: Session, wish: Wish) -> Found:
    """The studies to learn from; of a patient with several that count, the one received last."""
    left_out: dict[UUID, LeftOut] = {}
    usable: dict[Phi, list[Reviewed]] = defaultdict(list)
    unwilling = {_plain(one) for one in wish.opted_out}
    read = _read(session, wish.since)
    kept_back = _kept_back(session, [case for _, case, _ in read])
    for study, case, of_it in read:
        said = kept_back.get(study.id) or _judged(case, of_it, wish)
        if isinstance(said, LeftOut):
            left_out[study.id] = said
        elif _who(study) in unwilling:
            left_out[study.id] = LeftOut.OPTED_OUT
        else:
            usable[_who(study)].append(_reviewed(study, case, said, len(reviews.in_force(of_it))))
    older = {newest.study_id: tuple(others) for newest, *others in usable.values()}
    left_out |= {one.study_id: LeftOut.ANOTHER_STUDY for others in older.values() for one in others}
    return Found(tuple(newest for newest, *_ in usable.values()), left_out, older)


def crops(session: Session, one: Reviewed) -> dict[View, ViewImage]:
    """The crops of a study with their pixels; those that are gone are left out."""
    statement = select(ViewImage).where(ViewImage.id.in_(one.images.values())).options(undefer(ViewImage.png))
    by_id = {image.id: image for image in session.scalars(statement)}
    return {view: by_id[key] for view, key in one.images.items() if key in by_id}


def _read(session: Session, since: datetime | None) -> list[tuple[Study, Case, list[Review]]]:
    """Studies that anybody has read, newest first, each with its revision in force and its reviews of that one."""
    said: dict[UUID, list[Review]] = defaultdict(list)
    for review in session.scalars(select(Review).where(*([Review.created_at >= since] if since else []))):
        said[review.study_id].append(review)
    keys = list(said)
    found: list[tuple[Study, Case, list[Review]]] = []
    for start in range(0, len(keys), _CHUNK):
        statement: Any = (
            select(Study, Case)
            .join(Case, Case.study_id == Study.id)
            .where(Case.superseded_at.is_(None), Study.id.in_(keys[start : start + _CHUNK]))
        )
        if since is not None:
            statement = statement.where(Study.received_at >= since)
        for study, case in session.execute(statement):
            found.append((study, case, [review for review in said[study.id] if review.case_id == case.id]))
    return sorted(found, key=lambda one: (one[0].received_at, one[0].id), reverse=True)


def _judged(case: Case, of_it: list[Review], wish: Wish) -> Label | LeftOut:
    if case.outcome is Outcome.QUARANTINED:
        return LeftOut.QUARANTINED
    if not of_it:
        return LeftOut.REPLACED
    novel = case.reason is Reason.NOVEL  # the model could not say, its readers could
    if not (novel or case.outcome in {Outcome.ACCEPTED, Outcome.NEEDS_REVIEW}) or not _complete(case):
        return LeftOut.NO_COMPLETE_SET
    return settled(of_it, two_readers=wish.two_readers)


def _complete(case: Case) -> bool:
    return {item["view"] for item in case.inputs} == {view.value for view in REQUIRED_VIEWS}


def _reviewed(study: Study, case: Case, label: Label, readers: int) -> Reviewed:
    images = {View(item["view"]): UUID(item["view_image_id"]) for item in case.inputs}
    uid, who = study.study_instance_uid, study.patient_id
    return Reviewed(study.id, uid, who, study.received_at, label, readers, images)


def _who(study: Study) -> Phi:
    """The patient, by ID; a study without one is a patient of its own."""
    return _plain(study.patient_id) if study.patient_id.reveal().strip() else study.study_instance_uid


def _plain(patient_id: Phi) -> Phi:
    return Phi(patient_id.reveal().strip())


def _kept_back(session: Session, in_force: Sequence[Case]) -> dict[UUID, LeftOut]:
    """Studies with a screen that waits in quarantine, or one that was rejected although the revision is made of it."""
    made_of = {item["view_image_id"] for case in in_force for item in case.inputs}
    keys = [case.study_id for case in in_force]
    found: dict[UUID, LeftOut] = {}
    for start in range(0, len(keys), _CHUNK):
        doubted = (Instance.state == InstanceState.QUARANTINED) | (Instance.decision == Decision.REJECTED)
        screens = select(Instance.study_id, Instance.decision, Instance.view_image_id).where(
            Instance.study_id.in_(keys[start : start + _CHUNK]), Instance.current, Instance.candidate, doubted
        )
        for study_id, decision, image_id in session.execute(screens):
            if decision is not Decision.REJECTED:
                found[study_id] = LeftOut.QUARANTINED
            elif str(image_id) in made_of:
                found.setdefault(study_id, LeftOut.REJECTED)
    return found
