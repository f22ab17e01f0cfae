"""Claims about the shipped model: what a picture depends on, and how much of a scene survives."""

import random

import numpy as np
import pytest
import torch

from src.amused import Amused
from src.compose import composed
from src.data.examples import example
from src.data.oracle import Oracle
from src.data.scenes import World
from src.evaluation.components import round_trip
from src.experiments import EMBEDDED_MODEL, RECORDS


@pytest.fixture(scope="module")
def amused() -> Amused:
    return Amused.embedded()


@pytest.fixture(scope="module")
def world() -> World:
    return World(composed(["+exp=evaluate"]).config.data)


def test_unless_told_otherwise_it_draws_with_its_own_guidance(amused, world):
    caption = example(world, 50_000, 0, "test").caption
    own = amused.generate(caption, seeds=[1]).token_ids
    told, published = (
        amused.generate(caption, seeds=[1], guidance_scale=scale).token_ids for scale in (2.0, 10.0)
    )
    assert torch.equal(own, told)
    assert not torch.equal(own, published)


def token_ids(amused, captions, seeds, batch):
    """Token ids by seed, drawn in batches of a size."""
    found = {}
    for start in range(0, len(seeds), batch):
        part = slice(start, start + batch)
        drawn = amused.generate(captions[part], guidance_scale=2.0, seeds=seeds[part], record=False)
        found |= dict(zip(seeds[part], drawn.token_ids, strict=True))
    return found


def same_alone_and_in_any_company(amused, world, count):
    captions = [example(world, 50_000, i, "test").caption for i in range(count)]
    seeds = list(range(1000, 1000 + count))
    alone = token_ids(amused, captions, seeds, batch=1)
    for batch in (2, 7, 16):
        order = list(range(count))
        random.Random(batch).shuffle(order)
        mixed = token_ids(amused, [captions[i] for i in order], [seeds[i] for i in order], batch)
        differing = [seed for seed in seeds if not torch.equal(alone[seed], mixed[seed])]
        assert differing == []


def test_a_seed_draws_the_same_tokens_alone_and_in_any_company(amused, world):
    same_alone_and_in_any_company(amused, world, 12)


@pytest.mark.verify
def test_a_seed_draws_the_same_tokens_for_500_pictures(amused, world):
    same_alone_and_in_any_company(amused, world, 500)


@pytest.mark.verify
def test_scenes_survive_the_shipped_image_tokenizer(amused, world, record_property):
    measured = {
        (each.name, each.subject): each.value
        for each in round_trip(amused.image_tokenizer, world, 1000)
    }
    share = measured["whole scene right: test scenes", "after the round trip"]
    record_property("whole_scene_right_after_round_trip", share)
    assert measured["whole scene right: test scenes", "real scenes"] >= 0.99
    assert share >= 0.97
    assert measured["codes used", "after the round trip"] >= 0.5


def test_the_prompt_decides_the_picture(amused, world):
    scenes = [example(world, 60_000, i, "test", num_objects=1) for i in range(16)]
    captions = [each.caption for each in scenes]
    images = amused.generate(captions, guidance_scale=2.0, seeds=[0] * 16, record=False).images
    oracle = Oracle(world)
    verdicts = [
        oracle.judge(each.scene, np.asarray(image))
        for each, image in zip(scenes, images, strict=True)
    ]
    assert sum(verdict.background for verdict in verdicts) >= 15
    assert sum(verdict.whole_scene for verdict in verdicts) >= 8
    assert len({each.scene.background for each in scenes}) == 3


def test_the_shipped_weights_are_small():
    shipped = [
        *EMBEDDED_MODEL.rglob("*.safetensors"),
        *(RECORDS / "glyphs_clip" / "model").rglob("*.safetensors"),
    ]
    assert len(shipped) == 4
    assert sum(path.stat().st_size for path in shipped) <= 20_000_000
