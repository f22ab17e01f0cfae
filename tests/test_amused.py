"""The assembled system: prompts in, pictures out, the same ones whatever the company."""

import warnings

import pytest
import torch
from PIL import Image

from src.amused import Amused
from src.data.micro_cond import MicroCond
from src.errors import UserError

SETTINGS = {
    "transformer": {
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 48,
        "in_channels": 24,
        "block_out_channels": 24,
        "num_res_blocks": 1,
        "block_num_heads": 2,
        "codebook_size": 40,
        "vocab_size": 64,
        "sample_size": 6,
        "encoder_hidden_size": 24,
        "cond_embed_dim": 16,
        "micro_cond_encode_dim": 8,
        "micro_cond_embed_dim": 40,
    },
    "vqvae": {
        "block_out_channels": [8, 16],
        "down_block_types": ["DownEncoderBlock2D"] * 2,
        "up_block_types": ["UpDecoderBlock2D"] * 2,
        "layers_per_block": 1,
        "latent_channels": 8,
        "num_vq_embeddings": 40,
        "norm_num_groups": 4,
    },
    "text_encoder": {
        "vocab_size": 600,
        "hidden_size": 24,
        "intermediate_size": 48,
        "projection_dim": 16,
        "num_hidden_layers": 2,
        "num_attention_heads": 3,
        "max_position_embeddings": 16,
    },
}
PROMPTS = ["a red heart", "sun", "two blue stars"]


@pytest.fixture(scope="module")
def system():
    return Amused.from_config(SETTINGS)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


# ---- what comes out


def test_a_generation_has_pictures_tokens_seeds_and_every_step(system):
    generation = system.generate(PROMPTS, num_steps=5)
    assert [image.size for image in generation.images] == [(12, 12)] * 3
    assert generation.token_ids.shape == (3, 6, 6)
    assert len(set(generation.seeds)) == 3
    assert generation.trace.confidence.shape == (5, 3, 6, 6)
    assert generation.trace.num_masked[-1].tolist() == [0, 0, 0]
    assert torch.equal(generation.trace.token_ids[-1], generation.token_ids)


def test_the_fresh_seeds_of_a_generation_draw_it_again(system):
    first = system.generate(PROMPTS)
    again = system.generate(PROMPTS, seeds=first.seeds)
    assert torch.equal(first.token_ids, again.token_ids)


def test_without_a_record_there_is_no_trace(system):
    assert system.generate("sun", num_steps=2, record=False).trace is None


def test_with_a_generator_there_are_no_seeds(system):
    assert system.generate("sun", num_steps=2, generator=generator()).seeds is None


def test_images_are_the_decoded_tokens(system):
    generation = system.generate(PROMPTS[:1], seeds=1)
    assert generation.images[0] == system.decode_tokens(generation.token_ids)[0]


def test_progress_is_told_after_every_step(system):
    told = []
    system.generate(
        PROMPTS[:2],
        num_steps=3,
        seeds=[1, 2],
        progress=lambda done, total, step: told.append((done, total, step.step)),
    )
    assert told == [(1, 6, 1), (2, 6, 2), (3, 6, 3), (4, 6, 1), (5, 6, 2), (6, 6, 3)]


def test_both_schedules_can_be_asked_for_and_the_checkpoint_names_its_own(system):
    counts = system.generate("sun", num_steps=4, schedule="linear").trace.num_masked[:, 0]
    assert counts.tolist() == [27, 18, 9, 0]
    linear = Amused.from_config({**SETTINGS, "scheduler": {"masking_schedule": "linear"}})
    assert linear.generate("sun", num_steps=4).trace.num_masked[:, 0].tolist() == [27, 18, 9, 0]


def test_an_ordinary_generation_warns_of_nothing(system):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        system.generate(PROMPTS, num_steps=2)


# ---- what it depends on


@pytest.mark.parametrize("size", [1, 2, 7, 16])
def test_a_seed_gives_the_same_token_ids_in_any_batch_and_order(system, size):
    prompts = [PROMPTS[i % 3] for i in range(16)]
    together = system.generate(prompts, num_steps=4, seeds=list(range(16)), record=False).token_ids
    order = torch.randperm(16, generator=generator(1)).tolist()
    for start in range(0, 16, size):
        part = order[start : start + size]
        chosen = [prompts[i] for i in part]
        apart = system.generate(chosen, num_steps=4, seeds=part, record=False)
        assert torch.equal(apart.token_ids, together[part])


def test_passes_of_several_pictures_are_filled_up_and_keep_their_order(system):
    alone = system.generate(PROMPTS, num_steps=4, seeds=[1, 2, 3])
    grouped = Amused(
        system.transformer, system.image_tokenizer, system.text_encoder, pictures_per_pass=2
    ).generate(PROMPTS, num_steps=4, seeds=[1, 2, 3])
    assert torch.equal(alone.token_ids, grouped.token_ids)
    assert grouped.trace.num_masked.shape == (4, 3)


def test_pictures_of_one_prompt_stand_together(system):
    two_each = system.generate(PROMPTS[:2], num_images_per_prompt=2, seeds=[1, 2, 3, 4])
    spelled_out = system.generate(
        [PROMPTS[0], PROMPTS[0], PROMPTS[1], PROMPTS[1]], seeds=[1, 2, 3, 4]
    )
    assert torch.equal(two_each.token_ids, spelled_out.token_ids)


@pytest.mark.parametrize("choice", [{"seeds": [1, 2, 3]}, {"generator": None}])
def test_encoded_prompts_do_as_well_without_negatives(system, choice):
    def choices():
        return choice if "seeds" in choice else {"generator": generator(4)}

    encoded = system.encode_prompts(PROMPTS)
    from_text = system.generate(PROMPTS, **choices())
    assert torch.equal(from_text.token_ids, system.generate(encoded, **choices()).token_ids)


def test_one_negative_prompt_serves_all_and_changes_the_pictures(system):
    def generate(negative_prompts):
        return system.generate(PROMPTS, negative_prompts, seeds=[1, 2, 3]).token_ids

    assert torch.equal(generate("snow"), generate(["snow"] * 3))
    assert torch.equal(generate("snow"), generate(system.encode_prompts("snow")))
    assert not torch.equal(generate("snow"), generate(None))


def passes_per_step(system, **settings) -> set[int]:
    """How many rows the transformer saw at once, over one generation of one picture."""
    rows = set()
    hook = system.transformer.embedding.register_forward_pre_hook(
        lambda _, inputs: rows.add(len(inputs[0]))
    )
    system.generate("sun", num_steps=2, **settings)
    hook.remove()
    return rows


def test_guidance_of_one_runs_no_unconditional_pass(system):
    assert passes_per_step(system, guidance_scale=1.0, seeds=1) == {1}
    assert passes_per_step(system, guidance_scale=1.5, seeds=1) == {2}


def test_guidance_below_one_mixes_with_seeds_and_is_off_with_a_generator(system):
    assert passes_per_step(system, guidance_scale=0.5, generator=generator()) == {1}
    unguided = system.generate("sun", seeds=3, guidance_scale=0.0)
    assert torch.equal(unguided.token_ids, system.generate("", seeds=3).token_ids)


def test_micro_conditions_change_the_picture_and_each_number_has_its_place(system):
    named = MicroCond(12, 12, 0, 0, 6)
    outcomes = {tuple(system.generate("sun", seeds=1).token_ids.flatten().tolist())}
    same = system.generate("sun", seeds=1, micro_cond=named).token_ids
    assert tuple(same.flatten().tolist()) in outcomes
    for name in MicroCond._fields:
        other = system.generate("sun", seeds=1, micro_cond=named._replace(**{name: 31.0}))
        outcomes.add(tuple(other.token_ids.flatten().tolist()))
    assert len(outcomes) == 6


def test_micro_conditions_are_given_one_a_prompt(system):
    named = [MicroCond(12, 12, 0, 0, score) for score in (1.0, 9.0)]
    two = system.generate(["sun", "sun"], seeds=[1, 1], micro_cond=named)
    alone = system.generate("sun", seeds=1, micro_cond=named[1])
    assert torch.equal(two.token_ids[1], alone.token_ids[0])
    assert not torch.equal(two.token_ids[0], two.token_ids[1])


def test_height_and_width_are_pixels_and_not_exchanged(system):
    generation = system.generate("sun", num_steps=2, height=8, width=16)
    assert generation.token_ids.shape == (1, 4, 8)
    assert generation.images[0].size == (16, 8)


# ---- pictures and tokens


def test_encoding_takes_pictures_and_pixels_alike(system, rng):
    pixels = (torch.rand(2, 3, 12, 8, generator=rng) * 255).round() / 255
    images = [Image.fromarray((p.permute(1, 2, 0) * 255).round().byte().numpy()) for p in pixels]
    token_ids = system.encode_images(images)
    assert token_ids.shape == (2, 6, 4)
    assert torch.equal(token_ids, system.encode_images(pixels))
    assert torch.equal(token_ids[1:], system.encode_images(images[1]))


@pytest.mark.parametrize(
    ("images", "sentence"),
    [
        ([], "no images"),
        ("heart.png", "holds a str"),
        ([Image.new("RGB", (8, 8)), Image.new("RGB", (8, 10))], "different sizes"),
        (Image.new("RGB", (9, 8)), "multiples of 2"),
        (torch.zeros(3, 8, 8), "batch x 3 x height x width"),
        (torch.full((1, 3, 8, 8), 7.0), "from 0 to 1"),
        (torch.zeros(1, 3, 8, 8, dtype=torch.uint8), "floating point"),
    ],
)
def test_what_is_no_picture_is_refused(system, images, sentence):
    with pytest.raises(UserError, match=sentence):
        system.encode_images(images)


def test_a_token_still_hidden_cannot_be_decoded(system):
    with pytest.raises(UserError, match="63"):
        system.decode_tokens(torch.full((1, 6, 6), system.transformer.mask_token_id))


@pytest.mark.parametrize(
    ("token_ids", "sentence"),
    [
        (torch.zeros(1, 6, 6), "torch.float32 and shape"),
        (torch.zeros(1, 6, 6, dtype=torch.bool), "torch.bool"),
        (torch.zeros(6, 6, dtype=torch.int64), r"shape \(6, 6\): give whole numbers, batch x rows"),
        (torch.zeros(0, 6, 6, dtype=torch.int64), r"shape \(0, 6, 6\)"),
        ([[[1]]], "token_ids is a list"),
        (None, "token_ids is a NoneType"),
        (torch.full((1, 2, 2), -1), "Token id -1"),
        (torch.full((1, 2, 2), 40, dtype=torch.int16), "Token id 40"),
    ],
)
def test_what_are_no_token_ids_is_refused(system, token_ids, sentence):
    with pytest.raises(UserError, match=sentence):
        system.decode_tokens(token_ids)


def test_token_ids_of_every_whole_type_are_decoded(system):
    ids = torch.arange(36).view(1, 6, 6)
    assert system.decode_tokens(ids.to(torch.uint8)) == system.decode_tokens(ids)


# ---- bad input


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"prompts": []}, "prompts is empty"),
        ({"prompts": ["sun", 3]}, "number 2 of prompts is 3"),
        ({"prompts": None}, "prompts is None"),
        ({"negative_prompts": ["a", "b", "c"]}, "3 negative prompts for 2 prompts"),
        ({"negative_prompts": 7}, "negative_prompts is 7"),
        ({"num_steps": 0}, "num_steps=0"),
        ({"num_steps": -3}, "num_steps=-3"),
        ({"guidance_scale": float("nan")}, "guidance_scale=nan"),
        ({"guidance_scale": -1.0}, "guidance_scale=-1"),
        ({"choice_temperature": (1.0, 2.0, 3.0)}, "choice_temperature"),
        ({"choice_temperature": -1.0}, "choice_temperature_start=-1"),
        ({"sampling_temperature": -1.0}, "sampling_temperature=-1"),
        ({"num_images_per_prompt": 0}, "num_images_per_prompt is 0"),
        ({"seeds": [1, 2, 3]}, "3 seeds for 2 pictures"),
        ({"seeds": [1]}, "1 seeds for 2 pictures"),
        ({"seeds": [1, -2]}, "is -2"),
        ({"seeds": [1, "two"]}, "is 'two'"),
        ({"seeds": [1, 2], "generator": generator()}, "both given"),
        ({"height": 13}, "height=13 is impossible; give a multiple of 2"),
        ({"width": 0}, "width=0"),
        ({"height": -2}, "height=-2"),
        ({"num_images_per_prompt": 10**9}, "num_images_per_prompt is 1000000000"),
        ({"num_images_per_prompt": 10**5, "prompts": ["a"] * 20_000}, "texts of .* pictures need"),
        ({"seeds": [1, 2**63]}, r"seeds\[1\]=9223372036854775808 .* from 0 to 2\*\*63 - 1"),
        ({"seeds": [1, 10**5000]}, "thousands of digits"),
        ({"prompts": ["sun", "\ud800"]}, r"number 2 of prompts is '\\ud800', .*UTF-8"),
        ({"sampler": None}, "sampler None is unknown"),
        ({"schedule": 5}, "schedule=5 is unknown"),
        ({"schedule": ""}, "schedule='' is unknown"),
        ({"guidance_scale": "10"}, "guidance_scale='10'"),
        ({"sampler": "confidance"}, "did you mean 'confidence'"),
        ({"schedule": "cosin"}, "did you mean 'cosine'"),
        ({"micro_cond": (12, 12, 0, 0, 6)}, "no names"),
        ({"micro_cond": MicroCond(12, -12, 0, 0, 6)}, "original_height=-12"),
        ({"height": 2**14, "width": 2**14}, "height=16384 and width=16384 need about"),
        ({"height": 2**20}, "height=1048576 is impossible.*at most 16,384"),
    ],
)
def test_bad_input_is_one_sentence_before_the_first_step(system, settings, sentence):
    settings = {"prompts": PROMPTS[:2], **settings}
    with pytest.raises(UserError, match=sentence):
        system.generate(**settings, progress=lambda *_: pytest.fail("a step was taken"))


def test_where_tokens_are_halved_sides_are_multiples_of_two_tokens():
    halving = {**SETTINGS["transformer"], "downsample": True, "upsample": True}
    system = Amused.from_config({**SETTINGS, "transformer": halving})
    with pytest.raises(UserError, match="height=6 is impossible; give a multiple of 4"):
        system.generate("sun", height=6)


def test_a_prompt_beyond_the_window_is_a_warning_that_shows_what_was_cut(system):
    with pytest.warns(UserWarning, match="zebra"):
        system.generate("one two three four five six seven eight zebra", num_steps=1)


def test_logits_that_are_not_numbers_end_in_a_sentence():
    broken = Amused.from_config(SETTINGS)
    with torch.no_grad():
        broken.transformer.logits_norm.weight.fill_(float("nan"))
    with pytest.raises(UserError, match="not finite"):
        broken.generate("sun")


@pytest.mark.parametrize("size", [0, -1, 1.5, "2", None, True])
def test_an_impossible_number_of_pictures_a_pass_is_refused(system, size, monkeypatch):
    monkeypatch.setattr(system, "pictures_per_pass", size)
    with pytest.raises(UserError, match=r"pictures_per_pass=.* give a whole number from 1"):
        system.generate("sun", seeds=1)
