"""A probe reads what is there, its control does not, and no group helps to judge itself."""

import pytest
import torch

from src.data.micro_cond import MicroCond
from src.errors import UserError
from src.interpret.capture import capture
from src.interpret.linear_probe import fit_logistic, linear_probe, streams
from src.interpret.teacher_forcing import ask, hide_share, told

GROUPS, EACH = 60, 10


@pytest.fixture
def examples(rng):
    """Features in which three classes lie apart along two directions of eight."""
    labels = torch.randint(0, 3, (GROUPS * EACH,), generator=rng)
    features = torch.randn(GROUPS * EACH, 8, generator=rng)
    features[:, 0] += 4 * (labels == 1)
    features[:, 1] += 4 * (labels == 2)
    return features, labels, torch.arange(GROUPS).repeat_interleave(EACH)


def probed(examples, seed=0):
    return linear_probe(*examples, torch.Generator().manual_seed(seed))


def test_what_lies_apart_is_read_and_shuffled_labels_are_not(examples):
    found = probed(examples)
    assert found.accuracy > 0.93
    controls = [probed(examples, seed).control_accuracy for seed in range(8)]
    assert max(controls) < 0.43  # a third by chance, of 300
    assert sum(controls) / 8 == pytest.approx(1 / 3, abs=0.04)
    assert found.num_train == found.num_test == GROUPS * EACH / 2


def test_the_same_seed_gives_the_same_probe(examples):
    assert probed(examples) == probed(examples)
    assert probed(examples) != probed(examples, seed=1)


def test_what_only_the_group_tells_is_not_read(rng):
    """Each group has a place of its own, and its label: nothing that other groups could teach."""
    features = torch.randn(GROUPS, 8, generator=rng).repeat_interleave(EACH, dim=0)
    labels = torch.randint(0, 2, (GROUPS,), generator=rng).repeat_interleave(EACH)
    groups = torch.arange(GROUPS).repeat_interleave(EACH)
    accuracies = [probed((features, labels, groups), seed).accuracy for seed in range(8)]
    assert sum(accuracies) / 8 < 0.65


def test_a_site_of_constants_and_a_class_unseen_in_fitting_break_nothing(examples):
    features, labels, groups = examples
    found = probed((torch.ones_like(features), labels, groups))
    assert found.accuracy == found.majority
    labels = labels.masked_fill(groups == 0, 7)
    assert 0 < probed((features, labels, groups)).accuracy < 1


def test_the_fit_is_at_the_bottom_of_its_loss(examples):
    features, labels, _ = examples
    weight, bias = fit_logistic(features, labels, 3, 0.01)

    def loss(weight):
        fit = torch.nn.functional.cross_entropy(features @ weight + bias, labels)
        return fit + 0.005 * weight.square().sum()

    best = loss(weight)
    for seed in range(5):
        step = 0.05 * torch.randn(weight.shape, generator=torch.Generator().manual_seed(seed))
        assert loss(weight + step) > best


def test_streams_are_what_the_sites_held_picture_by_picture(tiny):
    rng = torch.Generator().manual_seed(1)
    token_ids = torch.randint(0, 32, (2, 8, 8), generator=rng)
    hidden = hide_share(token_ids, 0.5, tiny.transformer.mask_token_id, rng)
    rows = told(tiny, ["a sun", "a star"], [MicroCond.default(32, 32)] * 2)
    found = streams(tiny, hidden, rows, ["layers.0", "down.conv_blocks.*"])
    assert {name: each.shape for name, each in found.items()} == {
        "layers.0": (2, 64, 16),
        "down.conv_blocks.0": (2, 64, 16),
    }
    with capture(tiny, "down.conv_blocks.0") as captured:
        ask(tiny, hidden, rows)
    held = captured["down.conv_blocks.0"][0]
    assert torch.equal(found["down.conv_blocks.0"][1, 3 * 8 + 5], held[1, 3, 5])


def test_what_cannot_be_probed_is_refused(examples, rng):
    features, labels, groups = examples
    with pytest.raises(UserError, match="1 groups with labels from 0 cannot be probed"):
        linear_probe(features, labels, groups * 0, rng)
    with pytest.raises(UserError, match="60 groups with labels from -1"):
        linear_probe(features, labels - 1, groups, rng)
