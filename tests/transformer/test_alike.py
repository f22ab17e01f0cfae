"""Cells that look alike are computed once, and nobody can tell, not even by the last bit."""

from copy import deepcopy
from dataclasses import replace

import pytest
import torch
from torch import nn

from src.conditioning.text import Text
from src.telling import told_apart
from src.training.gradient_checkpointing import recompute_activations
from src.transformer import alike, linear
from src.transformer.alike import before_logits, look_alike, num_kinds
from src.transformer.config import preset
from src.transformer.uvit import UViT, stack_conditions

SMALL = replace(preset("glyphs_small"), num_hidden_layers=2)
CONFIGS = {
    "plain": SMALL,
    "halved": replace(SMALL, downsample=True, upsample=True),
    "near-sighted": replace(SMALL, num_res_blocks=1),
}


@pytest.fixture(scope="module", params=CONFIGS)
def uvit(request):
    return UViT(CONFIGS[request.param], "random", torch.Generator().manual_seed(3)).eval()


@pytest.fixture(autouse=True)
def for_small_ones_too(monkeypatch):
    monkeypatch.setattr(alike, "LEAST_DIM", 1)
    monkeypatch.setattr(linear, "FEWEST_WEIGHTS", 1)


def apart(uvit, batch):
    """So many kept conditions, of another prompt each."""
    rng = torch.Generator().manual_seed(5)
    config = uvit.config
    words = torch.randn(batch, 6, config.encoder_hidden_size, generator=rng)
    pooled = torch.randn(batch, config.cond_embed_dim, generator=rng)
    text, micro_cond = Text(words, pooled), torch.rand(batch, 5, generator=rng) * 200
    return told_apart(uvit, text, micro_cond)


def told(uvit, batch):
    return stack_conditions(apart(uvit, batch))


def grids(uvit, batch, height, width, num_seen, seed=0):
    """All hidden but so many tokens, elsewhere in each picture."""
    rng = torch.Generator().manual_seed(seed)
    token_ids = torch.full((batch, height * width), uvit.mask_token_id)
    for row in token_ids:
        places = torch.randperm(height * width, generator=rng)[:num_seen]
        row[places] = torch.randint(uvit.config.codebook_size, (num_seen,), generator=rng)
    return token_ids.view(batch, height, width)


@torch.no_grad()
def rows_computed(uvit, token_ids):
    """Of each picture, by the layers."""
    asked, copied = [], deepcopy(uvit)
    feed_forward = copied.layers[0].feed_forward
    feed_forward.register_forward_pre_hook(lambda _, given: asked.append(given[0].shape[1]))
    before_logits(copied, token_ids, told(copied, len(token_ids)))
    return asked[0]


@torch.no_grad()
@pytest.mark.parametrize("num_seen", [0, 1, 3, 200])
@pytest.mark.parametrize("size", [(16, 16), (24, 14), (8, 20)])
def test_every_cell_is_what_it_is_by_itself(uvit, num_seen, size):
    token_ids = grids(uvit, 2, *size, min(num_seen, size[0] * size[1]))
    condition = told(uvit, 2)
    rows = rows_computed(uvit, token_ids)
    if num_seen == 0:
        assert rows == num_kinds(uvit.config, size)
    if num_seen == 200:
        assert rows == token_ids[0].numel() // (4 if uvit.config.downsample else 1)
    assert torch.equal(
        before_logits(uvit, token_ids, condition), uvit.before_logits(token_ids, condition)
    )


@torch.no_grad()
def test_where_something_stands_for_a_layer_every_cell_is_computed(uvit):
    """It would be handed one row a kind, and know nothing of kinds."""
    token_ids, condition = grids(uvit, 1, 16, 16, 0), told(uvit, 1)
    wanted = uvit.before_logits(token_ids, condition)
    recomputing, learning = deepcopy(uvit), deepcopy(uvit).train()
    recompute_activations(recomputing)
    for each in (recomputing, learning):
        assert torch.equal(before_logits(each, token_ids, told(each, 1)), wanted)
    assert rows_computed(learning, token_ids) > num_kinds(uvit.config, (16, 16))


@torch.no_grad()
def test_adapted_maps_are_shared_too(uvit):
    adapted = deepcopy(uvit)
    adapted.layers[0].self_attention.query = nn.Sequential(uvit.layers[0].self_attention.query)
    token_ids, condition = grids(uvit, 1, 16, 16, 1), told(uvit, 1)
    assert torch.equal(
        before_logits(adapted, token_ids, condition), uvit.before_logits(token_ids, condition)
    )


@torch.no_grad()
def test_a_pictures_bits_do_not_depend_on_its_company(uvit):
    token_ids = torch.cat([grids(uvit, 1, 16, 16, num, num) for num in (0, 1, 4)])
    conditions = apart(uvit, 3)
    together = before_logits(uvit, token_ids, stack_conditions(conditions))
    for row, condition in enumerate(conditions):
        alone = before_logits(uvit, token_ids[row : row + 1], condition)
        assert torch.equal(alone[0], together[row])


@torch.no_grad()
@pytest.mark.parametrize("size", [(16, 16), (4, 20), (2, 2)])
def test_of_a_hidden_grid_there_are_as_many_kinds_as_counted(uvit, size):
    found = look_alike(grids(uvit, 1, *size, 0), uvit.config.num_res_blocks, uvit.config.downsample)
    assert found.first.shape[1] == num_kinds(uvit.config, size)


@torch.no_grad()
def test_the_transformer_computes_one_row_a_kind(uvit):
    assert rows_computed(uvit, grids(uvit, 1, 16, 16, 0)) == num_kinds(uvit.config, (16, 16)) < 50
    side = 1 if uvit.config.num_res_blocks == 1 else 3
    few = grids(uvit, 1, 32, 32, side)
    assert rows_computed(uvit, few) <= num_kinds(uvit.config, (32, 32), side) < few[0].numel() / 4


def test_cells_are_alike_only_as_far_as_they_see():
    token_ids = torch.zeros(1, 1, 9, dtype=torch.long)
    token_ids[0, 0, 4] = 1
    near, far = (look_alike(token_ids, reach, False).kind[0].tolist() for reach in (1, 2))
    assert len(set(near)) == 6  # both edges, what is between, and three around the one
    assert len(set(far)) == 9
    assert near[1] == near[2] == near[6] == near[7]
    halved = look_alike(torch.zeros(1, 12, 2, dtype=torch.long), 1, True)
    assert halved.kind.shape == (1, 6)
    assert sorted(halved.first[0].tolist()) == [0, 1, 5]
