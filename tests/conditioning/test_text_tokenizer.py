"""The stand-in tokenizer has CLIP's sizes and special ids."""

import pytest
from transformers import CLIPTokenizer

from src.conditioning.text_tokenizer import stand_in_tokenizer
from src.conditioning.tokenizer_folder import load_text_tokenizer, save_text_tokenizer
from src.errors import UserError

PROMPT = "A small green heart, é ☂!"


@pytest.fixture(scope="module")
def stand_in():
    return stand_in_tokenizer()


def test_sizes_and_special_ids_are_those_of_clip(stand_in):
    assert len(stand_in) == 49408
    assert stand_in.model_max_length == 77
    assert (stand_in.bos_token_id, stand_in.eos_token_id) == (49406, 49407)
    assert stand_in.pad_token_id == 49407


def test_a_prompt_begins_and_ends_with_the_special_ids(stand_in):
    ids = stand_in(PROMPT).input_ids
    assert (ids[0], ids[-1]) == (49406, 49407)
    assert max(ids[1:-1]) < 49406


def test_different_prompts_have_different_ids(stand_in):
    prompts = ["red heart", "redheart", "red hearts", "heart red", "rad heart", ""]
    assert len({tuple(stand_in(prompt).input_ids) for prompt in prompts}) == len(prompts)


def test_small_sizes_keep_every_byte():
    small = stand_in_tokenizer(vocab_size=600, window=12)
    assert len(small) == 600
    assert small("ab").input_ids[0] == 598
    assert small.decode(small(PROMPT).input_ids, skip_special_tokens=True).startswith("a small")
    with pytest.raises(ValueError, match="at least 514"):
        stand_in_tokenizer(vocab_size=513)


def test_the_published_pair_of_files_gives_the_same_ids(stand_in, tmp_path):
    assert save_text_tokenizer(stand_in, tmp_path) == "CLIPTokenizer"
    (tmp_path / "tokenizer.json").unlink()  # leaves vocab.json and merges.txt, as published
    opened = load_text_tokenizer(tmp_path, "CLIPTokenizer")
    assert isinstance(opened, CLIPTokenizer)
    assert opened(PROMPT).input_ids == stand_in(PROMPT).input_ids
    assert len(opened) == 49408


@pytest.mark.parametrize(
    ("class_name", "sentence"),
    [
        ("CLIPTokenizerX", "did you mean 'CLIPTokenizer'"),
        ("CLIPTokenizer", "vocab.json is missing"),
        ("PreTrainedTokenizerFast", "tokenizer.json is missing"),
    ],
)
def test_a_folder_that_cannot_be_opened_is_named(class_name, sentence, tmp_path):
    with pytest.raises(UserError, match=sentence):
        load_text_tokenizer(tmp_path, class_name)


def test_a_damaged_file_is_named(tmp_path):
    (tmp_path / "tokenizer.json").write_text("{")
    with pytest.raises(UserError, match="cannot be read"):
        load_text_tokenizer(tmp_path, "PreTrainedTokenizerFast")
