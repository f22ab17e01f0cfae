"""The monitor in real trainings: it names what was planted, and keeps silent where all is well."""

import warnings
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest
import torch

from src.adapters.config import LoraConfig
from src.amused import Amused
from src.compose import composed
from src.data.scenes import World
from src.masking.config import MaskingConfig
from src.masking.corrupt import MaskedTokens, corrupt
from src.training import beginning, uvit_batches, uvit_module, uvit_recipe
from src.training.config import TrainingConfig
from src.training.health_config import HealthConfig
from src.training.health_warnings import HealthWarning
from src.transformer.uvit import UViT

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:lightning")
ALERT = HealthConfig(window_logs=1, probe_every=1, grace_steps=5)


class Training(NamedTuple):
    """The shipped model, taught its own scenes a little more."""

    amused: Amused
    world: World
    config: TrainingConfig
    folder: Path

    def run(self, **changes) -> list[str]:
        """The names of what the monitor warned of."""
        masking = changes.pop("masking", MaskingConfig())
        config = replace(self.config, **changes)
        how = uvit_recipe.Run(config, masking, LoraConfig(), 0, self.folder, "cpu")
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            uvit_recipe.train_on_scenes(self.amused, self.world, how)
        told = [each.message for each in caught if isinstance(each.message, HealthWarning)]
        return [each.name for each in told]


@pytest.fixture
def training(tmp_path, monkeypatch):
    monkeypatch.setattr("src.training.token_cache.SHARD_SIZE", 256)
    config = TrainingConfig(
        begin="model",
        max_steps=26,
        batch_size=12,
        learning_rate=1e-5,
        ema_decay=0.0,
        num_cached=256,
        num_workers=0,
        log_every=5,
        sample_every=1000,
        health=ALERT,
    )
    world = World(composed(["+exp=glyphs_uvit"]).config.data)
    return Training(Amused.embedded(), world, config, tmp_path)


def test_a_healthy_training_hears_nothing(training):
    assert training.run() == []


def test_habits_asked_for_by_name_are_no_illness(training):
    masking = MaskingConfig(random_prob=0.3, rectangle_prob=0.5, count="coin")
    settings = {
        "visible_weight": 0.1,
        "is_dropout_inverted": True,
        "label_smoothing": 0.1,
        "max_steps": 15,
    }
    assert training.run(masking=masking, accumulation=2, batch_size=6, **settings) == []


def test_a_model_that_hears_no_prompt_is_told(training):
    uvit = training.amused.transformer
    hears = uvit.forward
    uvit.forward = lambda ids, words, pooled, micro: hears(ids, words * 0, pooled * 0, micro)
    assert training.run() == ["prompts_ignored"]


def test_a_model_that_is_shown_the_answer_is_told(training, monkeypatch):
    def forgetful(token_ids, corruption, mask_token_id):
        hidden = corrupt(token_ids, corruption, mask_token_id)
        return MaskedTokens(token_ids, hidden.targets, hidden.is_masked)

    monkeypatch.setattr(uvit_module, "corrupt", forgetful)
    assert training.run(max_steps=10) == ["visible_ids"]


def test_dropping_the_wrong_share_of_prompts_is_told(training, monkeypatch):
    drawn = uvit_batches.draw_dropped
    inverted = lambda size, prob, rng, is_inverted: drawn(size, prob, rng, not is_inverted)  # noqa: E731
    monkeypatch.setattr(uvit_batches, "draw_dropped", inverted)
    assert training.run(max_steps=10) == ["wrong_dropping"]


def test_a_model_that_knows_only_how_frequent_codes_are_is_told(training):
    fresh = UViT(training.amused.transformer.config, generator=torch.Generator().manual_seed(0))
    system = beginning._with(training.amused, fresh)
    settings = {"learning_rate": 1e-9, "health": replace(ALERT, window_logs=5)}
    assert training._replace(amused=system).run(**settings) == ["nothing_learned"]


def test_a_loss_that_is_no_number_ends_the_run_with_its_step(training):
    with torch.no_grad():
        training.amused.transformer.logits_out.weight[0, 0] = float("nan")
    with pytest.raises(FloatingPointError, match="the loss is nan at step 1"):
        training.run()
