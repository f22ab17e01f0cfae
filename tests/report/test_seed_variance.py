"""Where the pictures of a prompt differ, drawn; and when they no longer do."""

import numpy as np
import pytest
import torch

from src.errors import UserError
from src.interpret.seed_variance import prefix_variance, seed_variance
from src.report.look import png_bytes
from src.report.seed_variance import prefix_variance_figure, seed_variance_figure

PICTURE = np.full((8, 8, 3), 90, dtype=np.uint8)
IDS = torch.tensor([[[0, 1], [2, 3]], [[0, 2], [2, 4]], [[0, 3], [2, 3]]])


def test_the_maps_are_those_of_the_seeds(rng):
    pixels = torch.rand(3, 3, 8, 8, generator=rng)
    found = seed_variance(IDS, pixels)
    figure = seed_variance_figure([PICTURE] * 3, found, 16)
    maps = [axes.images[0].get_array() for axes in figure.axes if axes.images][3:]
    expected = (found.entropy, found.pixel_deviation, found.hamming)
    for shown, values in zip(maps, expected, strict=True):
        np.testing.assert_array_equal(shown, values.numpy())
    assert any("mean 0.42" in text.get_text() for text in figure.texts)
    assert png_bytes(figure)


def test_without_pixels_there_is_one_map_less():
    figure = seed_variance_figure([PICTURE] * 3, seed_variance(IDS), 16)
    assert len([axes for axes in figure.axes if axes.images]) == 3 + 2


def test_what_is_never_decided_is_grey():
    rows = torch.stack([IDS, IDS[:, :1].expand(-1, 2, -1)])
    rows[1, :, 0, 0] = 5
    found = prefix_variance(rows, [0, 4])
    figure = prefix_variance_figure(found, [0, 4], 8, 3, 16)
    (image,) = [axes.images[0] for axes in figure.axes if axes.images]
    is_never = (found.decided_at == -1).numpy()
    assert is_never.any()
    assert np.array_equal(np.ma.getmaskarray(image.get_array()), is_never)
    np.testing.assert_array_equal(figure.axes[0].lines[0].get_ydata(), found.mean_hamming)
    assert figure.axes[0].lines[0].get_xdata().tolist() == [0, 4]


def test_one_picture_a_seed():
    with pytest.raises(ValueError, match="2 pictures for 3 seeds"):
        seed_variance_figure([PICTURE] * 2, seed_variance(IDS), 16)


def test_no_codes_are_refused():
    with pytest.raises(UserError, match="num_codes=0 is impossible"):
        seed_variance_figure([PICTURE] * 3, seed_variance(IDS), 0)
