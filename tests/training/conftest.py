"""A tiny tokenizer, text encoder and U-ViT of the shipped world, and a config of a few steps."""

import pytest
import torch
import yaml

from src.assembly import build_parts
from src.data.captions import vocabulary
from src.data.config import DataConfig
from src.data.scenes import World
from src.experiments import CONF
from src.training.config import TrainingConfig

TINY = {
    "transformer": {
        "hidden_size": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "intermediate_size": 32,
        "in_channels": 16,
        "block_out_channels": 16,
        "num_res_blocks": 1,
        "block_num_heads": 2,
        "codebook_size": 32,
        "vocab_size": 40,
        "sample_size": 8,
        "encoder_hidden_size": 16,
        "cond_embed_dim": 16,
        "micro_cond_encode_dim": 8,
        "micro_cond_embed_dim": 40,
    },
    "vqvae": {
        "block_out_channels": [8, 8, 16],
        "layers_per_block": 1,
        "latent_channels": 4,
        "num_vq_embeddings": 32,
        "norm_num_groups": 4,
        "sample_size": 8,
    },
    "text_encoder": {
        "hidden_size": 16,
        "intermediate_size": 32,
        "num_attention_heads": 2,
        "num_hidden_layers": 2,
        "max_position_embeddings": 32,
        "projection_dim": 16,
    },
}


@pytest.fixture(scope="session")
def world() -> World:
    return World(DataConfig(**yaml.safe_load((CONF / "data" / "glyphs.yaml").read_text())))


@pytest.fixture
def parts(world):
    settings = TINY | {"tokenizer": {"words": vocabulary(world)}}
    return build_parts(settings, seed=0, init="training")


@pytest.fixture
def config() -> TrainingConfig:
    torch.manual_seed(0)
    return TrainingConfig(
        max_steps=6,
        batch_size=4,
        warmup_steps=1,
        decay_ratio=0.5,
        checkpoint_every=3,
        log_every=1,
        num_workers=0,
        continuous_steps=2,
        move_every=2,
        ema_decay=0.5,
    )
