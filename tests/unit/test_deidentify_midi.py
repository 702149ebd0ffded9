"""A small run of the answer key that ``make evidence`` asks in full."""

from evidence.midi import score
from evidence.midi_instances import MODALITIES, Act, instances


def test_every_action_of_the_answer_key_is_met_by_instances_of_five_modalities():
    found = score(instances(25))
    assert found.failures == []
    assert dict(found.by_modality) == dict.fromkeys(MODALITIES, 5)
    assert all(found.asked[act] >= 5 for act in Act)
