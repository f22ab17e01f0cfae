from dataclasses import replace

import torch

from src.training.vqgan_module import (
    VqganBatches,
    VqganModule,
    retire_near_copies,
    to_unit_pixels,
)


def test_unused_codes_are_moved_onto_latents(world, parts, config):
    module = VqganModule(parts.image_tokenizer, config, seed=0)
    pixels = to_unit_pixels(VqganBatches(world, config, seed=0)(0, slice(None)))
    with torch.no_grad():
        latents = module.vqgan.encode_latents(pixels)
    codebook = module.vqgan.quantizer.codebook
    codebook.fill_(1e3)
    is_dead = torch.arange(len(codebook)) < 20
    module._spread(is_dead, latents, torch.Generator().manual_seed(0))
    vectors = latents.movedim(1, -1).flatten(0, -2)
    assert torch.cdist(codebook[is_dead], vectors).min(dim=1).values.max() < 1e-3
    assert (codebook[~is_dead] == 1e3).all()


def test_codes_are_spread_by_error_and_not_by_crowd(world, parts, config):
    module = VqganModule(parts.image_tokenizer, config, seed=0)
    crowd = torch.zeros(1, 4, 8, 8)  # 60 of 64 latents lie together, four lie apart
    for place in range(4):
        crowd[0, place, 0, place] = 10.0
    which = torch.arange(len(module.cluster_sizes)) < 6
    module.vqgan.quantizer.codebook.fill_(1e3)
    module._spread(which, crowd + 1e-3, torch.Generator().manual_seed(0))
    apart = module.vqgan.quantizer.codebook[which].amax(dim=1) > 5
    assert apart.sum() == 4


def test_few_latents_far_from_any_code_outweigh_a_crowd_a_little_apart(world, parts, config):
    """400 at a distance of 1 and 4 at 5: by squares the crowd would be drawn first, 4 to 1."""
    module = VqganModule(parts.image_tokenizer, config, seed=0)
    latents = torch.zeros(1, 4, 20, 20)
    latents[0, 0] = 1.0
    latents[0, :, 0, :4] = torch.tensor([0.0, 5.0, 0.0, 0.0])[:, None]
    codebook = module.vqgan.quantizer.codebook
    rng = torch.Generator().manual_seed(0)
    drawn = 0
    for _ in range(40):
        codebook.zero_()
        module._spread(torch.arange(len(codebook)) == 0, latents, rng)
        drawn += int(codebook[0, 1] == 5)
    assert drawn > 28  # expected: 34.5 by the fourth power, 8 by the square


def test_the_loss_is_of_pictures_that_went_through_their_codes(world, parts, config):
    quantized = replace(config, continuous_steps=0, locality_weight=0.0)
    module = VqganModule(parts.image_tokenizer, quantized, seed=0)
    module.log = module.log_dict = lambda *_, **__: None  # there is no trainer to log to
    batch = VqganBatches(world, quantized, seed=0)(0, slice(None))
    pixels = to_unit_pixels(batch)
    module.cluster_sizes.fill_(1.0)  # the codebook as it is: the step moves it after its use
    through = module.vqgan.quantize(module.vqgan.encode_latents(pixels))
    error = module.vqgan.decode_codes(through.codes) - pixels
    expected = 0.25 * error.abs().mean() + 4 * error.square().mean() + through.commitment_loss / 4
    loss = module.training_step(batch, 0)
    assert torch.isclose(loss, expected, atol=1e-5)
    loss.backward()
    assert all(each.grad.any() for each in module.vqgan.encoder.parameters())


def test_of_codes_that_say_the_same_the_most_used_one_stays():
    codebook = torch.tensor([[0.0, 0.0], [0.1, 0.0], [0.0, 0.1], [9.0, 0.0], [0.0, 9.0]])
    before, uses = codebook.clone(), torch.tensor([5.0, 80.0, 3.0, 1.0, 1.0])
    assert retire_near_copies(codebook, uses, merge_within=0.15) == 2
    assert torch.equal(codebook[[1, 3, 4]], before[[1, 3, 4]])
    nearest = torch.cdist(before, codebook).argmin(dim=1)
    assert nearest.tolist() == [1, 1, 1, 3, 4]  # no latent finds a code that was retired


def test_nothing_is_retired_from_codes_that_all_differ():
    codebook = torch.eye(6)
    assert retire_near_copies(codebook, torch.ones(6), merge_within=0.15) == 0
    assert torch.equal(codebook, torch.eye(6))


def test_a_tokenizer_that_looks_at_its_own_cell_only_is_perfectly_local(world, parts, config):
    module = VqganModule(parts.image_tokenizer, config, seed=0)
    pixels = to_unit_pixels(VqganBatches(world, config, seed=0)(0, slice(None)))
    rng = torch.Generator().manual_seed(0)
    published = module._locality(pixels, module.vqgan.encode_latents(pixels), rng)
    module.vqgan.encode_latents = lambda x: torch.nn.functional.avg_pool2d(x, 4)
    local = module._locality(pixels, module.vqgan.encode_latents(pixels), rng)
    assert local == 0
    assert published > 0


def test_a_code_becomes_the_running_mean_of_its_latents(world, parts, config):
    module = VqganModule(parts.image_tokenizer, config, seed=0)
    module.log = lambda *_, **__: None  # without a trainer there is nowhere to log to
    latents = torch.randn(2, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    ids = torch.zeros(2, 8, 8, dtype=torch.long)  # all of them choose code 0
    for _ in range(400):
        module._follow(latents, ids, torch.Generator().manual_seed(0))
    mean = latents.movedim(1, -1).flatten(0, -2).mean(0)
    assert torch.allclose(module.vqgan.quantizer.codebook[0], mean, atol=1e-3)


def test_pixels_arrive_between_zero_and_one_with_channels_first(world, config):
    pictures = VqganBatches(world, config, seed=0)(0, slice(None))
    pixels = to_unit_pixels(pictures)
    assert pixels.shape == (4, 3, 32, 32)
    assert pixels.max() <= 1
    assert torch.equal(pixels[1, 2], pictures[1, :, :, 2] / 255)
