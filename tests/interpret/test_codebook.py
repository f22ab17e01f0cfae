"""Codes counted, compared and looked at."""

import pytest
import torch

from src.errors import UserError
from src.interpret.codebook import (
    code_tiles,
    distances_from,
    mean_patches,
    near_miss,
    nearest_codes,
    usage,
)


@pytest.fixture
def codebook(rng) -> torch.Tensor:
    return torch.randn(40, 6, generator=rng)


def test_every_token_is_counted_once(rng):
    ids = torch.randint(20, (3, 4, 5), generator=rng)
    found = usage(ids, 32)
    assert found.counts.sum() == 3 * 4 * 5
    assert found.counts[7] == (ids == 7).sum()
    assert torch.equal(found.dead_ids, (found.counts == 0).nonzero()[:, 0])
    assert set(range(20, 32)) <= set(found.dead_ids.tolist())
    assert found.share_used == pytest.approx(1 - len(found.dead_ids) / 32)


def test_perplexity_goes_from_one_code_to_all():
    assert usage(torch.arange(32).view(1, 4, 8), 32).perplexity == pytest.approx(32, rel=1e-5)
    assert usage(torch.full((1, 4, 8), 5), 32).perplexity == pytest.approx(1)
    assert len(usage(torch.full((1, 4, 8), 5), 32).dead_ids) == 31


@pytest.mark.parametrize("measure", ["l2", "cosine"])
def test_neighbours_are_the_nearest_others_by_hand(codebook, measure):
    found = nearest_codes(codebook, 3, measure)
    for code in range(len(codebook)):
        one = codebook[code].double()
        if measure == "l2":
            far = (codebook.double() - one).norm(dim=1)
        else:
            far = 1 - torch.cosine_similarity(codebook.double(), one[None], dim=1)
        far[code] = torch.inf
        assert torch.equal(found.ids[code], far.argsort()[:3])
        torch.testing.assert_close(found.distances[code], far.sort().values[:3].float())
    assert not (found.ids == torch.arange(40)[:, None]).any()


@pytest.mark.parametrize("measure", ["l2", "cosine"])
def test_distances_are_symmetric_and_duplicates_are_found(codebook, measure):
    codebook[9] = codebook[30]
    every = distances_from(codebook, torch.arange(40), measure)
    assert torch.equal(every, every.T)
    assert (every.diagonal() == 0).all()
    found = nearest_codes(codebook, 1, measure)
    assert found.ids[9].tolist() == [30]
    assert found.ids[30].tolist() == [9]
    assert torch.equal(found.distances[:, 0] == 0, (torch.arange(40) % 21 == 9))


def test_longer_codes_have_the_same_direction_and_none_has_one_of_its_own():
    codebook = torch.tensor([[1.0, 0.0], [5.0, 0.0], [0.0, 2.0], [-1.0, 0.0], [0.0, 0.0]])
    expected = torch.tensor([[0.0, 0.0, 1.0, 2.0, 1.0]])
    torch.testing.assert_close(distances_from(codebook, torch.tensor([0]), "cosine"), expected)
    assert distances_from(codebook, torch.tensor([4]), "cosine").tolist() == [[1, 1, 1, 1, 0]]


def test_for_codes_of_length_one_both_measures_agree(codebook):
    unit = torch.nn.functional.normalize(codebook, dim=1)
    assert torch.equal(nearest_codes(unit, 5, "l2").ids, nearest_codes(unit, 5, "cosine").ids)


def test_every_code_is_its_own_nearest_unless_it_has_a_duplicate(tiny):
    quantizer = tiny.image_tokenizer.quantizer
    vectors = quantizer.codebook.detach().T[None, :, None]  # (1, dim, 1, codes)
    assert quantizer.nearest(vectors).flatten().tolist() == list(range(32))
    far = nearest_codes(quantizer.codebook, 1).distances
    assert (far > 0).all()


def test_a_miss_counts_the_codes_that_were_nearer(codebook):
    nearest = nearest_codes(codebook, 3)
    true = torch.arange(40).view(2, 4, 5)
    right = near_miss(codebook, true, true)
    assert (right.distance == 0).all()
    assert (right.num_nearer == 0).all()
    third = near_miss(codebook, nearest.ids[:, 2].view(2, 4, 5), true)
    torch.testing.assert_close(third.distance.flatten(), nearest.distances[:, 2])
    assert (third.num_nearer == 3).all()  # the true one, and two others


def test_a_tile_is_the_middle_of_a_grid_of_its_code(tiny):
    vqgan = tiny.image_tokenizer
    tiles = code_tiles(vqgan, 3)
    assert tiles.shape == (32, 3, 4, 4)
    with torch.no_grad():
        whole = vqgan.decode(torch.full((1, 3, 3), 17))[0]
    torch.testing.assert_close(tiles[17], whole[:, 4:8, 4:8])
    assert not torch.allclose(tiles[17], tiles[16], atol=1e-3)
    with torch.no_grad():
        alone = vqgan.decode(torch.full((1, 1, 1), 17))[0]
    torch.testing.assert_close(code_tiles(vqgan, 1)[17], alone)


def test_what_cannot_be_is_refused(codebook, tiny):
    with pytest.raises(UserError, match=r"token_ids holds 32; a code lies in 0\.\.31"):
        usage(torch.full((1, 2, 2), 32), 32)
    with pytest.raises(UserError, match="num_near=40 is impossible"):
        nearest_codes(codebook, 40)
    with pytest.raises(UserError, match="measure='l1' is unknown"):
        nearest_codes(codebook, 3, "l1")
    with pytest.raises(UserError, match="num_tokens=4 has no middle"):
        code_tiles(tiny.image_tokenizer, 4)


def test_a_code_looks_like_the_mean_of_its_patches(rng):
    ids = torch.tensor([[[0, 1], [2, 0]]])
    pixels = torch.rand(1, 3, 8, 8, generator=rng)
    found = mean_patches(ids, pixels, 4)
    torch.testing.assert_close(found[1], pixels[0, :, :4, 4:])
    torch.testing.assert_close(found[2], pixels[0, :, 4:, :4])
    torch.testing.assert_close(found[0], (pixels[0, :, :4, :4] + pixels[0, :, 4:, 4:]) / 2)
    assert found[3].isnan().all()
    with pytest.raises(UserError, match="are no square patches"):
        mean_patches(ids, pixels[..., :6], 4)
