"""The glyph tokenizer knows its grammar by word and every other text by byte."""

import pytest
from transformers import AutoTokenizer

from src.conditioning.glyph_tokenizer import build_tokenizer
from src.conditioning.tokenizer_folder import save_text_tokenizer

WORDS = ["a", "red", "umbrella", "above", ","]


@pytest.fixture(scope="module")
def tokenizer():
    return build_tokenizer(WORDS, window=16)


def ids_of(tokenizer, prompt: str) -> list[int]:
    window = tokenizer.model_max_length
    return tokenizer(prompt, padding="max_length", truncation=True, max_length=window).input_ids


def test_a_grammar_word_is_one_id(tokenizer):
    ids = ids_of(tokenizer, "a red umbrella, a red")
    assert ids[1:7] == [257, 258, 259, 261, 257, 258]


def test_end_of_text_is_the_highest_id_and_pads(tokenizer):
    ids = ids_of(tokenizer, "a red")
    highest = len(tokenizer) - 1
    assert highest == 1 + 256 + len(WORDS) + 1
    assert ids == [highest - 1, 257, 258] + [highest] * 13


def test_the_empty_prompt_is_begin_and_end_only(tokenizer):
    highest = len(tokenizer) - 1
    assert ids_of(tokenizer, "") == [highest - 1] + [highest] * 15


def test_an_unknown_word_becomes_its_bytes(tokenizer):
    ids = ids_of(tokenizer, "é b")
    assert ids[1:6] == [0, 1 + 0xC3, 1 + 0xA9, 0, 1 + ord("b")]


@pytest.mark.parametrize("prompt", ["a red umbrella, above", "zebra ☂ 7", "ab", "a b", ""])
def test_decoding_gives_the_text_back(tokenizer, prompt):
    assert tokenizer.decode(tokenizer(prompt).input_ids, skip_special_tokens=True) == prompt


def test_case_and_spacing_do_not_matter(tokenizer):
    assert ids_of(tokenizer, "  A\tRED  umbrella") == ids_of(tokenizer, "a red umbrella")


def test_different_unknown_words_have_different_ids(tokenizer):
    prompts = ["ab", "a b", "ba", "b a", "a", "aa", "a a", "red", "re d", "redd"]
    assert len({tuple(ids_of(tokenizer, prompt)) for prompt in prompts}) == len(prompts)


def test_saved_and_opened_again_it_gives_the_same_ids(tokenizer, tmp_path):
    tokenizer.save_pretrained(tmp_path)
    opened = AutoTokenizer.from_pretrained(tmp_path)
    assert ids_of(opened, "a red zebra ☂") == ids_of(tokenizer, "a red zebra ☂")


@pytest.mark.parametrize("word", ["light-blue", "two words", "", "Red", "▁a"])
def test_a_word_that_splitting_would_take_apart_is_refused(word):
    with pytest.raises(ValueError, match="taken apart"):
        build_tokenizer(["a", word])


def test_a_word_given_twice_is_refused():
    with pytest.raises(ValueError, match="more than once: red"):
        build_tokenizer(["red", "a", "red"])


def test_a_saved_tokenizer_does_not_depend_on_what_it_was_asked_before(tmp_path):
    fresh, used = build_tokenizer(WORDS), build_tokenizer(WORDS)
    used("a red", padding="max_length", truncation=True, max_length=16)
    for name, tokenizer in (("fresh", fresh), ("used", used)):
        save_text_tokenizer(tokenizer, tmp_path / name)
    files = sorted(path.name for path in (tmp_path / "fresh").iterdir())
    for name in files:
        assert (tmp_path / "fresh" / name).read_text() == (tmp_path / "used" / name).read_text()
