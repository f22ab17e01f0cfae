"""The numbers of the parts: right where the answer is known, and wrong where the part is broken."""

import pytest
import torch
import yaml

from src.amused import Amused
from src.data.captions import vocabulary
from src.data.config import DataConfig
from src.data.scenes import World
from src.evaluation.components import CHOICES, retrieval, round_trip, token_prediction
from src.evaluation.features import ClipEncoder
from src.experiments import CONF
from src.image_tokenizer.vqgan import VQGAN


@pytest.fixture(scope="module")
def world() -> World:
    return World(DataConfig(**yaml.safe_load((CONF / "data" / "glyphs.yaml").read_text())))


class Perfect(VQGAN):
    """A tokenizer that loses nothing: its tokens are the pictures themselves."""

    codebook_size = 256

    def __init__(self):
        torch.nn.Module.__init__(self)

    def encode(self, pixels):
        return (pixels * 255).round().long()

    def decode(self, token_ids):
        return token_ids / 255 * 0.999  # not exactly: a PSNR is finite


class Grey(Perfect):
    """One that keeps nothing."""

    def decode(self, token_ids):
        return torch.full(token_ids.shape, 0.5)


def by_name(measurements, subject="after the round trip"):
    return {each.name: each for each in measurements if each.subject == subject}


def test_a_tokenizer_without_loss_scores_all_and_one_without_memory_none(world):
    perfect = by_name(round_trip(Perfect(), world, 40))
    grey = by_name(round_trip(Grey(), world, 40))
    assert perfect["whole scene right: test scenes"].value == 1
    assert grey["whole scene right: test scenes"].value == 0
    assert perfect["PSNR, dB"].value > 55 > 20 > grey["PSNR, dB"].value
    assert perfect["PSNR, dB"].num_samples == 40


def test_retrieval_is_at_chance_for_features_that_say_nothing(world):
    class Blind(ClipEncoder):
        def __init__(self):
            pass

        def picture_features(self, pictures):
            return torch.randn(len(pictures), 8, generator=torch.Generator().manual_seed(0)).numpy()

        def caption_features(self, captions):
            return torch.randn(len(captions), 8, generator=torch.Generator().manual_seed(1)).numpy()

    (share,) = retrieval(Blind(), world, 2 * CHOICES + 10)
    assert share.num_samples == 2 * CHOICES
    assert share.low <= 1 / CHOICES <= share.high


def test_an_untrained_transformer_pays_the_logarithm_of_the_codebook(world):
    tiny = {
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
        "tokenizer": {"words": vocabulary(world)},
    }
    amused = Amused.from_config(tiny, init="training")
    found = by_name(token_prediction(amused, world, 20), "test scenes")
    loss = found["cross-entropy, nats, hidden tokens"]
    assert loss.value == pytest.approx(torch.tensor(32.0).log().item(), abs=1e-4)
    assert loss.low <= loss.value <= loss.high
