"""Reading sites changes no bit; what is read is what the model computes; hooks never stay."""

import pytest
import torch

from src.amused import Amused
from src.errors import UserError
from src.interpret.capture import attention_weights, capture, replaced
from src.interpret.sites import all_sites, find_sites, text_attentions
from src.transformer.blocks import Attention
from src.transformer.config import TransformerConfig
from src.transformer.uvit import UViT

PROMPT = "a small red sun on a white background"
STEPS = 3


def generation(tiny, **also):
    return tiny.generate(PROMPT, seeds=[3], num_steps=STEPS, guidance_scale=3.0, **also)


def num_hooks(tiny):
    modules = [*tiny.transformer.modules(), *tiny.text_encoder.modules()]
    return sum(len(each._forward_hooks) + len(each._forward_pre_hooks) for each in modules)


@pytest.fixture(scope="module")
def everything(tiny):
    """All sites of one generation."""
    with capture(tiny, list(all_sites(tiny))) as captured:
        drawn = generation(tiny)
    return captured, drawn


def test_capturing_every_site_changes_no_bit(everything, tiny):
    _, drawn = everything
    plain = generation(tiny)
    for one, other in zip(drawn.trace[:-2], plain.trace[:-2], strict=True):
        assert torch.equal(one, other)
    for one, other in zip(drawn.trace.opinion, plain.trace.opinion, strict=True):
        assert torch.equal(one, other)


def test_every_site_is_seen_once_a_pass(everything):
    captured, _ = everything
    once = ("text", "condition")  # the same for every step: prepared once
    for name, seen in captured.items():
        prompts = 2 if name.startswith("text_encoder") else 1 if name in once else STEPS
        assert len(seen) == prompts, name
        assert len(seen[0]) == (1 if name.startswith("text_encoder") else 2)


def test_attention_rows_sum_to_1_and_reproduce_the_output_of_their_module(everything, tiny):
    captured, _ = everything
    checked = 0
    for name, site in all_sites(tiny).items():
        if site.kind != "weights":
            continue
        weights = captured[name][0]
        torch.testing.assert_close(weights.sum(dim=-1), torch.ones(weights.shape[:-1]))
        if not isinstance(site.module, Attention):
            continue
        path = name.removesuffix(".weights")
        context = captured["text"][0]
        if path.endswith("self_attention"):
            continue  # its context is inside the layer: the same code, tested with hand-set keys
        if "text_blocks" in path:
            context = tiny.transformer.get_submodule(path.rpartition(".")[0]).to_context(context)
        value = site.module.value(context).unflatten(-1, (site.module.heads, -1)).transpose(1, 2)
        heads = (weights @ value).transpose(1, 2)
        torch.testing.assert_close(heads, captured[f"{path}.heads"][0], rtol=1e-5, atol=1e-5)
        output = site.module.out(heads.flatten(2))
        torch.testing.assert_close(output, captured[path][0], rtol=1e-5, atol=1e-5)
        checked += 1
    assert checked == len(text_attentions(tiny)) == 5


def test_weights_of_hand_set_keys_are_where_they_should_be():
    attention = Attention(8, 8, 2, bias=False, dropout=0.0)
    with torch.no_grad():
        attention.query.weight.copy_(torch.eye(8) * 100)
        attention.key.weight.copy_(torch.eye(8))
    context = torch.nn.functional.one_hot(torch.arange(4), 4).float().repeat(1, 2)[None]
    weights = attention_weights(attention, context[:, [2, 0]], context)
    expected = torch.nn.functional.one_hot(torch.tensor([2, 0]), 4).float()
    torch.testing.assert_close(weights[0], expected.expand(2, 2, 4))
    value = attention.value(context).unflatten(-1, (2, -1)).transpose(1, 2)
    mixed = attention.out((weights @ value).transpose(1, 2).flatten(2))
    torch.testing.assert_close(mixed, attention(context[:, [2, 0]], context))


def test_clips_words_see_no_later_word_and_its_output_is_reproduced(everything, tiny):
    captured, _ = everything
    weights = captured["text_encoder.layers.1.attention.weights"][0]
    assert (weights.triu(1) == 0).all()
    layer = tiny.text_encoder.clip.text_model.encoder.layers[1]
    normed = layer.layer_norm1(captured["text_encoder.layers.0"][0])
    heads = layer.self_attn.num_heads
    value = layer.self_attn.v_proj(normed).unflatten(-1, (heads, -1)).transpose(1, 2)
    output = layer.self_attn.out_proj((weights @ value).transpose(1, 2).flatten(2))
    torch.testing.assert_close(output, captured["text_encoder.layers.1.attention"][0])


def test_the_residual_stream_is_the_sum_of_what_its_parts_add(everything):
    captured, _ = everything
    added = ("self_attention", "text_attention", "feed_forward")
    total = captured["transformer_in"][1] + sum(captured[f"layers.0.{part}"][1] for part in added)
    torch.testing.assert_close(captured["layers.0"][1], total)


def test_full_size_amused_has_34_text_attentions(tiny):
    with torch.device("meta"):
        uvit = UViT(TransformerConfig())
    full = Amused(uvit, tiny.image_tokenizer, tiny.text_encoder)
    names = text_attentions(full)
    assert len(names) == 34
    assert names[0] == "down.text_blocks.0.attention_1"
    assert names[6] == "layers.0.text_attention"
    assert names[-1] == "up.text_blocks.2.attention_2"


def test_only_what_is_asked_for_is_kept_and_may_be_reduced(tiny):
    with capture(
        tiny, "layers.*.text_attention.weights", lambda held: held.mean(dim=1)
    ) as captured:
        generation(tiny)
    assert list(captured) == ["layers.0.text_attention.weights"]
    assert captured["layers.0.text_attention.weights"][0].shape == (2, 64, 32)


def test_null_changes_change_nothing_and_others_do(tiny):
    plain = generation(tiny)
    names = [name for name, site in all_sites(tiny).items() if site.kind != "weights"]
    with replaced(tiny, dict.fromkeys(names, lambda held, call: held)):
        same = generation(tiny)
    assert torch.equal(same.token_ids, plain.token_ids)
    for before, after in zip(plain.trace.opinion, same.trace.opinion, strict=True):
        assert torch.equal(before, after)
    with replaced(tiny, {"layers.0.text_attention.heads": lambda held, call: held * 0}):
        other = generation(tiny)
    assert not torch.equal(other.trace.confidence, plain.trace.confidence)


def test_no_heads_are_no_attention(tiny):
    """Zeroed heads leave the output map's bias, which aMUSEd has not."""
    with (
        replaced(tiny, {"layers.0.text_attention.heads": lambda held, call: held * 0}),
        capture(tiny, "layers.0.text_attention") as captured,
    ):
        generation(tiny)
    assert (captured["layers.0.text_attention"][0] == 0).all()


def test_a_change_may_wait_for_its_step(tiny):
    def in_the_last(held, call):
        return held * 0 if call == STEPS - 1 else held

    plain = generation(tiny)
    with replaced(tiny, {"transformer_out": in_the_last}):
        late = generation(tiny)
    assert torch.equal(late.trace.confidence[: STEPS - 1], plain.trace.confidence[: STEPS - 1])
    assert not torch.equal(late.trace.confidence, plain.trace.confidence)


def test_no_hook_stays_after_an_error_or_a_nested_context(tiny):
    before = num_hooks(tiny)

    def fail(held, call):
        raise RuntimeError("in the middle")

    with (
        pytest.raises(RuntimeError, match="in the middle"),
        capture(tiny, "logits"),
        replaced(tiny, {"layers.0": fail}),
    ):
        generation(tiny)
    assert num_hooks(tiny) == before
    with pytest.raises(UserError, match=r"no site is called 'layers\.9'"):
        with capture(tiny, ["logits", "layers.9"]):
            pass
    assert num_hooks(tiny) == before


def test_what_cannot_be_replaced_is_refused_in_a_sentence(tiny):
    with (
        pytest.raises(UserError, match=r"layers\.0\.self_attention\.weights can only be read"),
        replaced(tiny, {"layers.0.self_attention.weights": lambda held, call: held}),
    ):
        pass
    with (
        pytest.raises(UserError, match="gives the shape \\(2, 8, 8\\) where it holds"),
        replaced(tiny, {"logits": lambda held, call: held[..., 0]}),
    ):
        generation(tiny)


@pytest.mark.parametrize(("names", "named"), [([1], "1"), (None, "None"), (["logits", 2], "2")])
def test_what_is_no_text_is_no_sites_name(tiny, names, named):
    with (
        pytest.raises(UserError, match=f"^{named} is no site's name"),
        capture(tiny, names),
    ):
        pass


def test_a_change_is_a_function_that_gives_a_tensor(tiny):
    with (
        pytest.raises(UserError, match="the change of 'logits' is 5; give a function"),
        replaced(tiny, {"logits": 5}),
    ):
        pass
    with (
        pytest.raises(UserError, match="the change of logits gives None; give back a tensor"),
        replaced(tiny, {"logits": lambda held, call: None}),
    ):
        generation(tiny)


def test_of_an_unknown_site_only_the_nearest_are_named(tiny):
    with pytest.raises(UserError, match=r"did you mean 'layers\.0\.text_attention' or ") as refusal:
        find_sites(tiny, "layers.0.textattention")
    assert "all_sites(amused) lists all" in str(refusal.value)
    assert len(str(refusal.value)) < 300
