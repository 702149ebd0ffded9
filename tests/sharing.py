"""Which files of tests stay in one process, so that what they share is made once, and which begin.

A file always does under ``--dist loadfile``. Files that share more than that are named here.
"""

from typing import Any

import pytest
from xdist.scheduler import LoadFileScheduling

TOGETHER = {
    "data sets": (
        "tests/unit/test_datasets.py",
        "tests/unit/test_datasets_refused.py",
        "tests/unit/test_datasets_split.py",
        "tests/unit/test_datasets_verified.py",
        "tests/unit/test_datasets_made.py",
    ),
    "TensorFlow": (
        "tests/integration/test_training.py",
        "tests/integration/test_study_training.py",
        "tests/integration/test_cross_validation.py",
        "tests/integration/test_keras_file.py",
    ),
    "one running Perfuscope": ("tests/e2e/test_a_pushed_study.py", "tests/e2e/test_operators.py"),
    "a Perfuscope among real peers": (
        "tests/e2e/real_peers/test_character_sets.py",
        "tests/e2e/real_peers/test_dcmtk_senders.py",
        "tests/e2e/real_peers/test_orthanc.py",
        "tests/e2e/real_peers/test_real_files.py",
    ),
}
LONGEST = (
    "TensorFlow",
    "a Perfuscope among real peers",
    "tests/browser/test_day.py",
    "one running Perfuscope",
    "tests/e2e/test_export.py",
    "tests/integration/test_production_path.py",
    "tests/browser/test_reading.py",
    "tests/e2e/test_canaries.py",
    "tests/integration/test_node_refusals.py",
    "tests/integration/test_command_line.py",
    "tests/browser/test_admin.py",
    "tests/browser/test_pages.py",
    "tests/browser/test_login.py",
    "tests/e2e/test_bad_input.py",
    "tests/chaos/test_production.py",
    "tests/chaos/test_kill_9.py",
)
"""Begun first, so that at the end no process works alone on something long."""

_GROUP_OF = {file: group for group, files in TOGETHER.items() for file in files}


def turn_of(file: str) -> int:
    """Where a file stands among all others: the longest first, else as they come."""
    group = _GROUP_OF.get(file, file)
    return LONGEST.index(group) if group in LONGEST else len(LONGEST)


class Sharing(LoadFileScheduling):
    """``loadfile``, which also keeps together what ``TOGETHER`` names, and takes the groups as they come."""

    def __init__(self, config: pytest.Config, log: Any) -> None:
        config.option.loadscopereorder = False  # it would leave what has few tests, however long, to the end
        super().__init__(config, log)

    def _split_scope(self, nodeid: str) -> str:
        file = super()._split_scope(nodeid)
        return _GROUP_OF.get(file, file)
