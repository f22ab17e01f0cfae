"""The tables of pairs, each with its codes along the sides."""

import numpy as np
import torch

from src.interpret.code_pairs import code_pairs
from src.report.code_pairs import code_pairs_figure


def test_pairs_are_centred_at_chance_and_grey_where_they_never_occur():
    token_ids = torch.randint(2, 8, (5, 6, 6), generator=torch.Generator().manual_seed(0))
    tiles = torch.rand(12, 3, 4, 4)
    across, down = (code_pairs(token_ids, way) for way in ("across", "down"))
    ids = torch.tensor([2, 3, 4, 11])
    figure = code_pairs_figure(across, down, ids, tiles)
    maps = [axes.images[0] for axes in figure.axes if axes.images][2::3]
    for image, pairs in zip(maps, (across, down), strict=True):
        low, high = image.get_clim()
        assert low == -high
        table = pairs.table(ids).numpy()
        assert np.array_equal(np.ma.getmaskarray(image.get_array()), np.isnan(table))
        seen = ~np.isnan(table)
        np.testing.assert_array_equal(image.get_array()[seen], table[seen])
