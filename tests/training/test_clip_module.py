from dataclasses import replace

import numpy as np
import torch

from src.conditioning.glyph_tokenizer import build_tokenizer
from src.data.captions import vocabulary
from src.published.settings import read_preset
from src.training.clip_module import (
    ClipBatches,
    ClipModule,
    build_clip,
    narrowed,
    to_model_pixels,
)
from src.training.recipes import CLIP_PRESETS


def test_a_narrow_world_leaves_only_a_few_names_and_keeps_the_held_out_pairs_out(world):
    for seed in range(50):
        few = narrowed(world, np.random.default_rng(seed))
        assert len(few.config.glyphs) == len(few.config.colors) == 3
        assert len(few.config.backgrounds) == 1
        kept = {(c, g) for c, g in world.held_out if c in few.config.colors}
        assert few.held_out == {(c, g) for c, g in kept if g in few.config.glyphs}


def test_a_batch_is_a_function_of_its_step(world, config):
    batches = ClipBatches(world, build_tokenizer(vocabulary(world)), config, seed=0)
    for step in (0, 1, 2):
        pictures, prompt_ids = batches(step, slice(None))
        again = batches(step, slice(None))
        assert pictures.equal(again[0])
        assert prompt_ids.equal(again[1])
        assert len(pictures) == len(prompt_ids) == config.batch_size
    assert not batches(0, slice(None))[0].equal(batches(1, slice(None))[0])


def test_pixels_reach_clip_between_minus_one_and_one(world, config):
    pictures, _ = ClipBatches(world, build_tokenizer(vocabulary(world)), config, seed=0)(
        0, slice(None)
    )
    pixels = to_model_pixels(pictures)
    assert pixels.shape == (4, 3, 32, 32)
    assert -1 <= pixels.min() < pixels.max() <= 1


def test_narrow_batches_hold_one_object_or_two_so_that_places_and_relations_have_to_be_told(
    world, config
):
    narrow = replace(config, batch_size=32, narrow_prob=1.0)
    tokenizer = build_tokenizer(vocabulary(world))
    batches = ClipBatches(world, tokenizer, narrow, seed=0)
    numbers = set()
    for step in range(8):
        captions = tokenizer.batch_decode(
            batches(step, slice(None)).prompt_ids, skip_special_tokens=True
        )
        nouns = [
            sum(caption.replace(",", " ").split().count(name) for name in world.config.glyphs)
            for caption in captions
        ]
        assert len(set(nouns)) == 1
        numbers.add(nouns[0])
        if nouns[0] == 1:
            assert sum(" in the " in caption for caption in captions) >= 8
    assert numbers == {1, 2}


def test_the_loss_draws_captions_to_their_own_pictures_and_back(world, config):
    tokenizer = build_tokenizer(vocabulary(world))
    torch.manual_seed(0)
    clip = build_clip(read_preset(CLIP_PRESETS, "glyphs_clip", "clip preset"), tokenizer)
    module = ClipModule(clip, config)
    module.log_dict = lambda *_, **__: None  # there is no trainer to log to
    batch = ClipBatches(world, tokenizer, replace(config, batch_size=6), seed=0)(0, slice(None))
    out = clip(input_ids=batch.prompt_ids, pixel_values=to_model_pixels(batch.pictures))
    captions, pictures = (
        each / each.norm(dim=1, keepdim=True) for each in (out.text_embeds, out.image_embeds)
    )
    logits = captions @ pictures.T * clip.logit_scale.exp()
    to_picture, to_caption = logits.log_softmax(1).diagonal(), logits.log_softmax(0).diagonal()
    expected = -(to_picture.mean() + to_caption.mean()) / 2
    assert torch.isclose(module.training_step(batch, 0), expected, atol=1e-5)
    flipped = -logits.log_softmax(1).flip(0).diagonal().mean()
    assert abs(flipped - expected) > 1e-3
