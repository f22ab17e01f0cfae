"""A tiny tokenizer, text encoder and U-ViT of the shipped world, and a config of a few steps."""

import pytest
import torch

from src.assembly import build_parts
from src.training.config import TrainingConfig


@pytest.fixture
def parts(tiny_settings):
    return build_parts(tiny_settings, seed=0, init="training")


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
