from dataclasses import replace

import pytest
import torch

from src.data.examples import example
from src.data.scenes import World
from src.training import token_cache
from src.training.token_cache import encode_scenes
from src.training.vqgan_module import to_unit_pixels


@pytest.fixture(autouse=True)
def small_shards(monkeypatch):
    monkeypatch.setattr(token_cache, "SHARD_SIZE", 64)


def encode(world, parts, folder, count=100, seed=0):
    return encode_scenes(world, parts.image_tokenizer, parts.text_encoder, count, seed, folder)


def test_cached_tokens_are_those_of_the_pictures(world, parts, tmp_path):
    scenes = encode(world, parts, tmp_path)
    assert scenes.token_ids.shape == (100, 8, 8)
    for index in (0, 70, 99):
        each = example(world, 0, index)
        pixels = to_unit_pixels(torch.from_numpy(each.picture)[None])
        assert scenes.token_ids[index].equal(parts.image_tokenizer.encode(pixels)[0].short())
        prompt_ids = parts.text_encoder.prompt_ids([each.caption])[0]
        assert scenes.prompt_ids[index].equal(prompt_ids.int())
        assert tuple(scenes.micro_cond[index].tolist()) == pytest.approx(tuple(each.micro_cond))


def test_finished_shards_are_read_and_not_made_again(world, parts, tmp_path):
    encode(world, parts, tmp_path)
    written = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    assert len(written) == 2
    encode(world, parts, tmp_path)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == written


def test_shards_of_another_tokenizer_or_seed_are_made_again(world, parts, tmp_path):
    before = encode(world, parts, tmp_path)
    assert not encode(world, parts, tmp_path, seed=1).prompt_ids.equal(before.prompt_ids)
    with torch.no_grad():
        parts.image_tokenizer.quantizer.codebook.copy_(
            parts.image_tokenizer.quantizer.codebook.flip(0)
        )
    assert encode(world, parts, tmp_path).token_ids.equal(31 - before.token_ids)


def test_a_damaged_shard_is_made_again(world, parts, tmp_path):
    before = encode(world, parts, tmp_path)
    shard = min(tmp_path.iterdir())
    shard.write_bytes(shard.read_bytes()[:100])
    assert encode(world, parts, tmp_path).token_ids.equal(before.token_ids)


def test_what_means_nothing_to_drawn_scenes_makes_no_shard_anew(world, parts, tmp_path):
    encode(world, parts, tmp_path)
    written = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    encode(World(replace(world.config, crop="center")), parts, tmp_path)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == written
    encode(World(replace(world.config, two_objects_prob=0.5)), parts, tmp_path)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()} != written
