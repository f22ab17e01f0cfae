"""The chain that makes the embedded model, two steps a model: each opens what the last one left."""

from dataclasses import replace

import pytest
import torch

from src.adapters.config import LoraConfig
from src.amused import Amused
from src.errors import UserError
from src.masking.config import MaskingConfig
from src.training import token_cache
from src.training.beginning import new_system
from src.training.parts import open_image_tokenizer
from src.training.recipes import train_clip, train_vqgan
from src.training.uvit_recipe import Run, train_on_scenes


@pytest.mark.slow
def test_the_chain_ends_in_a_checkpoint_that_draws(world, config, tmp_path, monkeypatch):
    monkeypatch.setattr(token_cache, "SHARD_SIZE", 64)
    short = replace(
        config, max_steps=2, preset="glyphs", num_cached=64, continuous_steps=1, sample_every=2
    )
    vqgan, clip, uvit = (tmp_path / name for name in ("vqgan", "clip", "uvit"))
    assert train_vqgan(world, short, 0, vqgan)
    assert train_clip(world, replace(short, preset="glyphs_clip"), 0, clip)
    chained = replace(short, image_tokenizer=str(vqgan), text_encoder=str(clip))
    system = new_system(world, chained, MaskingConfig(), seed=0)
    assert train_on_scenes(system, world, Run(chained, MaskingConfig(), LoraConfig(), 0, uvit))

    amused = Amused.from_pretrained(uvit / "model")
    generation = amused.generate("a small red heart on a white background", seeds=[0])
    assert generation.images[0].size == (32, 32)
    assert generation.token_ids.max() < 256
    for name in (vqgan, uvit):
        assert (name / "samples" / "step_00000002.png").is_file()
    longer = replace(chained, max_steps=60, max_minutes=0.0)
    system = new_system(world, longer, MaskingConfig(), seed=0)
    assert not train_on_scenes(system, world, Run(longer, MaskingConfig(), LoraConfig(), 0, uvit))


def test_a_part_that_was_never_trained_is_named(world, config, tmp_path):
    missing = replace(config, preset="glyphs", image_tokenizer=str(tmp_path / "nowhere"))
    with pytest.raises(UserError, match=r"nowhere.*to its last step first"):
        new_system(world, missing, MaskingConfig(), seed=0)


def test_an_image_tokenizer_is_handed_over_finished_and_without_near_copies(
    world, config, tmp_path
):
    short = replace(config, preset="glyphs", max_steps=2, continuous_steps=1, merge_within=100.0)
    paused = replace(short, max_minutes=0.0)
    assert train_vqgan(world, paused, 0, tmp_path) is None
    chained = replace(short, image_tokenizer=str(tmp_path))
    with pytest.raises(UserError, match="no finished image tokenizer"):
        open_image_tokenizer(chained)

    vqgan = train_vqgan(world, short, 0, tmp_path)
    codebook = vqgan.quantizer.codebook
    assert len(codebook.unique(dim=0)) == 2  # one kept, all others far away
    opened = open_image_tokenizer(chained).state_dict()
    assert all(torch.equal(opened[name], each) for name, each in vqgan.state_dict().items())

    path = tmp_path / "model" / "vqvae" / "diffusion_pytorch_model.safetensors"
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(UserError, match="is damaged"):
        open_image_tokenizer(chained)
