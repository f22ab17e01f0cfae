import numpy as np
import torch

from src.masking.config import MaskingConfig
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


def test_the_loss_counts_hidden_tokens_only(parts, config, world, tmp_path, monkeypatch):
    monkeypatch.setattr("src.training.token_cache.SHARD_SIZE", 64)
    scenes = encode_scenes(world, parts.image_tokenizer, parts.text_encoder, 64, 0, tmp_path)
    module = UvitModule(parts.transformer, parts.text_encoder, MaskingConfig(), config, seed=0)
    module.log_dict = lambda *_, **__: None
    loss = module.training_step(UvitBatches(scenes, 4, seed=0)(0), 0)
    # the published initialisation makes all logits zero: every hidden token costs ln(codes)
    assert torch.isclose(loss, torch.tensor(32.0).log(), atol=1e-5)
    loss.backward()
    assert parts.transformer.logits_in.weight.grad.abs().sum() > 0
    assert all(each.grad is None for each in parts.text_encoder.parameters())


def test_the_frozen_text_encoder_stays_out_of_checkpoints(parts, config):
    module = UvitModule(parts.transformer, parts.text_encoder, MaskingConfig(), config, seed=0)
    assert {name.split(".")[0] for name in module.state_dict()} == {"uvit", "average"}
