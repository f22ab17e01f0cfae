"""A CLIP pair that fits in a thumbnail: random weights, 16-pixel pictures, 8 features."""

import numpy as np
import pytest
import torch
from transformers import CLIPConfig, CLIPImageProcessorPil, CLIPModel

from src.conditioning.glyph_tokenizer import build_tokenizer
from src.data.captions import vocabulary
from src.data.config import DataConfig
from src.data.scenes import World
from src.evaluation.features import ClipEncoder

WORDS = vocabulary(
    World(DataConfig(["star", "heart", "anchor"], ["red", "blue", "green"], ["white", "yellow"]))
)
WINDOW = 28
SIZE = 16


@pytest.fixture(scope="session")
def clip_folder(tmp_path_factory):
    """A folder as the experiment that trains the CLIP pair leaves it."""
    folder = tmp_path_factory.mktemp("tiny_clip")
    text_tokenizer = build_tokenizer(WORDS, window=WINDOW)
    tower = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2}
    config = CLIPConfig(
        text_config={
            **tower,
            "num_attention_heads": 2,
            "vocab_size": len(text_tokenizer),
            "max_position_embeddings": WINDOW,
            "bos_token_id": text_tokenizer.bos_token_id,
            "eos_token_id": text_tokenizer.eos_token_id,
            "pad_token_id": text_tokenizer.pad_token_id,
        },
        vision_config={**tower, "num_attention_heads": 2, "image_size": SIZE, "patch_size": 4},
        projection_dim=8,
    )
    torch.manual_seed(1)
    model = CLIPModel(config)
    with torch.no_grad():  # strong enough weights that features tell pictures apart
        for values in model.parameters():
            values.add_(0.3 * torch.randn(values.shape))
    model.save_pretrained(folder)
    text_tokenizer.save_pretrained(folder)
    CLIPImageProcessorPil(
        size={"shortest_edge": SIZE},
        crop_size={"height": SIZE, "width": SIZE},
        image_mean=[0.5] * 3,
        image_std=[0.5] * 3,
    ).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def clip(clip_folder):
    return ClipEncoder.open(clip_folder, name="tiny-clip", batch_size=4)


@pytest.fixture
def pictures():
    """Eleven different pictures, uint8 (batch, height, width, 3)."""
    return np.random.default_rng(0).integers(0, 256, (11, SIZE, SIZE, 3), dtype=np.uint8)


@pytest.fixture
def captions():
    colors, glyphs = ("red", "blue"), ("star", "heart", "a", "on")
    return [f"a {colors[i % 2]} {glyphs[i % 4]} {'large ' * (i % 3)}" for i in range(11)]


@pytest.fixture
def draws():
    return np.random.default_rng(0)
