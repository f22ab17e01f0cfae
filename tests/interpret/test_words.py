"""Words: every piece between begin and end belongs to one, in order, wherever the prompt is cut."""

import pytest

from src.amused import Amused
from src.errors import UserError
from src.interpret.words import check_groups, words_of

PROMPTS = ["a small red sun", "  a zebra,  a   RED sun ", "sun", "a sun, a sun and a sun"]


@pytest.fixture(scope="module")
def encoder(tiny):
    return tiny.text_encoder


@pytest.mark.parametrize("prompt", PROMPTS)
def test_every_piece_between_begin_and_end_belongs_to_one_word_in_order(encoder, prompt):
    words = words_of(encoder, prompt)
    pieces = [piece for each in words.pieces for piece in each]
    assert pieces == list(range(1, words.end))
    assert words.window == encoder.window
    ids = encoder.tokenizer(prompt).input_ids
    assert words.end == len(ids) - 1
    for text, (start, stop) in zip(words.texts, words.spans, strict=True):
        assert prompt[start:stop] == text == text.strip()
    assert [char for text in words.texts for char in text] == list("".join(prompt.split()))


def test_a_word_that_the_grammar_lacks_has_several_pieces(encoder):
    words = words_of(encoder, "a zebra, a sun")
    assert words.texts == ("a", "zebra", ",", "a", "sun")
    assert [len(each) for each in words.pieces] == [1, 6, 1, 1, 1]


def test_words_of_a_byte_pair_tokenizer_are_found_too(tiny_settings):
    settings = {key: part for key, part in tiny_settings.items() if key != "tokenizer"}
    encoder = Amused.from_config(settings).text_encoder
    words = words_of(encoder, "a red zebra, ok")
    assert words.texts == ("a", "red", "zebra", ",", "ok")
    assert len(words.pieces[2]) == 2


def test_what_does_not_fit_into_the_window_is_no_word_that_is_read(encoder):
    words = words_of(encoder, "sun " * 40)
    assert len(words) == encoder.window - 2
    assert words.end == encoder.window - 1


def test_a_word_is_found_by_its_text_and_by_which_of_them(encoder):
    words = words_of(encoder, "a Sun above a sun")
    assert (words.index("sun"), words.index("SUN", 1), words.index("a", 1)) == (1, 4, 3)
    with pytest.raises(UserError, match="'moon' is no word of the prompt"):
        words.index("moon")
    with pytest.raises(UserError, match="which=2: 'sun' comes 2 times"):
        words.index("sun", 2)


def test_words_are_left_out_without_a_trace(encoder):
    words = words_of(encoder, "a small red sun, on a  white background")
    assert words.without((2,)) == "a small sun, on a white background"
    assert words.without((0, 1, 2, 3, 4)) == "on a white background"
    assert words.without(()) == "a small red sun, on a white background"
    assert words.without(tuple(range(len(words)))) == ""


def test_no_words_and_words_that_are_not_there_are_refused(encoder):
    with pytest.raises(UserError, match="the prompt '  ' has no words"):
        words_of(encoder, "  ")
    with pytest.raises(UserError, match="word 3 is not there: the prompt has 2 words"):
        check_groups(words_of(encoder, "red sun"), [(0,), (3,)])


@pytest.mark.parametrize(
    "groups", [[("sun",)], [0], [(1.0,)], [(0, 0)], ["sun"], "sun", 3, [(True,)], [[0]]]
)
def test_what_is_no_group_of_words_is_refused(encoder, groups):
    with pytest.raises(UserError, match=r"give places of words, from 0"):
        check_groups(words_of(encoder, "red sun"), groups)


def test_what_is_no_text_and_no_place_is_refused(encoder):
    words = words_of(encoder, "red sun")
    for prompt in (5, ["red sun"]):
        with pytest.raises(UserError, match=r"prompt is .*, which is no text"):
            words_of(encoder, prompt)
    with pytest.raises(UserError, match="word is 5, which is no text"):
        words.index(5)
    with pytest.raises(UserError, match="which='x': 'sun' comes 1 times"):
        words.index("sun", "x")
    with pytest.raises(UserError, match="word 99 is not there"):
        words.without((99,))
