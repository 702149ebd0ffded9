"""A site's label table: a label a patient, none for those without an ID, one sentence for a bad file."""

from pathlib import Path
from uuid import uuid4

import pytest

from cli.export_tables import Labels
from core.errors import PerfuscopeError
from core.phi import Phi
from db.exports import Material


def labels(tmp_path: Path, content: bytes) -> Labels:
    path = tmp_path / "labels.csv"
    path.write_bytes(content)
    return Labels.read(path)


def material(patient_id: str) -> Material:
    return Material(uuid4(), Phi(patient_id), None, ())


def test_a_patient_has_the_label_of_its_row(tmp_path):
    given = labels(tmp_path, b"patient_id,label\nZZ-1,Normal\nZZ-2,ischemia\n")
    assert given.of(material("ZZ-2 ")) == {"label": "ischemia", "label_source": "given"}
    assert given.of(material("ZZ-3")) is None


def test_a_row_without_an_id_labels_nobody(tmp_path):
    with pytest.raises(PerfuscopeError, match="line 2: no patient_id"):
        labels(tmp_path, b"patient_id,label\n ,normal\nZZ-1,normal\n")


@pytest.mark.parametrize(
    "content", ["patient_id,label\nZÜRICH-1,normal\n".encode("latin-1"), b'patient_id,label\n"\0\n']
)
def test_a_file_that_is_no_table_is_one_sentence_without_its_content(tmp_path, content):
    with pytest.raises(PerfuscopeError, match=r"^labels\.csv") as caught:
        labels(tmp_path, content)
    assert "RICH" not in str(caught.value)
