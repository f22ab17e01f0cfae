"""A VQGAN of two levels: 4 x 4 pixels are 2 x 2 tokens."""

import pytest

from src.image_tokenizer.config import ImageTokenizerConfig
from src.image_tokenizer.vqgan import VQGAN

TINY = {
    "block_out_channels": [8, 16],
    "layers_per_block": 1,
    "latent_channels": 4,
    "num_vq_embeddings": 20,
    "norm_num_groups": 4,
}


@pytest.fixture
def tiny_config():
    """Makes a tiny configuration, with any setting replaced."""
    return lambda **changes: ImageTokenizerConfig(**(TINY | changes))


@pytest.fixture
def vqgan(tiny_config, rng):
    return VQGAN(tiny_config(), init="random", generator=rng).eval()
