"""A network in a Keras file answers as it would after its export; anything else in such a file is refused."""

import os
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from core.errors import PerfuscopeError
from core.types import REQUIRED_VIEWS, Probabilities, Status, View
from models import mobilenet
from models.classifier import softmax
from models.crop import CropInput
from models.preprocess import to_tensor
from training import keras_file
from training.fit import make_repeatable
from training.keras_file import KerasClassifier

pytestmark = [pytest.mark.training, pytest.mark.usefixtures("tensorflow")]


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory):
    """An untrained network, and the file it was saved to."""
    import keras

    keras.utils.set_random_seed(3)
    model = mobilenet.build(None)
    path = tmp_path_factory.mktemp("keras") / "network.keras"
    model.save(path)
    return model, path


def test_a_saved_network_says_what_it_said_before(network):
    model, path = network
    pixels = np.random.default_rng(4).integers(0, 256, (96, 96, 3), dtype=np.uint8)
    classifier = KerasClassifier(path)
    said = classifier.view(View.QPS, CropInput(pixels, None))
    expected = np.asarray(model(to_tensor(pixels)[np.newaxis], training=False))[0]
    assert np.allclose(list(said.probabilities.as_dict().values()), expected, atol=1e-5)
    assert said.activation.shape == (7, 7, 3)
    study = classifier.predict({view: CropInput(pixels, None) for view in REQUIRED_VIEWS})
    assert study.status is Status.ACCEPTED
    assert study.probabilities.normal == pytest.approx(Probabilities.of(softmax(np.array(said.logits))).normal)


def test_another_network_and_no_network_are_refused(tmp_path: Path):
    import keras

    other = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    other.save(tmp_path / "other.keras")
    (tmp_path / "text.h5").write_text("no network")
    with pytest.raises(PerfuscopeError, match="another network than Perfuscope"):
        KerasClassifier(tmp_path / "other.keras")
    with pytest.raises(PerfuscopeError, match="does not hold a Keras model"):
        KerasClassifier(tmp_path / "text.h5")
    with pytest.raises(PerfuscopeError, match="is not a file"):
        KerasClassifier(tmp_path / "gone.keras")


def test_without_tensorflow_it_says_what_to_install(network, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(keras_file, "find_spec", lambda name: None if name == "tensorflow" else find_spec(name))
    with pytest.raises(PerfuscopeError, match=r"needs TensorFlow: pip install"):
        KerasClassifier(network[1])


def test_tensorflow_prints_nothing_of_its_own_while_it_trains(capfd: pytest.CaptureFixture[str]):
    import keras

    make_repeatable(1)  # what it asks for is what TensorFlow complains of
    small = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    small.compile(loss="mse")
    for _ in range(3):
        small.fit(np.zeros((9, 4), np.float32), np.zeros((9, 3), np.float32), epochs=1, verbose=0)
    os.write(2, b"what we say")
    assert capfd.readouterr() == ("", "what we say")
