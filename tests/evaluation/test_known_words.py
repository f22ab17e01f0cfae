"""A CLIP that knows the glyph world's words alone judges no prompts of other words."""

import copy

import pytest
from tokenizers import Tokenizer, pre_tokenizers
from tokenizers.models import BPE
from transformers import PreTrainedTokenizerFast

from src.errors import UserError
from src.evaluation.config import EvaluationConfig
from src.evaluation.known_words import check_words
from src.evaluation.suite import open_clip


@pytest.fixture(scope="module")
def glyph_clip():
    return open_clip(EvaluationConfig())


def test_the_first_word_that_it_would_spell_is_named_with_the_remedy(glyph_clip):
    prompts = ["a red heart on a white background", "A photo of a Dog on a beach"]
    with pytest.raises(UserError) as refused:
        check_words(glyph_clip, prompts)
    assert str(refused.value) == (
        "prompts_file has the word 'photo', which the CLIP glyph-clip does not know: give "
        "evaluation.clip= one that knows your prompts, such as openai/clip-vit-large-patch14."
    )
    with pytest.raises(UserError, match=r"^tuning\.prompts_file has the word 'zebra'"):
        check_words(glyph_clip, ["a red heart above  a zebra"], "tuning.prompts_file")


def test_the_worlds_own_words_are_known_in_any_case_and_spacing(glyph_clip):
    check_words(glyph_clip, ["A large RED  heart, above a small blue anchor on a white background"])


def test_a_tokenizer_that_spells_nothing_in_bytes_knows_every_prompt(glyph_clip):
    vocabulary = {sign: index for index, sign in enumerate("abcdefghijklmnopqrstuvwxyz")}
    tokenizer = Tokenizer(BPE(vocab=vocabulary, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    other = copy.copy(glyph_clip)
    other.text_tokenizer = PreTrainedTokenizerFast(tokenizer_object=tokenizer)
    check_words(other, ["a photo of a dog"])
