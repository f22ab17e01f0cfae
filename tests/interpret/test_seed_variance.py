"""Pictures that are equal differ in nothing, and what they differ in is counted."""

import math

import pytest
import torch

from src.errors import UserError
from src.interpret.seed_variance import NEVER, most_entropy, prefix_variance, seed_variance


@pytest.fixture
def token_ids(rng) -> torch.Tensor:
    return torch.randint(3, (5, 4, 6), generator=rng)


def test_equal_seeds_have_no_variance(token_ids):
    same = token_ids[:1].expand(4, -1, -1)
    pixels = torch.rand(1, 3, 8, 8).expand(4, -1, -1, -1)
    found = seed_variance(same, pixels)
    assert (found.entropy == 0).all()
    assert (found.hamming == 0).all()
    assert (found.pixel_deviation < 1e-6).all()
    assert found.mean_hamming == 0


def test_entropy_is_that_of_the_shares_of_the_codes():
    ids = torch.tensor([[7, 1, 0], [7, 1, 1], [7, 2, 2], [7, 2, 3]])[:, None]
    found = seed_variance(ids).entropy.flatten().tolist()
    assert found == pytest.approx([0, math.log(2), math.log(4)])


def test_entropy_is_at_most_that_of_as_many_codes_as_there_can_be(token_ids):
    assert (seed_variance(token_ids).entropy <= most_entropy(5, 3) + 1e-6).all()
    assert most_entropy(5, 3) == math.log(3)
    different = torch.arange(5)[:, None, None].expand(5, 2, 2)
    all_different = seed_variance(different).entropy.flatten().tolist()
    assert all_different == pytest.approx([math.log(5)] * 4)


def test_the_order_of_the_seeds_is_nothing(token_ids, rng):
    pixels = torch.rand(5, 3, 8, 12, generator=rng)
    order = torch.tensor([3, 1, 4, 0, 2])
    one, other = seed_variance(token_ids, pixels), seed_variance(token_ids[order], pixels[order])
    assert torch.equal(one.entropy, other.entropy)
    assert torch.equal(one.hamming[order][:, order], other.hamming)
    torch.testing.assert_close(one.pixel_deviation, other.pixel_deviation)


def test_two_pictures_differ_in_a_share_of_their_tokens():
    ids = torch.zeros(3, 2, 5, dtype=torch.int64)
    ids[1, 0, :3] = 1
    ids[2] = 2
    found = seed_variance(ids)
    expected = torch.tensor([[0, 0.3, 1], [0.3, 0, 1], [1, 1, 0]])
    torch.testing.assert_close(found.hamming, expected)
    assert found.mean_hamming.item() == pytest.approx(2.3 / 3)


def test_black_and_white_pixels_deviate_by_a_half():
    pixels = torch.zeros(2, 3, 2, 2)
    pixels[1, :, 0] = 1
    pixels[1, 0, 1, 1] = 1  # in one of three colours
    found = seed_variance(torch.zeros(2, 1, 1, dtype=torch.int64), pixels).pixel_deviation
    torch.testing.assert_close(found, torch.tensor([[0.5, 0.5], [0, 0.5 / math.sqrt(3)]]))


def test_a_position_is_decided_where_all_seeds_agree_from_then_on():
    free, half, all_shared = torch.zeros(3, 2, 1, 4, dtype=torch.int64).unbind()
    free[1] = torch.tensor([1, 1, 0, 1])  # the third agrees by chance, and then no more
    half[1] = torch.tensor([0, 1, 1, 1])
    all_shared[1] = torch.tensor([0, 0, 0, 1])
    found = prefix_variance(torch.stack([free, half, all_shared]), [0, 4, 8])
    assert found.decided_at.tolist() == [[4, 8, 8, NEVER]]
    assert found.mean_hamming.tolist() == pytest.approx([0.75, 0.75, 0.25])
    assert found.mean_entropy.tolist() == pytest.approx(
        [share * math.log(2) for share in (0.75, 0.75, 0.25)]
    )


def test_of_pictures_that_share_all_steps_nothing_differs(token_ids):
    rows = torch.stack([token_ids, token_ids[:1].expand(5, -1, -1)])
    found = prefix_variance(rows, [0, 12])
    assert found.mean_entropy[1] == found.mean_hamming[1] == 0
    assert set(found.decided_at.unique().tolist()) <= {0, 12}


def test_what_cannot_be_compared_is_refused(token_ids):
    with pytest.raises(UserError, match="1 picture has no variance"):
        seed_variance(token_ids[:1])
    with pytest.raises(UserError, match="pixels has 4 pictures and token_ids 5"):
        seed_variance(token_ids, torch.zeros(4, 3, 2, 2))
    for shared in ([0], [4, 0]):
        with pytest.raises(UserError, match="does not name 2 rows of pictures"):
            prefix_variance(torch.stack([token_ids, token_ids]), shared)
