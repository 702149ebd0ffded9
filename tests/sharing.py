"""Which files of tests stay in one process, so that what they share is made once.

A file always does under ``--dist loadfile``. Files that share more than that are named here.
"""

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
_GROUP_OF = {file: group for group, files in TOGETHER.items() for file in files}


class Sharing(LoadFileScheduling):
    """``loadfile``, which also keeps together what ``TOGETHER`` names."""

    def _split_scope(self, nodeid: str) -> str:
        file = super()._split_scope(nodeid)
        return _GROUP_OF.get(file, file)
