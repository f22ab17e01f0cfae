import pytest
import torch
from torch import nn

from src.errors import UserError
from src.training.discriminator import (
    HIGHEST_WEIGHT,
    PatchDiscriminator,
    adaptive_weight,
    discriminator_loss,
    generator_loss,
)


def logits(*values):
    return torch.tensor(values).view(1, 1, 1, -1)


def test_the_hinge_of_hand_numbers():
    """Real: 1 - 0.5 and 0 beyond 1, mean 0.25. Fake: 1 + 0.5 and 0 beyond -1, mean 0.75."""
    real, fake = logits(0.5, 3.0), logits(0.5, -4.0)
    assert discriminator_loss(real, fake) == (0.25 + 0.75) / 2
    assert generator_loss(fake) == 1.75
    assert generator_loss(logits(2.0, 4.0)) == -3


def test_the_two_sides_pull_the_same_logit_in_opposite_directions():
    fake = logits(0.0, 0.2).requires_grad_()
    (up,) = torch.autograd.grad(generator_loss(fake), fake)
    (down,) = torch.autograd.grad(discriminator_loss(logits(1.0, 1.0), fake), fake)
    assert (up < 0).all()
    assert (down > 0).all()


def test_the_adaptive_weight_is_the_ratio_of_gradient_norms():
    """Of (3a)^2 at a = 1 the gradient is 18, of 4b it is 4: at (a, b) the norms are 18 and 4."""
    last = nn.Parameter(torch.tensor([1.0, 1.0]))
    weight = adaptive_weight((3 * last[0]) ** 2, 4 * last[1], last)
    assert weight.item() == pytest.approx(18 / 4, rel=1e-5)
    assert not weight.requires_grad


def test_both_losses_can_still_be_differentiated_afterwards():
    last = nn.Parameter(torch.tensor([1.0, 2.0]))
    reconstruction, adversarial = last.square().sum(), last.sum()
    (reconstruction + adaptive_weight(reconstruction, adversarial, last) * adversarial).backward()
    expected = 2 * last.detach() + 2 * 5**0.5 / 2**0.5
    assert torch.allclose(last.grad, expected)


def test_a_vanished_adversarial_gradient_does_not_make_the_weight_endless():
    last = nn.Parameter(torch.ones(2))
    assert adaptive_weight(last.sum(), 1e-12 * last.sum(), last) == HIGHEST_WEIGHT


def test_a_logit_is_a_patch_of_70_pixels_as_published(rng):
    """64-128-256-512 channels and 2.8 million weights; 256 pixels give 30 x 30 logits."""
    discriminator = PatchDiscriminator(generator=rng)
    convolutions = [each for each in discriminator.layers if isinstance(each, nn.Conv2d)]
    assert [each.out_channels for each in convolutions] == [64, 128, 256, 512, 1]
    side = 1
    for each in reversed(convolutions):
        side = (side - 1) * each.stride[0] + each.kernel_size[0]
    assert side == 70
    with torch.device("meta"):
        on_paper = PatchDiscriminator()
        assert on_paper(torch.zeros(2, 3, 256, 256)).shape == (2, 1, 30, 30)


def test_a_verdict_does_not_depend_on_the_company(rng):
    discriminator = PatchDiscriminator(8, 2, rng)
    pixels = torch.rand(4, 3, 16, 16, generator=rng)
    together, alone = discriminator(pixels)[:1], discriminator(pixels[:1])
    assert torch.allclose(together, alone, atol=1e-6)
    assert discriminator(pixels).std() > 0


def test_its_weights_are_drawn_from_the_generator_alone():
    def drawn(seed):
        return PatchDiscriminator(8, 2, torch.Generator().manual_seed(seed)).state_dict()

    first, second, other = drawn(0), drawn(0), drawn(1)
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert not torch.equal(first["layers.0.weight"], other["layers.0.weight"])
    assert first["layers.2.weight"].std().item() == pytest.approx(0.02, rel=0.1)


@pytest.mark.parametrize("num_layers", [1, 2, 3])
def test_the_smallest_picture_has_one_patch_and_smaller_ones_are_refused(num_layers):
    discriminator = PatchDiscriminator(8, num_layers)
    side = discriminator.smallest_side
    assert discriminator(torch.rand(1, 3, side, side)).shape == (1, 1, 1, 1)
    with pytest.raises(UserError, match=f"at least {side}"):
        discriminator(torch.rand(1, 3, side, side - 1))
