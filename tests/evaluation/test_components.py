"""The numbers of the parts: right where the answer is known, and wrong where the part is broken."""

import pytest
import torch

from src.amused import Amused
from src.evaluation.components import CHOICES, retrieval, round_trip, scenes_token_prediction
from src.evaluation.features import ClipEncoder
from src.image_tokenizer.vqgan import VQGAN


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


def test_an_untrained_transformer_pays_the_logarithm_of_the_codebook(world, tiny_settings):
    amused = Amused.from_config(tiny_settings, init="training")
    found = by_name(scenes_token_prediction(amused, world, 20), "test scenes")
    loss = found["cross-entropy, nats, hidden tokens"]
    assert loss.value == pytest.approx(torch.tensor(32.0).log().item(), abs=1e-4)
    assert loss.low <= loss.value <= loss.high


def test_only_hidden_tokens_are_predicted(world, tiny_settings, monkeypatch):
    """Visible ones may be as wrong as they like: the score stays."""
    amused = Amused.from_config(tiny_settings, init="random")
    found = by_name(scenes_token_prediction(amused, world, 20), "test scenes")
    predict = amused.transformer.forward

    def wrong_where_visible(token_ids, *condition):
        is_visible = (token_ids != amused.transformer.mask_token_id).flatten(1)
        logits = predict(token_ids, *condition)
        return torch.where(is_visible[..., None], logits.flip(-1) * 9, logits)

    monkeypatch.setattr(amused.transformer, "forward", wrong_where_visible)
    again = by_name(scenes_token_prediction(amused, world, 20), "test scenes")
    assert {name: each.value for name, each in again.items()} == {
        name: each.value for name, each in found.items()
    }
    assert found["cross-entropy, nats, hidden tokens"].value > 3.6  # an opinion, and a wrong one
