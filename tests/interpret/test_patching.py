"""A patch is exactly what it carries: nothing of one's own, everything of all the other's."""

import pytest
import torch

from src.amused import Amused
from src.data.micro_cond import MicroCond
from src.errors import UserError
from src.interpret.logit_lens import finish
from src.interpret.patched_pictures import patched_pictures
from src.interpret.patching import (
    DIRECTIONS,
    KINDS,
    Patch,
    Told,
    changed_words,
    contrast,
    effects,
    pass_through,
    patched_logits,
)

CLEAN = "a small red sun on a white background"
CORRUPT = "a small blue sun on a white background"
MICRO = MicroCond(32.0, 32.0, 0.0, 0.0, 6.0)
ALL_WORDS = tuple(range(32))


@pytest.fixture(scope="module")
def deep(tiny_settings):
    settings = dict(tiny_settings)
    settings["transformer"] = settings["transformer"] | {"num_hidden_layers": 2}
    return Amused.from_config(settings, seed=5)


@pytest.fixture(scope="module")
def canvas():
    """The upper half hidden."""
    ids = torch.randint(0, 32, (1, 8, 8), generator=torch.Generator().manual_seed(1))
    ids[:, :4] = 39
    return ids


@pytest.fixture(scope="module")
def pair(deep, canvas):
    return contrast(deep, CLEAN, CORRUPT, canvas, MICRO)


@pytest.fixture(scope="module")
def found(deep, pair):
    """In both directions."""
    return {direction: effects(deep, pair, direction) for direction in DIRECTIONS}


def num_hooks(amused):
    modules = [*amused.transformer.modules(), *amused.text_encoder.modules()]
    return sum(len(each._forward_hooks) + len(each._forward_pre_hooks) for each in modules)


def test_a_pass_patched_with_its_own_parts_is_itself(pair, deep):
    for side in (pair.clean, pair.corrupt):
        everything = Patch(ALL_WORDS, True, tuple(side.held))
        assert torch.equal(patched_logits(deep, side, side, everything), side.logits)
        assert torch.equal(patched_logits(deep, side, side, Patch()), side.logits)


def test_all_of_the_prompt_turns_the_one_pass_into_the_other(pair, deep):
    everything = Patch(ALL_WORDS, pooled=True)
    there = patched_logits(deep, pair.corrupt, pair.clean, everything)
    back = patched_logits(deep, pair.clean, pair.corrupt, everything)
    assert torch.equal(there, pair.clean.logits)
    assert torch.equal(back, pair.corrupt.logits)
    assert pair.restored(there) == 1
    assert pair.restored(back) == 0
    only_words = patched_logits(deep, pair.corrupt, pair.clean, Patch(ALL_WORDS))
    assert not torch.equal(only_words, pair.clean.logits)


@pytest.mark.parametrize("site", ["transformer_in", "layers.0", "layers.1"])
def test_the_whole_residual_stream_is_all_that_the_layers_pass_on_of_a_canvas(
    site, pair, deep, canvas
):
    """Same prompt, other canvas: the stream alone makes the other pass."""
    told = pair.clean.told
    other = pass_through(deep, told._replace(canvas=(canvas + 1).clamp(max=39)))
    assert not torch.equal(other.logits, pair.clean.logits)
    patched = patched_logits(deep, other, pair.clean, Patch(sites=(site,)))
    assert torch.equal(patched, pair.clean.logits)


def test_a_patched_stream_runs_on_with_the_prompt_of_the_pass_it_is_put_into(pair, deep):
    uvit, told = deep.transformer, pair.corrupt.told
    patched = patched_logits(deep, pair.corrupt, pair.clean, Patch(sites=("layers.0",)))
    with torch.no_grad():
        condition = uvit.prepare(*told.text, told.micro_cond)
        states = uvit.layers[1](pair.clean.held["layers.0"], *condition)
        assert torch.equal(patched, finish(uvit, states, condition, (8, 8))[0])
    assert not torch.equal(patched, pair.clean.logits)


def test_effects_are_those_of_the_patches_one_by_one_in_any_order(pair, deep, found):
    found = found["denoising"]
    assert found.layers.shape == (2, len(KINDS))
    assert found.num_places == len(pair.places) > 0
    later = patched_logits(deep, pair.corrupt, pair.clean, Patch(sites=("layers.1",)))
    assert found.layers[1, 0].item() == pytest.approx(pair.restored(later))
    (word,) = changed_words(deep, CLEAN, CORRUPT)
    alone = patched_logits(deep, pair.corrupt, pair.clean, Patch((word,)))
    assert found.words[word].item() == pytest.approx(pair.restored(alone))


def test_a_causal_encoder_has_nothing_to_patch_before_the_word(deep, found):
    (word,) = changed_words(deep, CLEAN, CORRUPT)
    for direction, untouched in (("denoising", 0.0), ("noising", 1.0)):
        assert (found[direction].words[:word] == untouched).all()
        assert (found[direction].words[word:] != untouched).all()
        assert found[direction].direction == direction


def test_the_difference_is_measured_between_the_two_likeliest_codes(pair):
    assert torch.equal(pair.clean.logits.argmax(dim=-1)[pair.places], pair.clean_ids)
    assert torch.equal(pair.corrupt.logits.argmax(dim=-1)[pair.places], pair.corrupt_ids)
    assert pair.logit_difference(pair.clean.logits) > 0 > pair.logit_difference(pair.corrupt.logits)
    assert (pair.places < 32).all()  # hidden ones only
    halfway = (pair.clean.logits + pair.corrupt.logits) / 2
    assert pair.restored(halfway) == pytest.approx(0.5, abs=1e-5)
    assert pair.restored(3 * halfway + 7) != pytest.approx(1)


def test_guidance_leaves_the_scale_as_it_is(pair, deep):
    """The unconditional side, the same for all three, falls out."""
    patched = patched_logits(deep, pair.corrupt, pair.clean, Patch(sites=("layers.0",)))
    empty = Told(pair.clean.told.canvas, deep.encode_prompts(""), pair.clean.told.micro_cond)
    unconditional = pass_through(deep, empty).logits

    def guided(logits):
        return unconditional + 3 * (logits - unconditional)

    sides = (each._replace(logits=guided(each.logits)) for each in pair[:2])
    strong = pair._replace(**dict(zip(("clean", "corrupt"), sides, strict=True)))
    assert strong.restored(guided(patched)) == pytest.approx(pair.restored(patched), abs=1e-4)


def test_places_may_be_chosen_among_the_hidden(pair, deep, canvas):
    place = tuple(divmod(int(pair.places[0]), 8))
    one = contrast(deep, CLEAN, CORRUPT, canvas, MICRO, [place])
    assert one.places.tolist() == [int(pair.places[0])]
    once = contrast(deep, CLEAN, CORRUPT, canvas, MICRO, iter([place]))  # gone through only once
    assert torch.equal(once.places, one.places)
    with pytest.raises(UserError, match=r"position \(7, 0\) is not hidden in this canvas"):
        contrast(deep, CLEAN, CORRUPT, canvas, MICRO, [(7, 0)])
    same = (pair.clean.logits.argmax(-1) == pair.corrupt.logits.argmax(-1))[:32].nonzero()
    agreed = tuple(divmod(int(same[0, 0]), 8))
    with pytest.raises(UserError, match="have the same likeliest codes at all 1 positions"):
        contrast(deep, CLEAN, CORRUPT, canvas, MICRO, [agreed])


def test_no_hook_stays_whatever_happens(pair, deep):
    before = num_hooks(deep)
    patched_logits(deep, pair.corrupt, pair.clean, Patch(sites=("layers.0",)))
    with pytest.raises(UserError, match=r"the site 'layers\.7' was not kept"):
        patched_logits(deep, pair.corrupt, pair.clean, Patch(sites=("layers.0", "layers.7")))
    with pytest.raises(UserError, match="no word 32: a prompt has 0 to 31"):
        patched_logits(deep, pair.corrupt, pair.clean, Patch((32,)))
    with pytest.raises(UserError, match="direction='sideways' is unknown"):
        effects(deep, pair, "sideways")
    assert num_hooks(deep) == before


def test_prompts_must_differ_in_one_word_of_equal_length(deep):
    assert changed_words(deep, CLEAN, CORRUPT) == [3]
    for other in (CLEAN, "a large blue sun on a white background and", "a small red sun"):
        with pytest.raises(UserError, match="must differ in one word of equally many ids"):
            changed_words(deep, CLEAN, other)
    with pytest.raises(UserError, match=r"differ at the places \[2, 4\]"):
        changed_words(deep, CLEAN, "a large red star on a white background")


DRAWING = {"num_steps": 2, "guidance_scale": 3.0}


def test_pictures_patched_with_everything_are_the_clean_one_and_with_nothing_the_corrupt(deep):
    patches = {
        "nothing": Patch(),
        "prompt": Patch(ALL_WORDS, True),
        "logits": Patch(sites=("logits",)),
    }
    found = patched_pictures(
        deep, CLEAN, CORRUPT, {**patches, "layer 0": Patch(sites=("layers.0",))}, 3, **DRAWING
    )
    assert found.apart > 0
    assert found.from_clean[1:3].tolist() == [0, 0]
    assert found.from_corrupt[0] == 0
    assert found.from_clean[0] == pytest.approx(found.apart)
    assert 0 < found.from_corrupt[3] <= 1


def test_however_many_go_through_together_only_prompted_rows_are_patched(deep):
    wide = Amused(*deep._parts, pictures_per_pass=2)
    found = patched_pictures(wide, CLEAN, CORRUPT, {"all": Patch(sites=("logits",))}, 3, **DRAWING)
    assert found.from_clean.tolist() == [0]
    with pytest.raises(UserError, match=r"patches=\{\} is empty"):
        patched_pictures(deep, CLEAN, CORRUPT, {}, 3)


@pytest.mark.parametrize(
    ("places", "sentence"),
    [
        ([], "places=.* holds no position"),
        ("ab", "places=.* holds no position"),
        ([3], "places has the position 3; give"),
        ([(1.0, 2)], "places has the position"),
    ],
)
def test_places_are_positions(deep, canvas, places, sentence):
    with pytest.raises(UserError, match=sentence):
        contrast(deep, CLEAN, CORRUPT, canvas, MICRO, places)


def test_two_texts_are_held_beside_each_other_at_one_canvas(deep, canvas):
    with pytest.raises(UserError, match="canvas is of 2 pictures; give one"):
        contrast(deep, CLEAN, CORRUPT, canvas.expand(2, -1, -1), MICRO)
    with pytest.raises(UserError, match="corrupt is 5, which is no text"):
        contrast(deep, CLEAN, 5, canvas, MICRO)
    with pytest.raises(UserError, match="canvas holds 300 at"):
        contrast(deep, CLEAN, CORRUPT, torch.full_like(canvas, 300), MICRO)
