"""Local steps compute the new rows alone, exactly where a row needs no other's news."""

import pytest
import torch
from torch.testing import assert_close

from src.transformer.local_steps import LocalSteps
from src.transformer.uvit import UViT

MASK = 35


def decoding(rng, num_steps=5, batch=2, side=4):
    """The grids of a decoding: each shows more than the one before, picture by picture another."""
    codes = torch.randint(30, (batch, side, side), generator=rng)
    order = torch.rand(batch, side, side, generator=rng)
    shown = torch.tensor([0.4, 0.9])[:batch, None, None] / (num_steps - 1)
    return [torch.where(order < step * shown, codes, MASK) for step in range(num_steps)]


def asking(uvit, inputs, every, rows=slice(None)):
    """The transformer as a function of tokens, with rows of `inputs`, and as many without them."""
    told = [inputs[key][rows] for key in ("text_states", "pooled_text", "micro_cond")]
    both = uvit.prepare(*(torch.cat([-each, each]) for each in told[:2]), told[2].repeat(2, 1))
    alone = uvit.prepare(*told)

    steps = LocalSteps(uvit, every)

    def predict(token_ids, need_unconditional):
        told = both if need_unconditional else alone
        rows = token_ids.repeat(1 + need_unconditional, 1, 1)
        with steps.over(rows):
            return uvit.predict(rows, told)

    return predict


def answers(predict, grids, guided=True):
    needs = [guided] * len(grids) if isinstance(guided, bool) else guided
    with torch.no_grad():
        asked = zip(grids, needs, strict=True)
        return [predict(grid, need) for grid, need in asked]


def hidden_rows(logits, grid):
    """At hidden positions: no other is ever read."""
    return logits[(grid == MASK).flatten(1).repeat(len(logits) // len(grid), 1)]


@pytest.mark.parametrize("every", [2, 3])
def test_whole_steps_have_the_exact_bits_and_local_ones_are_near(uvit, inputs, rng, every):
    grids = decoding(rng)
    exact = answers(asking(uvit, inputs, 1), grids)
    local = answers(asking(uvit, inputs, every), grids)
    for step, (mine, theirs, grid) in enumerate(zip(local, exact, grids, strict=True)):
        mine, theirs = hidden_rows(mine, grid), hidden_rows(theirs, grid)
        if step == 0 or (step - 1) % every == 0:  # where all is hidden, all is new
            assert torch.equal(mine, theirs)
        else:
            assert not torch.equal(mine, theirs)
            assert (mine - theirs).std() < 0.5 * theirs.std()


@pytest.mark.parametrize("halves", [False, True])
@pytest.mark.parametrize("every", [2, 100])
def test_local_steps_are_exact_where_no_row_tells_a_key_of_another(
    tiny_config, inputs, rng, every, halves
):
    """One layer and no convolution stage: keys are of their own tokens alone."""
    config = tiny_config(num_hidden_layers=1, num_res_blocks=0, downsample=halves, upsample=halves)
    uvit = UViT(config, init="random", generator=rng).eval()
    grids = decoding(rng)
    for guided in (False, True, [False, False, True, False, True]):
        exact = answers(asking(uvit, inputs, 1), grids, guided)
        local = answers(asking(uvit, inputs, every), grids, guided)
        for mine, theirs, grid in zip(local, exact, grids, strict=True):
            assert_close(hidden_rows(mine, grid), hidden_rows(theirs, grid), rtol=1e-4, atol=1e-5)


def test_a_token_hidden_again_is_new_and_so_is_one_that_replaces_it(tiny_config, inputs, rng):
    uvit = UViT(tiny_config(num_hidden_layers=1, num_res_blocks=0), "random", rng).eval()
    grids = decoding(rng)
    grids = [*grids, grids[1], (grids[-1] + 1).where(grids[-1] != MASK, MASK)]
    exact = answers(asking(uvit, inputs, 1), grids)
    local = answers(asking(uvit, inputs, 100), grids)
    for mine, theirs, grid in zip(local, exact, grids, strict=True):
        assert_close(hidden_rows(mine, grid), hidden_rows(theirs, grid), rtol=1e-4, atol=1e-5)


def test_a_picture_is_the_same_in_any_company(uvit, inputs, rng):
    grids = decoding(rng)
    together = answers(asking(uvit, inputs, 3), grids, guided=False)
    for picture in (0, 1):
        row = slice(picture, picture + 1)
        alone = answers(asking(uvit, inputs, 3, row), [grid[row] for grid in grids], guided=False)
        for mine, theirs, grid in zip(alone, together, grids, strict=True):
            mine, theirs = hidden_rows(mine, grid[row]), hidden_rows(theirs[row], grid[row])
            assert_close(mine, theirs, rtol=1e-4, atol=1e-5)


def test_the_feed_forward_sees_what_was_hidden_before_and_no_more(uvit, inputs, rng):
    grids = [grid[:1] for grid in decoding(rng)]
    seen = []
    uvit.layers[1].feed_forward.register_forward_hook(
        lambda module, args, out: seen.append(args[0].shape[1])
    )
    answers(asking(uvit, inputs, 3, slice(1)), grids)
    hidden = [int((grid == MASK).sum()) for grid in grids]
    assert seen == [16, 16, hidden[1], hidden[2], 16]
    assert hidden[2] < hidden[1] < 16


def test_the_layers_are_the_models_own_again_even_after_an_error(uvit, inputs):
    own = list(uvit.modules())
    too_odd = torch.full((1, 4, 4), 10**6)
    with pytest.raises(IndexError):
        asking(uvit, inputs, 2, slice(1))(too_odd, False)
    assert list(uvit.modules()) == own
