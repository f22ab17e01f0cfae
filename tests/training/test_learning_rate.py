"""The learning rate, what decays, and that a step is seen by whoever prepared the weights."""

from copy import deepcopy
from dataclasses import replace

import pytest
import torch
from torch import nn

from src.training.config import TrainingConfig
from src.training.learning_rate import optimizer, rate_factor
from src.training.tokenizer_config import TokenizerLossConfig
from src.training.tokenizer_module import TokenizerModule

CONFIG = TrainingConfig(max_steps=1000, warmup_steps=100, decay_ratio=0.2)


@pytest.mark.parametrize(
    ("step", "factor"), [(0, 0.01), (49, 0.5), (99, 1), (500, 1), (800, 1), (900, 0.5)]
)
def test_the_rate_rises_stays_and_falls(step, factor):
    assert rate_factor(step, CONFIG) == pytest.approx(factor)


def test_the_last_step_still_moves():
    assert 0 < rate_factor(999, CONFIG) < 0.01


@pytest.mark.parametrize(("is_decayed", "decay"), [(True, 0.3), (False, 0.0)])
def test_a_table_of_embeddings_decays_only_when_asked(is_decayed, decay):
    model = nn.ModuleDict({"table": nn.Embedding(4, 2), "map": nn.Linear(2, 2)})
    config = TrainingConfig(weight_decay=0.3, is_embedding_decayed=is_decayed)
    groups = optimizer(model, config)[0].param_groups
    of = {p: group["weight_decay"] for group in groups for p in group["params"]}
    assert of[model["table"].weight] == decay
    assert (of[model["map"].weight], of[model["map"].bias]) == (0.3, 0.0)


def said_by(uvit):
    """What a U-ViT says without gradients of hidden tokens, by packed weights where it has them."""
    hidden = torch.full((1, 8, 8), uvit.mask_token_id)
    told = torch.ones(1, 3, 16), torch.ones(1, 16), torch.tensor([[64.0, 64, 0, 0, 6]])
    with torch.no_grad():
        return uvit(hidden, *told)


def shown_by(vqgan):
    """The same of a VQGAN, whose decoder is so served where its precision is named."""
    vqgan.decoder_precision = "tf32"
    with torch.no_grad():
        return vqgan.decode(torch.arange(16).view(1, 4, 4))


SETTINGS = {"learning_rate": 0.05, "warmup_steps": 0}
STEPPERS = [{"optimizer": "adamw_8bit"}, {"fused": True}, {"optimizer": "muon"}, {}]


def steppers(parts, config, named):
    """A model that learns by each optimizer, its stepper, and how to ask it."""
    if named == "uvit":
        parts.transformer.reset_parameters("random", torch.Generator().manual_seed(0))
        return parts.transformer, optimizer(parts.transformer, config)[0], said_by
    vqgan = parts.image_tokenizer.eval()
    losses = TokenizerLossConfig(discriminator_channels=8, discriminator_layers=2)
    module = TokenizerModule(vqgan, config, losses, seed=0)
    return vqgan, module.configure_optimizers()["optimizer"], shown_by


@pytest.mark.parametrize(
    ("named", "told"), [*(("uvit", each) for each in STEPPERS), ("vqgan", {"fused": True})]
)
def test_after_a_step_a_model_speaks_by_its_new_weights(parts, config, named, told):
    """As a copy of it does, for which nothing has been prepared."""
    learner, stepper, ask = steppers(parts, replace(config, **SETTINGS | told), named)
    before = ask(learner)
    for each in learner.parameters():
        each.grad = torch.ones_like(each)
    stepper.step()
    after = ask(learner)
    assert torch.equal(after, ask(deepcopy(learner)))
    assert not torch.equal(after, before)
