"""The key: made once, by one of two; closed to others; never shown, copied or pickled."""

import copy
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

from dicom_node.deidentify import Key, KeyRefused, open_key

ROOT = Path(__file__).parents[2]


def test_the_first_use_makes_a_key_for_its_owner_alone_and_later_ones_find_it(tmp_path):
    path = tmp_path / "keys" / "deidentify.key"
    first = open_key(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert path.stat().st_size == 32
    assert open_key(path).digest("uid", "1.2") == first.digest("uid", "1.2")
    assert [entry.name for entry in path.parent.iterdir()] == ["deidentify.key"]


def test_two_homes_have_different_keys(tmp_path):
    one, other = open_key(tmp_path / "a" / "key"), open_key(tmp_path / "b" / "key")
    assert one.digest("uid", "1.2") != other.digest("uid", "1.2")


def test_processes_that_make_it_at_the_same_time_get_the_same(tmp_path):
    script = """
import sys, time
from pathlib import Path
from dicom_node.deidentify.key import open_key
path, go = Path(sys.argv[1]), Path(sys.argv[2])
while not go.exists():
    time.sleep(0.001)
print(open_key(path).digest("uid", "1.2").hex())
"""
    path, go = tmp_path / "keys" / "deidentify.key", tmp_path / "go"
    command = [sys.executable, "-c", script, str(path), str(go)]
    running = [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    go.touch()
    said = {process.communicate(timeout=60)[0] for process in running}
    assert len(said) == 1
    assert len(said.pop().strip()) == 64
    assert [entry.name for entry in path.parent.iterdir()] == ["deidentify.key"]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o660])
def test_a_key_that_others_may_touch_is_refused_in_one_sentence(tmp_path, mode):
    path = tmp_path / "keys" / "deidentify.key"
    open_key(path)
    path.chmod(mode)
    with pytest.raises(KeyRefused, match=f"mode {mode:04o}; it must be its user's own file with mode 0600$"):
        open_key(path)


def test_a_folder_that_others_may_enter_is_refused(tmp_path):
    path = tmp_path / "keys" / "deidentify.key"
    open_key(path)
    path.parent.chmod(0o750)
    with pytest.raises(KeyRefused, match="folder has mode 0750"):
        open_key(path)


@pytest.mark.parametrize("content", [b"", b"x" * 31, b"x" * 33])
def test_a_key_of_another_length_is_refused_and_left_alone(tmp_path, content):
    path = tmp_path / "keys" / "deidentify.key"
    path.parent.mkdir(mode=0o700)
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(KeyRefused, match=f"has {len(content)} bytes; it must have 32$"):
        open_key(path)
    assert path.read_bytes() == content


def test_a_link_a_folder_or_a_place_that_cannot_be_is_refused(tmp_path):
    path = tmp_path / "keys" / "deidentify.key"
    open_key(path)
    (path.parent / "link").symlink_to(path)
    (path.parent / "folder").mkdir()
    for wrong in (path.parent / "link", path.parent / "folder", path / "below"):
        with pytest.raises(KeyRefused):
            open_key(wrong)


def test_a_key_shows_itself_nowhere():
    secret = bytes(range(65, 97))
    key = Key(secret)
    shown = f"{key} {key!r} {key!s} {key:>20} {[key]} {vars(type(key))['__slots__']}"
    assert secret.decode() not in shown
    assert secret.hex() not in shown
    for act in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="neither pickled nor copied"):
            act(key)


def test_digests_differ_by_purpose_and_by_where_one_part_ends():
    key = Key(bytes(32))
    digests = [key.digest(*parts) for parts in (("uid", "ab"), ("patient", "ab"), ("uid", "a", "b"), ("uida", "b"))]
    assert len(set(digests)) == 4
