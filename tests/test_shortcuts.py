"""Shortcuts: by name in conf/sampler/shortcut, and the whole way from a prompt to a picture."""

import pytest
import torch

from src.amused import Amused
from src.compose import composed
from src.errors import UserError
from src.experiments import CONF
from src.sampler.config import SamplerConfig

FILES = sorted((CONF / "sampler" / "shortcut").glob("*.yaml"))
PROMPTS = ["a red heart", "a blue moon", "a green star"]


@pytest.fixture(scope="module")
def amused():
    return Amused.embedded()


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_shortcut_is_asked_for_by_name_and_changes_one_setting(path):
    config = composed(["+exp=price_of_speed", f"sampler=shortcut/{path.stem}"]).config.sampler
    usual = composed(["+exp=price_of_speed"]).config.sampler
    assert sum(getattr(config, key) != getattr(usual, key) for key in vars(usual)) == 1


def test_an_unknown_shortcut_is_refused_with_the_nearest_one():
    with pytest.raises(UserError, match="did you mean 'shortcut/steps_8'"):
        composed(["+exp=price_of_speed", "sampler=shortcut/steps_9"])


@pytest.mark.parametrize("shortcut", [{"full_step_every": 3}, {"stop_entropy": 0.05}])
def test_a_picture_by_a_shortcut_is_the_same_alone_and_told_in_its_recipe(amused, shortcut):
    sampler = SamplerConfig(guidance_scale=2.0, **shortcut)
    drawn = amused.generate(PROMPTS, seeds=[1, 2, 3], sampler=sampler)
    for picture in (2, 0):
        alone = amused.generate(PROMPTS[picture], seeds=[picture + 1], sampler=sampler)
        assert torch.equal(alone.token_ids[0], drawn.token_ids[picture])
    assert vars(drawn.recipe.sampler).items() >= shortcut.items()


def test_watching_a_picture_by_local_steps_does_not_change_it(amused):
    sampler = SamplerConfig(guidance_scale=2.0, full_step_every=100)
    unseen = amused.generate(PROMPTS, seeds=[1, 2, 3], sampler=sampler)
    seen = []
    hook = amused.transformer.layers[3].register_forward_hook(
        lambda module, args, out: seen.append(out.shape[1])
    )
    try:
        watched = amused.generate(PROMPTS, seeds=[1, 2, 3], sampler=sampler)
    finally:
        hook.remove()
    assert torch.equal(watched.token_ids, unseen.token_ids)
    assert seen[:2] == [64, 64]
    assert seen[11] < 32


def test_every_step_whole_gives_the_exact_bits(amused):
    usual = SamplerConfig(guidance_scale=2.0)
    whole = SamplerConfig(guidance_scale=2.0, full_step_every=1)
    pair = [amused.generate(PROMPTS[:1], seeds=[1], sampler=each) for each in (usual, whole)]
    assert torch.equal(pair[0].trace.confidence, pair[1].trace.confidence)
