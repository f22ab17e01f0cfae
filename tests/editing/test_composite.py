"""What was drawn put into a picture: inside the mask and nowhere else."""

import numpy as np
import pytest

from src.editing.composite import composite, opacity
from src.editing.sources import Source
from tests.editing.conftest import picture, rectangle

WHITE = np.full((12, 12, 3), 255, dtype=np.uint8)


def source(channels: int = 3) -> Source:
    return Source(np.asarray(picture(1, channels=channels)))


def random_mask(seed: int):
    rng = np.random.default_rng(seed)
    return rng.random((12, 12)) < rng.choice([0.05, 0.5, 0.95])


@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("feather", [0, 1, 5, 4096])
def test_outside_the_mask_no_bit_changes_whatever_the_feather(channels, feather):
    for seed in range(20):
        mask = random_mask(seed)
        painted = np.asarray(composite(source(channels), WHITE, mask, feather))
        assert painted.shape == (12, 12, channels)
        assert (painted[~mask] == source(channels).pixels[~mask]).all()


def test_inside_the_mask_without_a_feather_all_is_as_drawn_and_opaque():
    drawn, mask = np.asarray(picture(2)), random_mask(1)
    painted = np.asarray(composite(source(4), drawn, mask))
    assert (painted[mask][:, :3] == drawn[mask]).all()
    assert (painted[mask][:, 3] == 255).all()


def test_a_feather_of_three_goes_over_in_quarters():
    black = Source(np.zeros((12, 12, 3), dtype=np.uint8))
    painted = np.asarray(composite(black, WHITE, rectangle(4, 0, 12, 12), 3))
    assert painted[5, :, 0].tolist() == [0, 0, 0, 0, 64, 128, 191, 255, 255, 255, 255, 255]


@pytest.mark.parametrize("feather", [1, 2, 7])
def test_what_was_drawn_shows_more_the_further_inside_a_pixel_lies(feather):
    for seed in range(20):
        mask = random_mask(seed)
        outside = np.argwhere(~mask)
        shares = opacity(mask, feather)
        far = np.array(
            [np.sqrt(((outside - at) ** 2).sum(axis=1)).min() for at in np.ndindex(12, 12)]
        )
        order = far.argsort()
        assert (np.diff(shares.flat[order]) >= -1e-6).all()
        assert (shares[~mask] == 0).all()
        assert (shares[mask] > 0).all()
        assert (shares.flat[far >= feather + 1] == 1).all()


@pytest.mark.parametrize("feather", [0, 3])
def test_a_mask_of_everything_has_no_edge(feather):
    everywhere = np.ones((12, 12), dtype=bool)
    assert (opacity(everywhere, feather) == 1).all()
    assert (opacity(rectangle(0, 0, 6, 12), 3)[:, 0] == 1).all()  # nor is the picture's own one


def test_under_a_feather_a_transparent_picture_becomes_opaque_by_degrees():
    clear = Source(np.zeros((12, 12, 4), dtype=np.uint8))
    painted = np.asarray(composite(clear, WHITE, rectangle(4, 0, 12, 12), 3))
    assert painted[5, 3:8, 3].tolist() == [0, 64, 128, 191, 255]
