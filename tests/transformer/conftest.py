"""A U-ViT small enough to run in a millisecond, and inputs that fit it."""

import pytest
import torch

from src.transformer.config import TransformerConfig
from src.transformer.uvit import UViT

TINY = {
    "hidden_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 3,
    "intermediate_size": 40,
    "in_channels": 20,
    "block_out_channels": 16,
    "num_res_blocks": 1,
    "block_num_heads": 2,
    "codebook_size": 30,
    "vocab_size": 36,
    "encoder_hidden_size": 10,
    "cond_embed_dim": 6,
    "micro_cond_encode_dim": 8,
    "micro_cond_embed_dim": 40,
    "sample_size": 4,
}


@pytest.fixture
def tiny_config():
    """Makes a tiny configuration, with any setting replaced."""
    return lambda **changes: TransformerConfig(**(TINY | changes))


@pytest.fixture
def uvit(tiny_config, rng):
    return UViT(tiny_config(), init="random", generator=rng).eval()


@pytest.fixture
def inputs(rng):
    """Two 4 x 6 grids, partly hidden, with their text and micro-conditioning."""
    token_ids = torch.randint(30, (2, 4, 6), generator=rng)
    token_ids[:, 1:3] = 35
    return {
        "token_ids": token_ids,
        "text_states": torch.randn(2, 5, 10, generator=rng),
        "pooled_text": torch.randn(2, 6, generator=rng),
        "micro_cond": torch.tensor([[512.0, 384, 0, 8, 6], [256, 256, 0, 0, 5]]),
    }
