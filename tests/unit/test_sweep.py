"""Files that a crash left behind: only those, and only when no row can come any more."""

import os
import time
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

from ward import Ward

from db.tables import Instance
from dicom_node.inbox import Inbox
from dicom_node.sweep import Sweeper, sweep

HOUR = timedelta(hours=1)


def stored(inbox: Inbox, *, age_s: float) -> str:
    relative = inbox.write(b"x", uuid4())
    then = time.time() - age_s
    os.utime(inbox.path(relative), (then, then))
    return relative


def made(tmp_path: Path) -> Inbox:
    (tmp_path / "store").mkdir()
    return Inbox(tmp_path / "store")


def test_an_old_file_without_a_row_is_set_aside_and_a_young_one_is_not(ward: Ward, tmp_path: Path) -> None:
    inbox = made(tmp_path)
    old, young = stored(inbox, age_s=7200), stored(inbox, age_s=10)
    assert sweep(ward.sessions, inbox, older_than=HOUR) == 1
    assert (inbox.holds(old), inbox.holds(young)) == (False, True)
    assert inbox.holds(f"unclaimed/{Path(old).name}")
    assert sweep(ward.sessions, inbox, older_than=HOUR) == 0


def test_a_file_with_a_row_stays(ward: Ward, tmp_path: Path) -> None:
    inbox = made(tmp_path)
    relative = stored(inbox, age_s=7200)
    ward.arrive("1.2.3")
    with ward.sessions.write() as session:
        session.query(Instance).update({Instance.path: relative})
    assert sweep(ward.sessions, inbox, older_than=HOUR) == 0
    assert inbox.holds(relative)


def test_the_thread_sweeps_and_stops(ward: Ward, tmp_path: Path) -> None:
    inbox = made(tmp_path)
    relative = stored(inbox, age_s=7200)
    sweeper = Sweeper(ward.sessions, inbox, every=timedelta(seconds=0.05))
    sweeper.start()
    deadline = time.monotonic() + 10
    while inbox.holds(relative) and time.monotonic() < deadline:
        time.sleep(0.02)
    sweeper.close()
    assert not inbox.holds(relative)
