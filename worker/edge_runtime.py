"""Builds what an edge worker process needs, once and after its fork. Apart from ``runtime``: this one knows DICOM."""

from datetime import timedelta

from core.jobs import JobStage
from core.settings import Settings
from db.session import Sessions, make_engine
from dicom_node import layouts, prepare
from dicom_node.completion import Policy
from dicom_node.inbox import Inbox
from dicom_node.prepare import ViewRule
from worker.pipeline.delivering import Delivering
from worker.pipeline.preparing import Preparing
from worker.pipeline.reporting import Reporting
from worker.task import Runner, StageWork

_LONGEST_WAIT_FOR_A_PACS = timedelta(hours=1)


def view_rules(settings: Settings) -> tuple[ViewRule, ...]:
    """The rules in force: the settings' own, or those that come with Perfuscope; SettingsError names a wrong one."""
    own = (ViewRule(None if rule.view == "none" else rule.view, rule.keywords) for rule in settings.view_rules)
    return tuple(own) or prepare.DEFAULT_RULES


def edge_runner(settings: Settings) -> Runner:
    """A runner for the queue *edge*: the identified tables, the file store, the layouts, the peers."""
    sessions = Sessions(make_engine(settings.database))
    inbox = Inbox(settings.store)
    known = layouts.shipped()
    policy = Policy.of(settings)
    preparing = Preparing(sessions, inbox, known, view_rules(settings), policy)
    reporting = Reporting(sessions, inbox, known, settings, policy.ring_again)
    delivering = Delivering(sessions, inbox, settings)
    most = settings.max_attempts
    stages = {
        JobStage.PREPARE: StageWork(preparing.work, preparing.give_up, most),
        JobStage.REPORT: StageWork(reporting.work, reporting.give_up, most),
        JobStage.DELIVER: StageWork(
            delivering.work, delivering.give_up, settings.report.max_attempts, _LONGEST_WAIT_FOR_A_PACS
        ),
    }
    return Runner.of(settings, sessions, stages)
