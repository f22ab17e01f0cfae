"""Our modules against the published architecture: the same tensors give the same numbers.

Every parameter is perturbed first, so that no norm, bias or modulation hides behind an identity.
"""

import random
from dataclasses import asdict

import pytest
import torch
from diffusers import UVit2DModel, VQModel

from src.image_tokenizer import config as image_tokenizer_config
from src.image_tokenizer import weights as image_tokenizer_weights
from src.image_tokenizer.config import ImageTokenizerConfig
from src.image_tokenizer.vqgan import VQGAN
from src.transformer import config as transformer_config
from src.transformer import weights as transformer_weights
from src.transformer.config import TransformerConfig
from src.transformer.uvit import UViT

TOLERANCE = 1e-4  # of the largest magnitude, in float32


def assert_same(ours, theirs):
    assert ours.shape == theirs.shape
    assert theirs.std() > 0.1, "numbers that all agree with each other prove nothing"
    assert (ours - theirs).abs().max() <= TOLERANCE * theirs.abs().max()


def random_transformer(case):
    """A small configuration and a grid, drawn so that neighbouring sizes never coincide by rule."""
    draw = random.Random(case)
    heads, block_heads, encode_dim = draw.randint(1, 4), draw.randint(1, 4), 2 * draw.randint(1, 8)
    is_512, codes = draw.random() < 0.5, draw.randint(5, 40)
    hidden_size = heads * draw.choice([4, 6, 8])
    config = TransformerConfig(
        hidden_size=hidden_size,
        num_hidden_layers=draw.randint(0, 3),
        num_attention_heads=heads,
        intermediate_size=draw.randint(3, 50),
        in_channels=draw.randint(4, 30),
        # every fifth text block reads the text at its own width, without a map
        block_out_channels=hidden_size if case % 5 == 0 else block_heads * draw.choice([5, 7]),
        num_res_blocks=draw.randint(0, 2),
        block_num_heads=heads if case % 5 == 0 else block_heads,
        downsample=is_512,
        upsample=is_512,
        codebook_size=codes,
        vocab_size=codes + draw.randint(1, 9),
        encoder_hidden_size=draw.randint(3, 20),
        cond_embed_dim=draw.randint(3, 20),
        micro_cond_encode_dim=encode_dim,
        micro_cond_embed_dim=5 * encode_dim,
        use_bias=draw.random() < 0.4,
        layer_norm_eps=draw.choice([1e-6, 1e-3]),
        ln_elementwise_affine=draw.random() < 0.7,
    )
    grid = (2 * draw.randint(1, 4), 2 * draw.randint(1, 4))
    return config, grid if is_512 else (grid[0] - 1, grid[1])


def transformer_inputs(config, grid, num_words, rng):
    batch = 2
    return (
        torch.randint(config.vocab_size, (batch, *grid), generator=rng),
        torch.randn(batch, num_words, config.encoder_hidden_size, generator=rng),
        torch.randn(batch, config.cond_embed_dim, generator=rng),
        torch.tensor([[512.0, 384, 0, 64, 6.0], [1024, 768, 3, 0, 4.5]]),
    )


@pytest.mark.parametrize("case", range(30))
@torch.no_grad()
def test_the_uvit_gives_the_published_logits(case, rng):
    config, grid = random_transformer(case)
    ours = UViT(config, init="random", generator=rng).eval()
    theirs = UVit2DModel(**asdict(config)).eval()
    theirs.load_state_dict(transformer_weights.to_published(ours.state_dict()))
    inputs = transformer_inputs(config, grid, num_words=1 + case % 7, rng=rng)
    assert_same(ours(*inputs), theirs(*inputs).flatten(2).transpose(1, 2))


def test_the_cases_cover_both_kinds_of_every_switch():
    configs, grids = zip(*(random_transformer(case) for case in range(30)), strict=True)
    for name in ("downsample", "use_bias", "ln_elementwise_affine"):
        assert len({getattr(config, name) for config in configs}) == 2, name
    assert len({config.hidden_size == config.block_out_channels for config in configs}) == 2
    assert any(height != width for height, width in grids)


@torch.no_grad()
def test_published_uvit_tensors_load_into_ours(rng):
    config, grid = random_transformer(1)
    theirs = UVit2DModel(**asdict(config)).eval()
    for parameter in theirs.parameters():
        parameter.add_(0.3 * torch.randn(parameter.shape, generator=rng))
    ours = UViT(config).eval()
    published = theirs.state_dict()
    ours.load_state_dict(transformer_weights.from_published(published))
    inputs = transformer_inputs(config, grid, num_words=3, rng=rng)
    assert_same(ours(*inputs), theirs(*inputs).flatten(2).transpose(1, 2))
    again = transformer_weights.to_published(ours.state_dict())
    assert again.keys() == published.keys()
    assert all(torch.equal(again[name], published[name]) for name in published)


def test_published_uvit_settings_are_the_ones_it_asks_for():
    published = transformer_config.to_published(transformer_config.preset("amused_512"))
    with torch.device("meta"):
        theirs = UVit2DModel.from_config(published)
    expected = {key: value for key, value in published.items() if not key.startswith("_")}
    assert {key: theirs.config[key] for key in expected} == expected
    assert expected.keys() == {key for key in theirs.config if not key.startswith("_")}


IMAGE_TOKENIZERS = [  # block_out_channels, layers_per_block, latent_channels, codes, code width
    ([8], 1, 3, 7, None),
    ([8, 16], 1, 4, 30, None),
    ([16, 8], 2, 4, 30, 5),
    ([8, 8, 16], 1, 6, 100, None),
    ([24, 48, 96], 1, 8, 512, None),
    ([8, 16, 16, 24], 2, 5, 64, 9),
    ([8, 8, 8, 16, 16], 2, 4, 50, None),
]


def image_tokenizer_pair(config, rng):
    ours = VQGAN(config, init="random", generator=rng).eval()
    with torch.device("meta"):
        theirs = VQModel(**asdict(config)).eval()
    published = image_tokenizer_weights.to_published(ours.state_dict())
    theirs.load_state_dict(published, assign=True)
    return ours, theirs


@pytest.mark.parametrize("sizes", IMAGE_TOKENIZERS, ids=str)
@pytest.mark.parametrize("grid", [(4, 4), (3, 5)])
@torch.no_grad()
def test_the_vqgan_encodes_and_decodes_as_published(sizes, grid, rng):
    widths, layers, latent_channels, codes, code_width = sizes
    config = ImageTokenizerConfig(
        block_out_channels=widths,
        layers_per_block=layers,
        latent_channels=latent_channels,
        num_vq_embeddings=codes,
        vq_embed_dim=code_width,
        norm_num_groups=4,
    )
    ours, theirs = image_tokenizer_pair(config, rng)
    height, width = (side * ours.downscale for side in grid)
    assert_vqgans_agree(ours, theirs, torch.rand(2, 3, height, width, generator=rng))


def assert_vqgans_agree(ours, theirs, pixels):
    latents = theirs.encode(pixels).latents
    assert_same(ours.encode_latents(pixels), latents)
    token_ids = ours.encode(pixels)
    _, _, (_, _, their_ids) = theirs.quantize(latents)
    assert torch.equal(token_ids, their_ids.view_as(token_ids))
    assert token_ids.unique().numel() > 1
    shape = (*token_ids.shape, ours.quantizer.codebook.shape[1])
    decoded = theirs.decode(token_ids, force_not_quantize=True, shape=shape).sample
    assert_same(ours.decode_codes(ours.quantizer.look_up(token_ids)), decoded)
    assert torch.allclose(ours.decode(token_ids), decoded.clamp(0, 1), atol=TOLERANCE)


@torch.no_grad()
def test_published_vqgan_tensors_load_into_ours(rng):
    config = ImageTokenizerConfig(
        block_out_channels=[8, 16], layers_per_block=1, latent_channels=4, norm_num_groups=4
    )
    theirs = VQModel(**asdict(config)).eval()
    for parameter in theirs.parameters():
        parameter.add_(0.3 * torch.randn(parameter.shape, generator=rng))
    published = theirs.state_dict()
    ours = VQGAN(config).eval()
    ours.load_state_dict(image_tokenizer_weights.from_published(published))
    assert_vqgans_agree(ours, theirs, torch.rand(1, 3, 8, 8, generator=rng))
    again = image_tokenizer_weights.to_published(ours.state_dict())
    assert again.keys() == published.keys()
    assert all(torch.equal(again[name], published[name]) for name in published)


def test_the_straight_through_gradient_and_distances_are_the_published_ones(rng):
    config = ImageTokenizerConfig(
        block_out_channels=[8, 16], latent_channels=4, norm_num_groups=4, num_vq_embeddings=30
    )
    ours, theirs = image_tokenizer_pair(config, rng)
    latents = torch.randn(2, 4, 3, 3, generator=rng, requires_grad=True)
    quantized = ours.quantize(latents)
    codes, loss, _ = theirs.quantize(latents)
    torch.testing.assert_close(quantized.codes, codes)
    # the oracle weighs the codebook's side where the paper weighs the commitment
    torch.testing.assert_close(loss, quantized.commitment_loss + 0.25 * quantized.codebook_loss)
    weights = torch.randn(codes.shape, generator=rng)
    (gradient,) = torch.autograd.grad((quantized.codes * weights).sum(), latents)
    torch.testing.assert_close(gradient, weights)


def test_published_vqgan_settings_are_the_ones_it_asks_for():
    published = image_tokenizer_config.to_published(image_tokenizer_config.preset("amused"))
    with torch.device("meta"):
        theirs = VQModel.from_config(published)
    expected = {key: value for key, value in published.items() if not key.startswith("_")}
    assert {key: theirs.config[key] for key in expected} == expected
    assert expected.keys() == {key for key in theirs.config if not key.startswith("_")}


@pytest.mark.slow
@pytest.mark.parametrize(("name", "side"), [("amused_256", 16), ("amused_512", 32)])
@torch.no_grad()
def test_the_full_size_uvit_gives_the_published_logits(name, side, rng):
    config = transformer_config.preset(name)
    with torch.device("meta"):
        ours, theirs = UViT(config).eval(), UVit2DModel(**asdict(config)).eval()
    ours.to_empty(device="cpu")
    ours.reset_parameters("random", rng)
    published = transformer_weights.to_published(ours.state_dict())
    theirs.load_state_dict(published, assign=True)  # the same memory, under other names
    inputs = transformer_inputs(config, (side, side), num_words=77, rng=rng)
    logits = ours(*inputs)
    assert_same(logits, theirs(*inputs).flatten(2).transpose(1, 2))
    conditional, unconditional = logits
    assert (unconditional + 10 * (conditional - unconditional)).std() >= 1


@pytest.mark.slow
@torch.no_grad()
def test_the_full_size_vqgan_encodes_and_decodes_as_published(rng):
    ours, theirs = image_tokenizer_pair(image_tokenizer_config.preset("amused"), rng)
    assert_vqgans_agree(ours, theirs, torch.rand(1, 3, 256, 256, generator=rng))
