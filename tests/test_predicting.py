"""What is worked out once a picture, shared, or asked of hidden positions alone changes no token.

The other side is the plain page: `UViT.forward` in every step, of all positions, with gradients on,
so that no weights are packed.
"""

import pytest
import torch

from src.amused import Amused
from src.conditioning.text import Text
from src.filling import How, all_hidden, ask
from src.predicting import predict_for
from src.sampler.guidance import Logits
from src.sampler.passes import decode_passes
from src.telling import Telling, Told, told_apart
from src.transformer.config import preset
from src.transformer.linear import Linear
from src.transformer.uvit import UViT

CLOSE = 1e-5  # of the largest logit
PROMPTS = ("a small green heart on a white background", "a large red star on a black background")


class Plain:
    """A `Predict` that computes everything anew."""

    def __init__(self, transformer, rows):
        self.transformer, self.rows = transformer, rows

    @torch.enable_grad()
    def __call__(self, token_ids, is_masked, need_unconditional):
        text, micro_cond = self.rows.with_negatives_first()
        if not need_unconditional:
            text, micro_cond = self.rows.text, self.rows.micro_cond
        rows = token_ids.repeat(1 + need_unconditional, 1, 1)
        logits = self.transformer(rows, text.text_states, text.pooled_text, micro_cond).detach()
        if not need_unconditional:
            return Logits(logits, None)
        return Logits(*reversed(logits.chunk(2)))


class Beside:
    """The quick `Predict`, which compares itself with the plain one wherever both are asked."""

    def __init__(self, quick, plain):
        self.quick, self.plain, self.furthest = quick, plain, 0.0

    def __call__(self, token_ids, is_masked, need_unconditional):
        found = self.quick(token_ids, is_masked, need_unconditional)
        wanted = self.plain(token_ids, is_masked, need_unconditional)
        for mine, theirs in zip(found, wanted, strict=True):
            if theirs is not None:
                apart = (mine - theirs).abs().max() / theirs.abs().max()
                self.furthest = max(self.furthest, float(apart))
        return found


def both(amused, prompt, seed, **how):
    """The tokens of one picture by both ways, and how far logits of the same tokens lay apart."""
    how = How(seeds=seed, **how)
    with torch.no_grad():
        asked = ask(amused, prompt, (amused.width, amused.height), how)
        start, found = all_hidden(amused, asked), []
        plain = Plain(amused.transformer, asked.rows)
        quick = predict_for(amused.transformer, asked.rows)
        beside = Beside(predict_for(amused.transformer, asked.rows), plain)
        for predict in (plain, quick, beside):
            steps = decode_passes(
                asked.passes,
                lambda pictures, predict=predict: predict,
                start,
                amused.transformer.mask_token_id,
                amused.transformer.config.codebook_size,
                asked.recipe.sampler,
            )
            found.append(steps.token_ids[-1])
    assert torch.equal(found[1], found[2])  # asked everywhere, or where something is hidden
    return torch.equal(found[0], found[1]), beside.furthest


@pytest.fixture(scope="module")
def small(tiny_settings):
    return Amused.from_config(tiny_settings, seed=4)


def test_of_a_hundred_small_pictures_99_are_the_same_to_the_last_token(small):
    """Where the same draws decide otherwise on logits so close, they were nearly tied."""
    found = [
        both(small, PROMPTS[seed % 2], seed, guidance_scale=[1.0, 4.0][seed // 2 % 2], num_steps=5)
        for seed in range(100)
    ]
    assert sum(is_same for is_same, _ in found) >= 99
    assert max(apart for _, apart in found) < CLOSE


@pytest.mark.slow
def test_of_the_shipped_model_too():
    amused = Amused.embedded()
    found = [both(amused, PROMPTS[seed % 2], seed) for seed in range(20)]
    assert sum(is_same for is_same, _ in found) >= 19
    assert max(apart for _, apart in found) < CLOSE


@pytest.mark.slow
@pytest.mark.verify
def test_four_full_size_pictures_are_the_same(record_property):
    amused = Amused.from_config("amused_256", seed=0)
    found = [both(amused, PROMPTS[seed % 2], seed) for seed in range(4)]
    record_property("same_pictures", sum(is_same for is_same, _ in found))
    record_property("furthest_logits_of_largest", max(apart for _, apart in found))
    assert sum(is_same for is_same, _ in found) == 4
    assert max(apart for _, apart in found) < CLOSE


def test_pictures_told_the_same_share_their_first_step(small, monkeypatch):
    """One pass for both sides of guidance, whatever the number of pictures; then one a picture."""
    calls = []
    real = small.transformer.before_logits

    def counted(token_ids, condition):
        calls.append(len(token_ids))
        return real(token_ids, condition)

    monkeypatch.setattr(small.transformer, "before_logits", counted)
    small.generate(PROMPTS[0], num_images_per_prompt=3, seeds=[1, 2, 3], num_steps=3)
    assert calls == [2] * 7
    calls.clear()
    small.generate(list(PROMPTS), seeds=[1, 2], num_steps=3)  # without a prompt they are alike
    assert calls == [2, 2, 2, 1, 2, 2]


def test_without_a_prompt_one_first_step_serves_all_prompts(small, monkeypatch):
    """However many there are, and however many go through the model at once."""
    rows, real = [], UViT.before_logits

    def counted(self, token_ids, condition):
        if (token_ids == self.mask_token_id).all():
            rows.append(len(token_ids))
        return real(self, token_ids, condition)

    monkeypatch.setattr(UViT, "before_logits", counted)
    prompts = [f"a small green heart {'on ' * number}".strip() for number in range(20)]
    for at_once in (1, 5):
        rows.clear()
        monkeypatch.setattr(small, "pictures_per_pass", at_once)
        small.generate(prompts, seeds=list(range(20)), num_steps=2)
        assert sum(rows) == 21


def test_who_shares_has_the_same_bits_as_who_does_not(small):
    together = small.generate([PROMPTS[0], PROMPTS[1], PROMPTS[0]], seeds=[1, 2, 3], num_steps=4)
    for row, seed in enumerate([1, 2, 3]):
        alone = small.generate(PROMPTS[row % 2], seeds=seed, num_steps=4)
        for mine, other in zip(together.trace.picture(row), alone.trace, strict=True):
            if isinstance(mine, torch.Tensor):
                assert torch.equal(mine, other)


def test_the_words_are_read_once_a_generation(small, monkeypatch):
    """Keys and values of the text, scales and shifts: no step computes them again."""
    layer, calls = small.transformer.layers[0], []
    for module in (layer.text_attention.key, layer.self_modulation.to_scale_and_shift):
        real = module.forward
        monkeypatch.setattr(
            module, "forward", lambda told, real=real: calls.append(len(told)) or real(told)
        )
    small.generate(PROMPTS[0], seeds=1, num_steps=5)
    assert calls == [1, 1, 1, 1]  # each side of guidance alone, each map once


def test_new_weights_are_seen_at_once():
    """Packed weights are made anew when the parameters were written to or exchanged."""
    linear, states = Linear(128, 1024, bias=False), torch.randn(40, 128)
    with torch.no_grad():
        before = linear(states)
        linear.weight.mul_(2)
        assert torch.equal(linear(states), 2 * before)
        linear.weight = torch.nn.Parameter(linear.weight / 2)
        assert torch.equal(linear(states), before)


@pytest.mark.parametrize(("features_in", "features_out"), [(128, 1024), (2816, 64), (16, 32)])
def test_a_rows_bits_do_not_depend_on_its_company(features_in, features_out):
    linear, rows = Linear(features_in, features_out), torch.randn(300, features_in)
    linear.always_packed = True
    with torch.no_grad():
        everything = linear(rows)
        for place in (0, 7, 299):
            assert torch.equal(linear(rows[place : place + 1]), everything[place : place + 1])
            assert torch.equal(linear(rows[place // 2 : place + 1])[-1], everything[place])


def test_elsewhere_than_on_a_processor_no_answer_depends_on_what_is_still_known():
    with torch.device("meta"):
        transformer = UViT(preset("glyphs"))
        text = Text(torch.zeros(9, 4, 128), torch.zeros(9, 128))
    telling, asked = Telling(transformer), []
    transformer.logits_out.register_forward_pre_hook(lambda _, told: asked.append(len(told[0])))
    with torch.no_grad():
        conditions = told_apart(transformer, text, torch.zeros(9, 5, device="meta"))
        told = [Told(bytes([row]), each) for row, each in enumerate(conditions)]
        for _ in range(2):  # one more than are kept
            telling.at_start(told, torch.zeros(9, 8, 8, dtype=torch.long, device="meta"))
    assert asked == [9, 9]


def test_only_so_many_rows_are_kept(small):
    telling = Telling(small.transformer)
    rows = [f"a small green heart {'on ' * number}".strip() for number in range(20)]
    with torch.no_grad():
        for prompt in rows:
            text = small.encode_prompts(prompt)
            told = telling.tell(text, torch.zeros(1, 5))
            telling.at_start(told, torch.full((1, 8, 8), small.transformer.mask_token_id))
    assert len(telling._told) <= 8
    assert len(telling._at_start) <= 8
