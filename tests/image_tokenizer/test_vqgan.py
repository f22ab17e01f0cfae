"""What the VQGAN promises about pixels, grids and its size."""

import pytest
import torch

from src.errors import UserError
from src.image_tokenizer.config import preset
from src.image_tokenizer.vqgan import VQGAN


def test_the_published_model_has_the_published_number_of_parameters():
    with torch.device("meta"):
        model = VQGAN(preset("amused"))
    assert sum(parameter.numel() for parameter in model.parameters()) == 146_244_675
    assert (model.downscale, model.codebook_size) == (16, 8192)


def test_each_level_but_the_last_halves_the_grid(tiny_config):
    pixels = torch.rand(1, 3, 16, 24)
    for levels, grid in ((1, (16, 24)), (2, (8, 12)), (4, (2, 3))):
        model = VQGAN(tiny_config(block_out_channels=[8] * levels))
        token_ids = model.encode(pixels)
        assert token_ids.shape == (1, *grid)
        assert model.decode(token_ids).shape == pixels.shape


def test_token_ids_are_those_of_the_quantized_latents(vqgan, rng):
    pixels = torch.rand(2, 3, 4, 6, generator=rng)
    quantized = vqgan.quantize(vqgan.encode_latents(pixels))
    assert torch.equal(vqgan.encode(pixels), quantized.token_ids)
    torch.testing.assert_close(
        vqgan.decode_codes(quantized.codes).clamp(0, 1), vqgan.decode(quantized.token_ids)
    )


def test_decoded_pictures_are_clipped_and_decoded_codes_are_not(vqgan, rng):
    vqgan.decoder.head.weight.data *= 10
    token_ids = torch.randint(20, (1, 4, 4), generator=rng)
    raw = vqgan.decode_codes(vqgan.quantizer.look_up(token_ids))
    assert raw.min() < 0
    assert raw.max() > 1
    assert torch.equal(vqgan.decode(token_ids), raw.clamp(0, 1))


@pytest.mark.parametrize(("height", "width"), [(5, 4), (4, 5)])
def test_a_picture_that_fills_no_grid_is_refused(vqgan, height, width):
    with pytest.raises(UserError, match=f"{width} x {height} pixels .* multiples of 2"):
        vqgan.encode(torch.rand(1, 3, height, width))


@pytest.mark.parametrize("token_id", [-1, 20])
def test_an_id_outside_the_codebook_is_refused(vqgan, token_id):
    token_ids = torch.zeros(1, 2, 2, dtype=torch.int64)
    token_ids[0, 1, 1] = token_id
    with pytest.raises(UserError, match=f"Token id {token_id} stands for no code.* 0 to 19"):
        vqgan.decode(token_ids)


def test_pictures_do_not_depend_on_their_company(vqgan, rng):
    pixels = torch.rand(3, 3, 8, 8, generator=rng)
    together = vqgan.encode_latents(pixels)
    alone = torch.cat([vqgan.encode_latents(pixel[None]) for pixel in pixels])
    torch.testing.assert_close(together, alone)


def test_training_reaches_every_parameter_of_encoder_codebook_and_decoder(vqgan, rng):
    pixels = torch.rand(2, 3, 8, 8, generator=rng)
    quantized = vqgan.quantize(vqgan.encode_latents(pixels))
    error = (vqgan.decode_codes(quantized.codes) - pixels).abs().mean()
    (error + quantized.codebook_loss + 0.25 * quantized.commitment_loss).backward()
    for name, parameter in vqgan.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().max() > 0, name


@pytest.mark.parametrize("init", ["training", "random"])
def test_the_generator_alone_decides_the_parameters(tiny_config, init):
    def draw(seed):
        return VQGAN(tiny_config(), init, torch.Generator().manual_seed(seed)).state_dict()

    first, again, other = draw(1), draw(1), draw(2)
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["encoder.stem.weight"], other["encoder.stem.weight"])


def test_random_parameters_make_pictures_with_contrast(vqgan, rng):
    pictures = vqgan.decode(torch.randint(20, (4, 8, 8), generator=rng))
    assert pictures.std() > 0.1
    assert 0.3 < pictures.mean() < 0.7
    assert vqgan.encode(torch.rand(4, 3, 16, 16, generator=rng)).unique().numel() > 5


def test_an_impossible_configuration_is_refused(tiny_config):
    with pytest.raises(UserError, match="norm_num_groups = 3"):
        VQGAN(tiny_config(norm_num_groups=3))


def test_the_encoder_follows_the_rest_to_a_device_with_the_first_picture(vqgan):
    vqgan.to_draw("meta")  # a device that every machine has
    assert vqgan.device.type == vqgan.decoder.head.weight.device.type == "meta"
    vqgan.decode_codes(torch.rand(1, 4, 2, 2, device="meta"))
    assert {each.device.type for each in vqgan.encoder.parameters()} == {"cpu"}
    assert vqgan.encode_latents(torch.rand(1, 3, 4, 4, device="meta")).device.type == "meta"
    assert {each.device.type for each in vqgan.encoder.parameters()} == {"meta"}
