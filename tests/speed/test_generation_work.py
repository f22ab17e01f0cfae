"""What is counted from the settings is what torch counts in a real pass, and what a hand counts."""

from dataclasses import replace

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from src.amused import Amused
from src.image_tokenizer import config as image_tokenizer_config
from src.image_tokenizer.vqgan import VQGAN
from src.sampler.config import SamplerConfig
from src.speed.generation_work import (
    DECODER,
    TEXT,
    TOLD,
    decoder_work,
    generation_work,
    text_work,
    uvit_passes,
)
from src.speed.uvit_work import KINDS, step_work, told_work
from src.speed.work import Machine, Work, attention, floor_of, linear, together
from src.transformer import config as transformer_config
from src.transformer.uvit import UViT
from tests.tasks.conftest import SETTINGS

SAMPLER = SamplerConfig(num_steps=3, guidance_scale=2.0, schedule="linear")


def counted(work) -> int:
    with FlopCounterMode(display=False) as counter:
        work()
    return counter.get_total_flops()


@pytest.mark.parametrize("name", ["amused_256", "amused_512", "glyphs"])
def test_a_whole_pass_is_counted_as_torch_counts_it(name):
    config, batch, words = transformer_config.preset(name), 3, 7
    side = config.sample_size
    with torch.device("meta"):
        uvit = UViT(config)
        told = (
            torch.zeros(batch, words, config.encoder_hidden_size),
            torch.zeros(batch, config.cond_embed_dim),
            torch.zeros(batch, 5),
        )
        token_ids = torch.zeros(batch, side, side, dtype=torch.long)
    step = together(step_work(config, batch, (side, side), words, batch * side**2).values())
    assert step.flops + told_work(config, batch, words).flops == counted(
        lambda: uvit(token_ids, *told)
    )
    matrices = sum(p.numel() for p in uvit.parameters() if p.ndim > 1)
    unread = uvit.embedding.weight.numel() + 2 * 4 * config.block_out_channels * (
        2 * config.num_res_blocks
    )  # the table is looked up; gains and shifts of the response norms are no matrices
    assert step.weights + told_work(config, batch, words).weights == matrices - unread


@pytest.mark.parametrize("name", ["amused", "glyphs"])
def test_the_decoder_is_counted_as_torch_counts_it(name):
    config = image_tokenizer_config.preset(name)
    with torch.device("meta"):
        vqgan = VQGAN(config)
        codes = torch.zeros(1, config.vq_embed_dim or config.latent_channels, 4, 6)
    as_published = together(decoder_work(config, (4, 6), is_doubling_merged=False))
    assert as_published.flops == counted(lambda: vqgan.decode_codes(codes))
    kernels = [p for part in (vqgan.decoder, vqgan.from_codes) for p in part.parameters()]
    assert as_published.weights == sum(p.numel() for p in kernels if p.ndim == 4)
    merged = together(decoder_work(config, (4, 6)))
    widths = config.block_out_channels[::-1][:-1]
    doubled = [2 * 9 * 4 ** (level + 1) * 24 * width**2 for level, width in enumerate(widths)]
    assert as_published.flops - merged.flops == sum(5 * each // 9 for each in doubled)


def test_the_text_encoder_is_counted_as_torch_counts_it():
    encoder = Amused.from_config(SETTINGS, seed=0).text_encoder
    ids = encoder.prompt_ids(["a red star"])
    passed = counted(lambda: encoder.to("meta")(ids))  # where attention is no fused, uncounted one
    assert together(text_work(encoder.clip.config, encoder.window, 1)).flops == passed


def test_a_generation_is_a_hand_count():
    system = Amused.from_config(SETTINGS, seed=0)
    works = generation_work(system, SAMPLER, (8, 8), num_pictures=2, num_prompts=1)
    assert list(works) == [TEXT, TOLD, *KINDS, DECODER]
    # settings of the tiny model: all widths 16, 20 codes, 64 tokens, one layer; linear schedule:
    # 64, 42, 21 hidden of 64 tokens. First step: one row and its other side; then two and two. One
    # window of 3x3 goes before the layer: 9 kinds of cells in the first step, 64 in the others.
    rows, hidden, kinds = (2, 4, 4), (64, 42, 21), (9, 64, 64)
    asked = [r * h for r, h in zip(rows, hidden, strict=True)]
    assert [each.flops for each in works["logits"]] == [2 * n * (16 * 16 + 16 * 20) for n in asked]
    assert [each.flops for each in works["self-attention"]] == [
        2 * r * k * 4 * 16 * 16 + 4 * r * k * 64 * 16 for r, k in zip(rows, kinds, strict=True)
    ]
    assert [each.flops for each in works["feed-forward"]] == [
        2 * r * k * 3 * 16 * 32 for r, k in zip(rows, kinds, strict=True)
    ]
    assert (len(works[TEXT]), len(works[TOLD])) == (2, 1)  # the prompt and the empty one
    # texts of 32 ids, 2 of them: projected, keys and values of 1 layer and 2 blocks of 2
    # attentions; vector: 16 + 40 in, then 16; modulations: 3 in the layer and 2 in the blocks
    texts, vectors = 2 * 32 * 16 * 16 * (1 + 2 + 2 * 4), (16 + 40) * 16 + 16 * 16 + 5 * 16 * 32
    assert works[TOLD][0].flops == 2 * (texts + 2 * vectors)


def test_what_grows_with_pictures_and_what_does_not():
    system = Amused.from_config(SETTINGS, seed=0)
    one, four = (generation_work(system, SAMPLER, (8, 8), n, 1) for n in (1, 4))
    assert one[TEXT] == four[TEXT]
    assert one[TOLD] == four[TOLD]
    assert together(four[DECODER]).flops == 4 * together(one[DECODER]).flops
    for kind in KINDS:
        first, *later = zip(one[kind], four[kind], strict=True)
        assert first[0] == first[1], "all is hidden in every picture"
        assert all(b.flops == 4 * a.flops and b.weights == a.weights for a, b in later)
    off = generation_work(system, replace(SAMPLER, guidance_scale=1.0), (8, 8), 1, 1)
    assert len(off[TEXT]) == 1
    assert 2 * off["feed-forward"][1].flops == one["feed-forward"][1].flops


def test_the_floor_is_the_longer_of_arithmetic_and_memory():
    machine = Machine(flops_per_second=100.0, bytes_per_second=10.0, bytes_each=2)
    assert machine.seconds(Work(flops=1000, weights=5, states=5)) == 10.0
    assert machine.seconds(Work(flops=1000, weights=500, states=5)) == 101.0
    works = {"a": [Work(1000), Work(0, 50)], "b": []}
    assert floor_of(works, machine) == {"a": 20.0, "b": 0}
    assert linear(3, 4, 5) == Work(120, 20, 27)
    assert attention(2, 3, 5, 4) == Work(4 * 2 * 3 * 5 * 4, 0, 2 * 2 * 8 * 4)


def test_outside_the_interval_of_guidance_no_second_side_is_counted():
    config = transformer_config.preset("glyphs")
    told = (8, 8), 7, 1, 1
    some = replace(SAMPLER, num_steps=4, guidance_from=0.8, guidance_to=0.4)
    passes, num_told = uvit_passes(config, some, *told)
    guided, _ = uvit_passes(config, replace(some, guidance_from=1.0, guidance_to=0.0), *told)
    plain, _ = uvit_passes(config, replace(some, guidance_scale=1.0), *told)
    assert passes == [plain[0], guided[1], guided[2], plain[3]]  # 1, 0.75, 0.5, 0.25 are hidden
    assert num_told == 2
