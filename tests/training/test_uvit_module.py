from dataclasses import replace

import numpy as np
import pytest
import torch

from src.conditioning.dropout import drop_prompts
from src.masking.config import MaskingConfig
from src.masking.corrupt import hide_tokens
from src.training.batches import step_generator
from src.training.token_cache import EncodedScenes, encode_scenes
from src.training.uvit_module import UvitBatches, UvitModule


def scenes_of(count):
    return EncodedScenes(
        torch.arange(count)[:, None, None].expand(count, 8, 8),
        torch.zeros(count, 32, dtype=torch.int32),
        torch.zeros(count, 5),
    )


def test_every_scene_comes_once_an_epoch_in_an_order_of_its_own():
    batches = UvitBatches(scenes_of(24), batch_size=4, seed=0)
    seen = [batches(step).token_ids[:, 0, 0].tolist() for step in range(12)]
    first, second = (np.concatenate(half).tolist() for half in (seen[:6], seen[6:]))
    assert sorted(first) == sorted(second) == list(range(24))
    assert first != second
    again = UvitBatches(scenes_of(24), batch_size=4, seed=0)
    assert again(9).token_ids[:, 0, 0].tolist() == seen[9]


@pytest.fixture
def module(parts, config):
    """A U-ViT with an opinion, half of its prompts dropped, in training."""
    parts.transformer.reset_parameters("random", torch.Generator().manual_seed(0))
    half = replace(config, drop_prob=0.5)
    module = UvitModule(parts.transformer, parts.text_encoder, MaskingConfig(), half, seed=3)
    module.log_dict = lambda *_, **__: None  # there is no trainer to log to
    return module


@pytest.fixture
def batch(parts, world, tmp_path, monkeypatch):
    monkeypatch.setattr("src.training.token_cache.SHARD_SIZE", 64)
    scenes = encode_scenes(world, parts.image_tokenizer, parts.text_encoder, 64, 0, tmp_path)
    return UvitBatches(scenes, 8, seed=0)(0)


def test_the_loss_is_the_cross_entropy_of_the_hidden_tokens_given_all_the_rest(module, batch):
    rng = step_generator(3, 0)
    encoder = module.text_encoder[0]
    text, null = encoder(batch.prompt_ids), encoder(encoder.prompt_ids([""]))
    told = drop_prompts(text, null, 0.5, rng)
    hidden = hide_tokens(batch.token_ids.long(), module.uvit.mask_token_id, MaskingConfig(), rng)
    logits = module.uvit(hidden.token_ids, *told, batch.micro_cond)
    logs = logits.log_softmax(-1).gather(-1, batch.token_ids.long().flatten(1)[..., None])
    expected = -logs[..., 0][hidden.is_masked.flatten(1)].mean()
    loss = module.training_step(batch, 0)
    assert torch.isclose(loss, expected, atol=1e-5)
    assert abs(loss - torch.tensor(32.0).log()) > 0.05  # else any tokens would do
    is_dropped = (told.pooled_text == null.pooled_text).all(dim=1)
    assert 0 < is_dropped.sum() < 8

    loss.backward()
    assert module.uvit.embedding.weight.grad.abs().sum() > 0
    assert all(each.grad is None for each in encoder.parameters())


def test_what_is_hidden_and_what_is_dropped_changes_with_the_step_and_only_with_it(module, batch):
    first = module.training_step(batch, 0)
    assert torch.equal(module.training_step(batch, 0), first)
    module.seed = 4
    assert not torch.equal(module.training_step(batch, 0), first)


def test_the_frozen_text_encoder_stays_out_of_checkpoints(parts, config):
    module = UvitModule(parts.transformer, parts.text_encoder, MaskingConfig(), config, seed=0)
    assert {name.split(".")[0] for name in module.state_dict()} == {"uvit", "average"}
