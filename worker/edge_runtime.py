"""Builds what an edge worker process needs, once and after its fork. Apart from ``runtime``: this one knows DICOM."""

from datetime import timedelta
from functools import cache

from core.jobs import JobStage
from core.settings import Settings
from db.session import Sessions, make_engine
from dicom_node import key_object, rules, textcheck
from dicom_node.completion import Policy
from dicom_node.inbox import Inbox
from worker.layouts_in_force import LayoutsInForce
from worker.pipeline.building import Building
from worker.pipeline.checking import Checking
from worker.pipeline.committing import Committing, Confirming
from worker.pipeline.delivering import Delivering
from worker.pipeline.ordered import Ordering
from worker.pipeline.preparing import Preparing
from worker.pipeline.rejecting import Rejecting
from worker.pipeline.reporting import Reporting
from worker.task import Runner, StageWork

_JITTER = 0.25


def edge_runner(settings: Settings) -> Runner:
    """A runner for the queue *edge*: the identified tables, the file store, the layouts, the peers."""
    sessions = Sessions(make_engine(settings.database))
    inbox = Inbox(settings.store)
    known = LayoutsInForce(settings)
    policy = Policy.of(settings)
    checking = Checking(settings.checks, cache(textcheck.load_engine))
    preparing = Preparing(sessions, inbox, known, rules.in_force(settings), policy, checking)
    reporting = Reporting(sessions, Building(inbox, known, settings.report), settings, policy.ring_again)
    ordering = Ordering(sessions, settings, policy, inbox)
    most = settings.max_attempts
    stages = {
        JobStage.PREPARE: StageWork(preparing.work, preparing.give_up, most),
        JobStage.REPORT: StageWork(reporting.work, reporting.give_up, most),
        JobStage.ORDER: StageWork(ordering.work, ordering.give_up, most),
    }
    return Runner.of(settings, sessions, stages | outward(settings, sessions, inbox))


def outward(settings: Settings, sessions: Sessions, inbox: Inbox) -> dict[JobStage, StageWork]:
    """The stages that talk to destinations: they have patience."""
    said = settings.report
    patience = (said.max_attempts, timedelta(seconds=said.longest_wait_s), _JITTER)
    delivering = Delivering(sessions, inbox, settings)
    committing = Committing(sessions, inbox, settings)
    confirming = Confirming(sessions, settings)
    rejecting = Rejecting(sessions, inbox, key_object.build_rejection, settings)
    return {
        JobStage.DELIVER: StageWork(delivering.work, delivering.give_up, *patience),
        JobStage.COMMIT: StageWork(committing.work, committing.give_up, *patience),
        JobStage.CONFIRM: StageWork(confirming.work, confirming.give_up, *patience),
        JobStage.REJECT: StageWork(rejecting.work, rejecting.give_up, settings.max_attempts),
    }
