"""Heads taken away: nothing is nothing, all is the site, and one is what it says."""

import pytest
import torch

from src.amused import Amused
from src.data.micro_cond import MicroCond
from src.errors import UserError
from src.interpret.ablate_heads import ablation, head_effects, mean_of_heads
from src.interpret.capture import capture, replaced
from src.interpret.teacher_forcing import ask, hide_share, told

CAPTIONS = ["a small red sun", "a large blue heart on white", "a star"]
SITE = "layers.0.text_attention"


@pytest.fixture(scope="module")
def hidden(tiny):
    rng = torch.Generator().manual_seed(1)
    token_ids = torch.randint(0, 32, (3, 8, 8), generator=rng)
    return hide_share(token_ids, 0.5, tiny.transformer.mask_token_id, rng)


@pytest.fixture(scope="module")
def rows(tiny):
    return told(tiny, CAPTIONS, [MicroCond.default(32, 32)] * 3)


def answers(model, hidden, rows, changes):
    with replaced(model, changes):
        return ask(model, hidden, rows).log_probs


def test_taking_no_head_away_changes_no_bit(tiny, hidden, rows):
    plain = answers(tiny, hidden, rows, {})
    assert torch.equal(answers(tiny, hidden, rows, {f"{SITE}.heads": ablation([])}), plain)


@pytest.mark.parametrize("site", [SITE, "layers.0.self_attention", "up.text_blocks.0.attention_2"])
def test_taking_all_heads_away_is_taking_the_site_away(tiny, hidden, rows, site):
    """The tiny model's maps have no bias, as aMUSEd's have none."""
    without = answers(tiny, hidden, rows, {f"{site}.heads": ablation([0, 1])})
    removed = answers(tiny, hidden, rows, {site: lambda held, call: held * 0})
    assert torch.equal(without, removed)
    assert not torch.equal(without, answers(tiny, hidden, rows, {}))


@pytest.mark.parametrize("way", ["zero", "mean"])
def test_an_effect_is_the_loss_of_log_likelihood_of_each_picture(tiny, hidden, rows, way):
    found = head_effects(tiny, hidden, rows, SITE, way)
    assert found.sites == (SITE,)
    (effects,) = found.effects
    assert effects.shape == (2, 3)
    stand_in = mean_of_heads(tiny, hidden, rows, f"{SITE}.heads") if way == "mean" else None
    for head in range(2):
        with replaced(tiny, {f"{SITE}.heads": ablation([head], stand_in)}):
            without = ask(tiny, hidden, rows).log_likelihood
        lost = ask(tiny, hidden, rows).log_likelihood - without
        expected = lost.view(3, 32).double().mean(dim=1)  # half of 64 hidden in each
        torch.testing.assert_close(effects[head], expected, atol=1e-7, rtol=1e-4)
    assert (effects != 0).all()
    torch.testing.assert_close(found.mean[0], effects.mean(dim=1))


def test_the_mean_is_over_pictures_and_positions(tiny, hidden, rows):
    with capture(tiny, f"{SITE}.heads") as captured:
        ask(tiny, hidden, rows)
    expected = torch.cat(captured[f"{SITE}.heads"]).mean(dim=(0, 1))
    torch.testing.assert_close(mean_of_heads(tiny, hidden, rows, f"{SITE}.heads"), expected)


def test_a_head_that_nobody_listens_to_has_no_effect(tiny_settings, hidden, rows):
    model = Amused.from_config(tiny_settings, seed=5)
    with torch.no_grad():  # the second head's half of what the output map reads
        model.transformer.layers[0].text_attention.out.weight[:, 8:] = 0
    (effects,) = head_effects(model, hidden, rows, SITE, "zero").effects
    assert (effects[1] == 0).all()
    assert (effects[0] != 0).all()


def test_several_sites_are_each_taken_away_head_by_head(tiny, hidden, rows):
    found = head_effects(tiny, hidden, rows, ["down.text_blocks.*.attention_1", SITE], "zero")
    assert set(found.sites) == {"down.text_blocks.0.attention_1", SITE}
    assert [len(each) for each in found.effects] == [2, 2]


def test_what_is_no_head_is_refused(tiny, hidden, rows):
    with pytest.raises(UserError, match=r"heads \[2\] are not there; the site has 2"):
        answers(tiny, hidden, rows, {f"{SITE}.heads": ablation([2])})
    for heads in (["a"], 0):
        with pytest.raises(UserError, match=r"heads=.* are no heads; give their numbers"):
            ablation(heads)
    with pytest.raises(UserError, match=r"no site is called 'logits\.heads'"):
        head_effects(tiny, hidden, rows, "logits")
    with pytest.raises(UserError, match="way='none' is unknown"):
        head_effects(tiny, hidden, rows, SITE, "none")
