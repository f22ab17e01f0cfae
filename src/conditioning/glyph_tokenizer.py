"""The glyph world's text tokenizer: one id a word of the grammar, one id a byte for any other text.

Ids, from 0: the word-start mark, the 256 bytes, the grammar's words in the order given, then
begin-of-text and end-of-text. End-of-text has the highest id and is also the padding, because
CLIP pools at the position of the highest id, which is then the first end-of-text.
"""

import unicodedata

from tokenizers import Regex, Tokenizer, decoders, normalizers, pre_tokenizers, processors
from tokenizers.models import BPE
from transformers import PreTrainedTokenizerFast

BOS, EOS = "<|startoftext|>", "<|endoftext|>"
WORD_START = "▁"  # U+2581; the Metaspace convention for "a word begins here"
NUM_BYTES = 256


def build_tokenizer(words: list[str], window: int = 32) -> PreTrainedTokenizerFast:
    """Make the tokenizer of a world whose captions are built from `words`.

    words: distinct, lower-case, each either without punctuation or a single punctuation sign.
    window: ids of one prompt, begin- and end-of-text included; the `model_max_length`.

    Text is lower-cased and split at spaces and punctuation; a word the grammar lacks becomes its
    UTF-8 bytes, so that no two different prompts of the window share their ids. Saved with
    `save_pretrained` it opens in any transformers that reads `tokenizer.json`.

    Raises ValueError for a word that the splitting would take apart or that comes twice.
    """
    tokenizer = Tokenizer(
        BPE(vocab=_vocabulary(words), merges=[], byte_fallback=True, ignore_merges=True)
    )
    tokenizer.normalizer = normalizers.Sequence(
        [
            normalizers.NFC(),
            normalizers.Lowercase(),
            normalizers.Replace(Regex(r"\s+"), " "),
            normalizers.Strip(),
        ]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Metaspace(prepend_scheme="always"),
            pre_tokenizers.Punctuation("isolated"),
        ]
    )
    tokenizer.decoder = decoders.Sequence(
        [decoders.ByteFallback(), decoders.Metaspace(prepend_scheme="always")]
    )
    specials = [(token, tokenizer.token_to_id(token)) for token in (BOS, EOS)]
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{BOS} $A {EOS}", special_tokens=specials
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token=BOS,
        eos_token=EOS,
        pad_token=EOS,
        model_max_length=window,
    )


def _vocabulary(words: list[str]) -> dict[str, int]:
    entries = [WORD_START, *(f"<0x{byte:02X}>" for byte in range(NUM_BYTES))]
    for word in words:
        is_sign = len(word) == 1 and _is_punctuation(word)
        is_plain = word != "" and word == word.lower() and not any(map(_breaks_word, word))
        if not (is_sign or is_plain):
            raise ValueError(
                f"the word {word!r} would be taken apart: give lower-case words without spaces "
                "or punctuation, or a single punctuation sign"
            )
        entries.append(word if is_sign else WORD_START + word)
    if len(set(entries)) != len(entries):
        twice = sorted({word for word in words if words.count(word) > 1})
        raise ValueError(f"each word must be given once; given more than once: {', '.join(twice)}")
    return {entry: index for index, entry in enumerate([*entries, BOS, EOS])}


def _breaks_word(char: str) -> bool:
    return char.isspace() or char == WORD_START or _is_punctuation(char)


def _is_punctuation(char: str) -> bool:
    """Punctuation as the tokenizers library splits it: ASCII signs and Unicode category P."""
    is_ascii_sign = char.isascii() and char.isprintable() and not (char.isalnum() or char == " ")
    return is_ascii_sign or unicodedata.category(char).startswith("P")
