import pytest
from torch import nn

from src.training.config import TrainingConfig
from src.training.learning_rate import optimizer, rate_factor

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
