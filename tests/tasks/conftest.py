"""A whole model in a folder, small enough to draw a picture in a hundredth of a second."""

import pytest
import torch
from transformers import CLIPConfig, CLIPImageProcessorPil, CLIPModel

from src.amused import Amused
from src.conditioning.glyph_tokenizer import build_tokenizer
from src.config import RunConfig
from src.data.captions import vocabulary
from src.data.config import DataConfig
from src.data.scenes import World
from src.sampler.config import SamplerConfig

WORLD = DataConfig(
    glyphs=["sun", "star", "heart"], colors=["red", "green"], backgrounds=["white", "yellow"]
)
TOKENS = ("bos", "eos", "pad")
SETTINGS = {
    "transformer": {
        "block_num_heads": 2,
        "block_out_channels": 16,
        "codebook_size": 20,
        "cond_embed_dim": 16,
        "encoder_hidden_size": 16,
        "hidden_size": 16,
        "in_channels": 16,
        "intermediate_size": 32,
        "micro_cond_embed_dim": 40,
        "micro_cond_encode_dim": 8,
        "num_attention_heads": 2,
        "num_hidden_layers": 1,
        "num_res_blocks": 1,
        "sample_size": 8,
        "vocab_size": 24,
    },
    "vqvae": {
        "block_out_channels": [8, 8, 8],
        "down_block_types": ["DownEncoderBlock2D"] * 3,
        "up_block_types": ["UpDecoderBlock2D"] * 3,
        "latent_channels": 4,
        "layers_per_block": 1,
        "norm_num_groups": 4,
        "num_vq_embeddings": 20,
        "sample_size": 32,
    },
    "text_encoder": {
        "hidden_size": 16,
        "intermediate_size": 32,
        "max_position_embeddings": 32,
        "num_attention_heads": 2,
        "num_hidden_layers": 2,
        "projection_dim": 16,
    },
    "tokenizer": {"words": vocabulary(World(WORLD))},
}


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model") / "tiny"
    Amused.from_config(SETTINGS, seed=1).save_pretrained(folder)
    return folder


@pytest.fixture
def config(model_folder):
    """A run of three steps on the tiny model."""

    def build(task: str, **changes) -> RunConfig:
        return RunConfig(
            **{
                "name": task,
                "task": task,
                "model": str(model_folder),
                "device": "cpu",
                "data": WORLD,
                "sampler": SamplerConfig(num_steps=3, guidance_scale=2.0),
                **changes,
            }
        )

    return build


@pytest.fixture(scope="session")
def clip_folder(tmp_path_factory):
    """A CLIP pair of 8 features, as the experiment that trains one leaves it."""
    folder = tmp_path_factory.mktemp("clip") / "tiny-clip"
    text_tokenizer = build_tokenizer(vocabulary(World(WORLD)), window=32)
    tower = {
        "hidden_size": 16,
        "intermediate_size": 32,
        "num_attention_heads": 2,
        "num_hidden_layers": 1,
    }
    ids = {f"{name}_token_id": getattr(text_tokenizer, f"{name}_token_id") for name in TOKENS}
    text = {**tower, **ids, "vocab_size": len(text_tokenizer), "max_position_embeddings": 32}
    vision = {**tower, "image_size": 32, "patch_size": 8}
    torch.manual_seed(1)
    CLIPModel(CLIPConfig(text_config=text, vision_config=vision, projection_dim=8)).save_pretrained(
        folder
    )
    text_tokenizer.save_pretrained(folder)
    sizes = {"size": {"shortest_edge": 32}, "crop_size": {"height": 32, "width": 32}}
    CLIPImageProcessorPil(**sizes).save_pretrained(folder)
    return folder
