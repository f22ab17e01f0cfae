"""Neighbours counted by hand, and what chance would give."""

import math

import pytest
import torch
from torch import Generator

from src.errors import UserError
from src.interpret.code_pairs import code_pairs

IDS = torch.tensor([[[0, 1, 0, 1], [0, 1, 2, 2]]])


def as_dict(pairs) -> dict:
    keys = zip(pairs.first_ids.tolist(), pairs.second_ids.tolist(), strict=True)
    return dict(zip(keys, pairs.counts.tolist(), strict=True))


def test_neighbours_across_and_down_are_counted_with_their_order():
    across, down = code_pairs(IDS, "across"), code_pairs(IDS, "down")
    assert as_dict(across) == {(0, 1): 3, (1, 0): 1, (1, 2): 1, (2, 2): 1}
    assert as_dict(down) == {(0, 0): 1, (1, 1): 1, (0, 2): 1, (1, 2): 1}
    assert across.counts.tolist() == sorted(across.counts.tolist(), reverse=True)


def test_information_is_the_share_of_the_pair_over_that_of_chance():
    found = code_pairs(IDS, "across")
    # first: 0 three times, 1 twice, 2 once; second: 0 once, 1 three times, 2 twice; of 6 pairs
    expected = {(0, 1): 6 * 3 / (3 * 3), (1, 0): 6 / (2 * 1), (1, 2): 6 / (2 * 2), (2, 2): 6 / 2}
    keys = zip(found.first_ids.tolist(), found.second_ids.tolist(), strict=True)
    for key, value in zip(keys, found.information.tolist(), strict=True):
        assert value == pytest.approx(math.log(expected[key]))


def test_independent_codes_know_nothing_of_each_other():
    ids = torch.randint(4, (200, 16, 16), generator=Generator().manual_seed(0))
    found = code_pairs(ids, "down")
    assert found.information.abs().max() < 0.05
    assert 0 <= found.mutual_information < 3 * 9 / (2 * 200 * 15 * 16)


def test_a_code_that_tells_its_neighbour_knows_all_of_it():
    ids = torch.arange(4).repeat(3, 2, 8)  # 0 1 2 3 0 1 2 3 ...
    found = code_pairs(ids, "across")
    assert found.mutual_information.item() == pytest.approx(math.log(4), abs=0.01)
    assert code_pairs(ids, "down").mutual_information.item() == pytest.approx(math.log(4))


def test_a_picture_turned_over_its_diagonal_exchanges_the_directions():
    ids = torch.randint(5, (4, 6, 8), generator=Generator().manual_seed(1))
    one, other = code_pairs(ids, "across"), code_pairs(ids.mT, "down")
    assert as_dict(one) == as_dict(other)


def test_a_table_has_a_gap_where_a_pair_never_occurs():
    table = code_pairs(IDS, "across").table(torch.tensor([1, 0, 9]))
    assert table[1, 0].item() == pytest.approx(math.log(2))
    assert table[0, 1].item() == pytest.approx(math.log(3))
    assert table[0, 0].isnan()
    assert table[2].isnan().all()


def test_what_has_no_neighbours_is_refused():
    with pytest.raises(UserError, match="direction='left' is unknown; give 'across' or 'down'"):
        code_pairs(IDS, "left")
    with pytest.raises(UserError, match="no neighbours down"):
        code_pairs(IDS[:, :1], "down")
