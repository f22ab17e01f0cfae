"""The codebook: nearest codes, gradients that pass through, and honest counts."""

import pytest
import torch

from src.image_tokenizer.quantizer import Quantizer


@pytest.fixture
def corners():
    """Four codes, at the corners of a square."""
    quantizer = Quantizer(4, 2)
    quantizer.codebook.data = torch.tensor([[0.0, 0], [1, 0], [0, 1], [1, 1]])
    return quantizer


LATENTS = torch.tensor([[[[0.1, 0.8]], [[0.2, 0.9]]]])  # (1, 2, 1, 2): (0.1, 0.2) and (0.8, 0.9)


def test_a_latent_becomes_its_nearest_code(corners):
    quantized = corners(LATENTS)
    assert quantized.token_ids.tolist() == [[[0, 3]]]
    assert quantized.codes.tolist() == [[[[0.0, 1.0]], [[0.0, 1.0]]]]


def test_of_equally_near_codes_the_lower_id_is_taken(corners):
    assert corners.nearest(torch.full((1, 2, 1, 1), 0.5)).item() == 0


def test_the_length_of_a_latent_counts(corners):
    # (0.4, 0.4) points to the corner (1, 1) and lies nearer to (0, 0)
    assert corners.nearest(torch.full((1, 2, 1, 1), 0.4)).item() == 0


def test_both_distances_are_the_mean_square_and_pull_different_sides(corners):
    latents = LATENTS.clone().requires_grad_()
    quantized = corners(latents)
    expected = (0.01 + 0.04 + 0.04 + 0.01) / 4
    assert quantized.codebook_loss.item() == pytest.approx(expected)
    assert quantized.commitment_loss.item() == pytest.approx(expected)
    (to_codes,) = torch.autograd.grad(quantized.codebook_loss, corners.codebook, retain_graph=True)
    assert to_codes.abs().sum(1).gt(0).tolist() == [True, False, False, True]
    (to_latents,) = torch.autograd.grad(quantized.commitment_loss, latents)
    torch.testing.assert_close(to_latents, (latents - quantized.codes).detach() / 2)
    for loss, side in ((quantized.codebook_loss, latents), (corners(latents)[3], corners.codebook)):
        assert torch.autograd.grad(loss, side, allow_unused=True, retain_graph=True) == (None,)


def test_looking_up_what_was_found_gives_the_code_itself(corners):
    token_ids = torch.tensor([[[2, 1], [3, 0]]])
    assert torch.equal(corners.nearest(corners.look_up(token_ids)), token_ids)
