"""Without a word: nothing else moves in place, and all behind it moves where it is left out."""

import pytest
import torch

from src.errors import UserError
from src.interpret.without_words import WAYS, texts_without
from src.interpret.words import words_of

PROMPT = "a small red sun on a white background"


@pytest.fixture(scope="module")
def encoder(tiny):
    return tiny.text_encoder


@pytest.fixture(scope="module")
def words(encoder):
    return words_of(encoder, PROMPT)


@pytest.mark.parametrize("way", WAYS)
def test_without_nothing_the_prompt_is_what_it_was_to_the_last_bit(encoder, words, way):
    found, plain = texts_without(encoder, words, [()], way), encoder.encode([PROMPT])
    assert torch.equal(found.text_states, plain.text_states)
    assert torch.equal(found.pooled_text, plain.pooled_text)


def test_in_place_what_stands_before_the_word_does_not_change_and_the_rest_does(encoder, words):
    whole, found = (texts_without(encoder, words, [group]).text_states[0] for group in ((), (2,)))
    (at,) = words.pieces[2]
    assert torch.equal(found[:at], whole[:at])
    assert (found[at:] != whole[at:]).any(dim=1).all()


def test_in_place_the_text_is_read_at_its_own_end_though_padding_looks_like_an_end(encoder):
    assert encoder.tokenizer.pad_token_id == encoder.tokenizer.eos_token_id
    pooled = [
        texts_without(encoder, words_of(encoder, prompt), [(1,)]).pooled_text
        for prompt in ("a red sun", "a red heart")
    ]
    assert not torch.allclose(*pooled, atol=1e-3)


def test_left_out_is_the_shorter_prompt(encoder, words):
    found = texts_without(encoder, words, [(2,), (0, 1, 2)], "left out")
    plain = encoder.encode(["a small sun on a white background", "sun on a white background"])
    assert torch.equal(found.text_states, plain.text_states)
    assert torch.equal(found.pooled_text, plain.pooled_text)


def test_every_piece_of_a_word_goes(encoder):
    words = words_of(encoder, "a zebra on white")
    in_place = texts_without(encoder, words, [(1,)]).text_states
    blank = encoder.prompt_ids(["a on white"])  # the same ids, moved apart again
    ids = torch.full_like(blank, encoder.tokenizer.pad_token_id)
    ids[0, :2], ids[0, words.pieces[2][0] : words.end] = blank[0, :2], blank[0, 2:4]
    with torch.no_grad():
        assert torch.equal(in_place, encoder(ids).text_states)


def test_another_way_and_a_word_that_is_not_there_are_refused(encoder, words):
    with pytest.raises(UserError, match="way='cut' is unknown"):
        texts_without(encoder, words, [(0,)], "cut")
    with pytest.raises(UserError, match="word 8 is not there"):
        texts_without(encoder, words, [(8,)])
