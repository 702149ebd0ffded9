"""A ward without machines: studies arrive, are prepared and settled as rows only, by a clock that the test turns."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from uuid import UUID, uuid4

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.jobs import Bell, JobStage
from core.maps import Maps
from core.phi import Phi
from core.settings import ChecksSettings
from core.types import ModelIdentity, Reason, View
from db import cases, jobs, model_versions, studies
from db.model_versions import NewArtifact
from db.session import Sessions
from db.studies import Arrival, Identity
from db.tables import Case, Job, Study
from dicom_node.completion import Policy
from dicom_node.reconciler import Reconciler
from worker.pipeline.checking import Checked, Checking
from worker.pipeline.preparing import Preparing


def named(*words: str) -> Identity:
    """An identity: patient ID, name, birth date, accession number, date of the study."""
    return Identity(*map(Phi, words))


JANE = named("T-001", "TESTPATIENT^JANE", "19500101", "A1", "20260102")
JOHN = named("T-002", "TESTPATIENT^JOHN", "19511111", "A2", "20260102")
POLICY = Policy(
    quiet=timedelta(seconds=30),
    cap=timedelta(hours=1),
    association=timedelta(seconds=1),
    ring_again=timedelta(seconds=5),
    report_no_result=False,
)
LEASE = timedelta(seconds=30)
LAYOUT = SimpleNamespace(
    name="toy", version=1, sha256="f" * 64, shipped=True, identity_box=None, allowed_text=(), palette=None
)
MAPS = Maps(((0, 0, 0, 0), (255, 255, 255, 255)), {})
CHECKING = Checking(ChecksSettings(), lambda: None)
"""As the settings have it by default, where nothing can be read."""
UNREAD = Checked(None, {})


@dataclass
class Clock:
    """Stands still until it is turned."""

    now: datetime = datetime(2026, 1, 2, 8, tzinfo=UTC)

    def __call__(self, _session: Session) -> datetime:
        return self.now

    def turn(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@dataclass
class Ward:
    """Rows of arriving studies. ``rung`` keeps every bell that anything asked to ring."""

    sessions: Sessions
    clock: Clock
    policy: Policy = POLICY
    rung: list[Bell] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.preparing = Preparing(self.sessions, None, (), (), self.policy, CHECKING)
        self.reconciler = Reconciler(sessions=self.sessions, ring=self.rung.extend, policy=self.policy)

    def activate(self, sha256: str = "a" * 64) -> None:
        artifact = NewArtifact(ModelIdentity("toy", "1", sha256), {}, b"")
        with self.sessions.write() as session:
            model_versions.activate(session, artifact, now=self.clock.now)

    def arrive(
        self,
        uid: str,
        content: str = "first",
        *,
        study: str = "1.2.3",
        who: Identity = JANE,
        screen: bool = True,
        association: set[UUID] | None = None,
        sender_ae: str = "TESTPACS",
    ) -> UUID | None:
        """Receive one object as the node does; its instance id, None for a duplicate."""
        arrival = Arrival(
            instance_id=uuid4(),
            study_instance_uid=Phi(study),
            series_instance_uid=Phi("1.2.4"),
            sop_instance_uid=Phi(uid),
            sop_class_uid="1.2.5",
            transfer_syntax_uid="1.2.840.10008.1.2.1",
            modality=Phi("OT" if screen else "NM"),
            series_description=Phi(""),
            identity=who,
            path="x",
            size=1,
            sha256=content,
            sender_ae=sender_ae,
            candidate=screen,
        )
        fed = set() if association is None else association
        with self.sessions.write() as session:
            known = studies.id_of(session, Phi(study))
            before = fed if known is None or association is not None else {known}
            received = studies.receive(session, arrival, now=self.clock.now, fed=before)
            if association is None and known is None:
                studies.close_associations(session, frozenset({received.study_id}))
            if received.new and screen:
                jobs.add(
                    session,
                    JobStage.PREPARE,
                    subject=arrival.instance_id,
                    now=self.clock.now,
                    ring_again=self.policy.ring_again,
                )
        if not received.new:
            return None
        fed.add(received.study_id)
        return arrival.instance_id

    def raw(self, uid: str = "1.9", *, who: Identity = JANE, association: set[UUID] | None = None) -> UUID | None:
        return self.arrive(uid, screen=False, who=who, association=association)

    def prepared(
        self, instance_id: UUID, view: View, crop: str | None = None, *, rank: int = 0, acquired: str = "20260102080000"
    ) -> None:
        """Its prepare job ends with a crop."""
        found = SimpleNamespace(
            view=view,
            rule_rank=rank,
            acquired_at=acquired,
            layout_name="toy",
            layout_version=1,
            crop=SimpleNamespace(sha256=crop or f"crop of {view.value}"),
            layout=LAYOUT,
            maps=MAPS,
        )
        self._end(instance_id, self.preparing._keep(instance_id, found, b"png", UNREAD))

    def quarantined(self, instance_id: UUID, reason: Reason = Reason.UNKNOWN_LAYOUT) -> None:
        self._end(instance_id, self.preparing._quarantine(instance_id, reason))

    def _end(self, instance_id: UUID, finish) -> None:
        now = self.clock.now
        with self.sessions.write() as session:
            job_id = session.scalars(select(Job.id).where(Job.subject == instance_id)).one()
            claimed = jobs.claim(session, job_id, now=now, lease=LEASE)
            assert jobs.finish(session, claimed, now=now)
            self.rung += finish(session, now)

    def screen(self, view: View, **arriving) -> UUID:
        """A screen that arrives and is prepared at once."""
        instance_id = self.arrive(f"1.1.{list(View).index(view)}", **arriving)
        self.prepared(instance_id, view)
        return instance_id

    def end(self, association: set[UUID]) -> None:
        with self.sessions.write() as session:
            studies.close_associations(session, frozenset(association))

    def tick(self) -> None:
        self.reconciler.tick()

    def study(self) -> Study:
        with self.sessions.read() as session:
            return session.scalars(select(Study)).one()

    def revisions(self) -> list[Case]:
        with self.sessions.read() as session:
            return cases.revisions(session, session.scalars(select(Study.id)).one())

    def live(self) -> Case:
        """The one revision that is not superseded."""
        (case,) = [c for c in self.revisions() if c.superseded_at is None]
        return case

    def jobs(self, stage: JobStage | None = None) -> list[Job]:
        with self.sessions.read() as session:
            found = session.scalars(select(Job).order_by(Job.created_at)).all()
        return [job for job in found if stage in (None, job.stage)]
