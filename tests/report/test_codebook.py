"""The codebook's figures show each code once, and its neighbours beside it."""

import numpy as np
import pytest
import torch

from src.interpret.codebook import nearest_codes, usage
from src.report.codebook import codebook_figure, nearest_codes_figure

CODES, SIDE = 12, 4


@pytest.fixture(scope="module")
def tiles() -> torch.Tensor:
    """Code k is a plain grey of its own."""
    levels = torch.arange(CODES) / (2 * CODES)  # never white, as the gaps are
    return levels[:, None, None, None].expand(CODES, 3, SIDE, SIDE)


@pytest.fixture(scope="module")
def token_ids() -> torch.Tensor:
    return torch.randint(8, (5, 6, 6), generator=torch.Generator().manual_seed(0)).clamp(min=2)


def levels_in(image) -> set:
    """The codes that a picture of tiles shows."""
    return set((np.unique(image.get_array()[..., 0].round(6)) * 2 * CODES).round(3)) - {2 * CODES}


def test_used_and_dead_codes_are_on_their_own_sheets(tiles, token_ids):
    used = usage(token_ids, CODES)
    figure = codebook_figure(used, tiles)
    first, dead = (axes.images[0] for axes in figure.axes if axes.images)
    assert levels_in(dead) == set(used.dead_ids.tolist()) == {0, 1, 8, 9, 10, 11}
    assert levels_in(first) == set(range(2, 8))
    most = used.counts.argmax().item()
    assert first.get_array()[0, 0, 0] == pytest.approx(most / (2 * CODES))
    shares = figure.axes[0].lines[0].get_ydata()
    assert shares.sum() == pytest.approx(1)
    assert (np.diff(shares) <= 0).all()


def test_a_code_without_a_picture_is_grey(tiles, token_ids):
    some = tiles.clone()
    some[11] = torch.nan
    figure = codebook_figure(usage(token_ids, CODES), some)
    assert not any(np.isnan(axes.images[0].get_array()).any() for axes in figure.axes[1:])


def test_neighbours_stand_beside_their_code_with_their_distances(tiles, rng):
    nearest = nearest_codes(torch.randn(CODES, 5, generator=rng), 2)
    figure = nearest_codes_figure(tiles, nearest, [3, 5])
    shown = [levels_in(axes.images[0]).pop() for axes in figure.axes]
    assert shown == [3, *nearest.ids[3].tolist(), 5, *nearest.ids[5].tolist()]
    said = [text.get_text() for text in figure.texts]
    assert f"{nearest.ids[3, 0]}\n{nearest.distances[3, 0]:.2f}" in said


def test_a_tile_is_needed_for_every_code(tiles, token_ids):
    with pytest.raises(ValueError, match="11 tiles for 12 codes"):
        codebook_figure(usage(token_ids, CODES), tiles[:11])
