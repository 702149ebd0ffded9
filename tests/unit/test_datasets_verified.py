"""What was changed behind the commands' backs is found and named."""

import json

import pytest
from dataset_command import edited, run

from core.errors import PerfuscopeError
from training import datasets


def test_a_changed_file_is_named(own_set):
    path = own_set / "crops" / "3_qps.png"
    path.write_bytes(path.read_bytes() + b"\0")
    assert "crops/3_qps.png is not the file that manifest.json names" in run("verify", own_set, code=1)
    with pytest.raises(PerfuscopeError, match=r"3_qps\.png is not the file"):
        datasets.verified(own_set)


def test_a_missing_file_is_named(own_set):
    (own_set / "crops" / "3_qps.png").unlink()
    assert "crops/3_qps.png cannot be read: No such file" in run("verify", own_set, code=1)


def test_a_patient_who_is_there_twice_is_named(own_set):
    edited(own_set, lambda document: document["patients"].append({**document["patients"][0], "subset": "test"}))
    first = json.loads((own_set / "manifest.json").read_text())["patients"][0]["id"]
    assert f"Patient {first} is in manifest.json 2 times." in run("verify", own_set, code=1)


def test_a_manifest_that_is_none_is_refused_in_a_sentence(own_set):
    edited(own_set, lambda document: document["patients"][0].update(label="healthy"))
    with pytest.raises(PerfuscopeError, match=r"manifest\.json is not a manifest of schema 1: patients\.0\.label"):
        datasets.read(own_set)


def test_a_manifest_may_not_lead_out_of_its_folder(own_set):
    edited(own_set, lambda doc: doc["patients"][0]["views"]["qps"]["crop"].update(file="crops/../../secret.png"))
    with pytest.raises(PerfuscopeError, match="must be a file in images, crops or candidates"):
        datasets.read(own_set)
