"""From a crop to the tensor: one function, antialiased, from -1 to 1."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.preprocess import SIZE, resize, scale, to_tensor


def crop(value, rows=580, columns=580):
    return np.full((rows, columns, 3), value, dtype=np.uint8)


@pytest.mark.parametrize(("value", "expected"), [(0, -1.0), (255, 1.0)])
def test_black_is_minus_one_and_white_is_one(value, expected):
    tensor = to_tensor(crop(value))
    assert tensor.shape == (SIZE, SIZE, 3)
    assert tensor.dtype == np.float32
    assert (tensor == np.float32(expected)).all()


@settings(max_examples=20, deadline=None)
@given(value=st.integers(0, 255), rows=st.integers(1, 700), columns=st.integers(1, 700))
def test_a_plain_crop_of_any_size_stays_plain(value, rows, columns):
    tensor = to_tensor(crop(value, rows, columns))
    assert np.allclose(tensor, value / 127.5 - 1, atol=1e-6)


def test_fine_detail_is_averaged_and_not_dropped():
    board = crop(0)
    board[::2, ::2] = board[1::2, 1::2] = 255
    assert np.abs(to_tensor(board)).max() < 0.05


def test_an_image_of_the_right_size_is_left_as_it_is():
    pixels = np.random.default_rng(1).integers(0, 256, (SIZE, SIZE, 3), dtype=np.uint8)
    assert (resize(pixels) == pixels).all()


def test_colours_keep_their_channels_and_rows_their_order():
    pixels = crop(0)
    pixels[:290, :, 0] = 255
    tensor = to_tensor(pixels)
    assert tensor[10, 10].tolist() == [1, -1, -1]
    assert tensor[-10, 10].tolist() == [-1, -1, -1]


def test_training_and_serving_make_the_same_tensor():
    pixels = np.random.default_rng(2).integers(0, 256, (580, 580, 3), dtype=np.uint8)
    assert (scale(resize(pixels)[np.newaxis])[0] == to_tensor(pixels)).all()


@pytest.mark.parametrize(
    "wrong",
    [
        np.zeros((580, 580), np.uint8),
        np.zeros((580, 580, 4), np.uint8),
        np.zeros((580, 580, 3), np.float32),
    ],
)
def test_what_is_no_colour_image_is_refused(wrong):
    with pytest.raises(ValueError, match="a crop has shape"):
        to_tensor(wrong)
