"""The table of results in a narrow terminal: what was said can be read, whatever else gives way."""

import pytest

from cli import results
from core.phi import Phi


def item(*states: str) -> dict:
    return {
        "study_id": "5ccc91f3-3907-47f7-9f74-be048f1faca7",
        "patient_id": Phi("INVENTED-PATIENT-000001"),
        "state": "needs_review",
        "label": "infarction",
        "probabilities": {"normal": 0.03, "ischemia": 0.46, "infarction": 0.51},
        "reason": None,
        "reports": [{"state": state} for state in states],
        "standing": None,
        "reviews": [],
    }


@pytest.fixture
def printed(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "80")

    def of(*found: dict) -> str:
        results.show(list(found))
        return capsys.readouterr().out

    return of


def test_in_80_columns_only_the_patients_id_gives_way(printed):
    head, line, *_ = printed(item("unconfirmed", "sent")).splitlines()
    assert len(line.rstrip()) <= 80
    assert head.split() == ["Study", "Patient", "ID", "State", "Label", "Norm.", "Isch.", "Infa.", "Report"]
    said = line.split()
    assert said[2:] == ["needs_review", "infarction", "0.03", "0.46", "0.51", "unconfirmed"]
    assert said[1].startswith("INVEN")
    assert said[1].endswith("…")


@pytest.mark.parametrize(
    ("states", "shown"),
    [
        (("committed", "failed", "sent"), "failed"),
        (("committed", "waiting"), "waiting"),
        (("committed", "no_destination"), "committed"),
        (("no_destination",), "no_destination"),
        ((), "-"),
    ],
)
def test_the_worst_of_the_deliveries_is_shown(printed, states, shown):
    assert printed(item(*states)).splitlines()[1].split()[-1] == shown


def test_what_readers_say_stands_below_the_table(printed):
    said = [{"reader": "ann", "label": "normal"}, {"reader": "bob", "label": "infarction"}]
    shown = printed(item("sent") | {"standing": "disputed", "reviews": said})
    assert "5ccc91f3: ann says normal, bob says infarction (readers disagree)" in shown
