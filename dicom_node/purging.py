"""Deletes by retention: first the rows say so, then the files go, so that no row ever claims a file that is gone."""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from core.settings import RetentionSettings
from core.types import AuditAction
from db import audit, retention, studies
from db.session import Sessions
from dicom_node.inbox import Inbox

log = logging.getLogger("perfuscope.purge")

_BATCH = 200

Progress = Callable[[int], None]


@dataclass(slots=True)
class Purged:
    """What a purge took, or would take; ``unfinished`` studies are old enough and stay."""

    studies: int = 0
    files: int = 0
    size: int = 0
    unfinished: int = 0

    def count(self, holding: retention.Holding) -> None:
        """Add a study's files."""
        self.studies += 1
        self.files += len(holding.paths)
        self.size += holding.size


@dataclass(frozen=True, slots=True)
class Purging:
    """One run of ``perfuscope purge``; ``actor`` is who the audit events name."""

    sessions: Sessions
    inbox: Inbox
    settings: RetentionSettings
    actor: str

    def objects(self, *, dry_run: bool, progress: Progress = lambda _n: None) -> Purged:
        """Take received objects and report files that are older than ``objects_days``; rows and results stay."""
        found = Purged()
        if (before := self._before(self.settings.objects_days)) is None:
            return found
        with self.sessions.read() as session:
            found.unfinished = retention.unfinished(session, before=before)
        for study_id in self._each(retention.with_objects, before):
            self._take_files(study_id, before, found, dry_run=dry_run)
            progress(found.studies)
        if not dry_run:
            self._take_leftovers(before)
        return found

    def whole_studies(self, *, dry_run: bool, progress: Progress = lambda _n: None) -> Purged:
        """Take studies that are older than ``studies_days`` with all that is known of them but their audit events."""
        found = Purged()
        if (before := self._before(self.settings.studies_days)) is None:
            return found
        with self.sessions.read() as session:
            found.unfinished = retention.unfinished(session, before=before)
        for study_id in self._each(retention.whole, before):
            if self._take_files(study_id, before, found, dry_run=dry_run) and not dry_run:
                self._forget(study_id, before)
            progress(found.studies)
        return found

    def unclaimed(self, *, dry_run: bool) -> int:
        """Delete files that the sweep set aside, when they are as old as objects may get; how many."""
        days = self.settings.objects_days or self.settings.studies_days
        if days is None:
            return 0
        old = self.inbox.unclaimed(older_than=timedelta(days=days))
        for relative in old if not dry_run else ():
            self.inbox.discard(relative)
        return len(old)

    def _before(self, days: int | None) -> datetime | None:
        if days is None:
            return None
        with self.sessions.read() as session:
            return self.sessions.now(session) - timedelta(days=days)

    def _each(self, due: Callable[..., list[UUID]], before: datetime) -> Iterator[UUID]:
        last: UUID | None = None
        while True:
            with self.sessions.read() as session:
                keys = due(session, before=before, limit=_BATCH, after=last)
            yield from keys
            if len(keys) < _BATCH:
                return
            last = keys[-1]

    def _take_files(self, study_id: UUID, before: datetime, found: Purged, *, dry_run: bool) -> bool:
        """Mark, then delete; False if the study came to life in the meantime."""
        if dry_run:
            with self.sessions.read() as session:
                found.count(retention.holding(session, study_id))
            return True
        with self.sessions.write() as session:
            studies.locked(session, study_id)
            if not retention.may_go(session, study_id, before=before):
                return False
            holding, now = retention.holding(session, study_id), self.sessions.now(session)
            retention.mark_purged(session, study_id, now=now)
            if holding.paths:
                detail = f"files={len(holding.paths)}"
                audit.record(session, AuditAction.PURGE, actor=self.actor, now=now, study_id=study_id, detail=detail)
        for path in holding.paths:
            self.inbox.discard(path)
        found.count(holding)
        return True

    def _forget(self, study_id: UUID, before: datetime) -> None:
        with self.sessions.write() as session:
            studies.locked(session, study_id)
            if not retention.may_go(session, study_id, before=before):
                return
            now = self.sessions.now(session)
            retention.forget(session, study_id)
            audit.record(session, AuditAction.PURGE, actor=self.actor, now=now, study_id=study_id, detail="rows")
        log.info("study %s purged", study_id)

    def _take_leftovers(self, before: datetime) -> None:
        """Files that a purge which was killed had marked and not deleted yet."""
        for day in self.inbox.days():
            if day > before.date().isoformat():
                continue
            files = self.inbox.files(day, older_than=timedelta(0))
            for start in range(0, len(files), _BATCH):
                with self.sessions.read() as session:
                    gone = retention.purged_paths(session, files[start : start + _BATCH])
                for relative in gone:
                    self.inbox.discard(relative)
            self.inbox.remove_if_empty(day)
