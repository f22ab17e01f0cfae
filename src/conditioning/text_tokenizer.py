"""A stand-in for CLIP's text tokenizer: its sizes and special ids, not its merges.

CLIP's own vocabulary is data that comes with a checkpoint. A system built from a configuration
alone still needs a tokenizer of the right sizes, and this one is made by rule: single bytes, then
all groups of two and three letters. Its ids mean nothing to weights trained with CLIP's.

Ids, from 0: 256 bytes, 256 bytes that end a word, merges, fillers; the last two are begin- and
end-of-text (49406 and 49407 at CLIP's size).
"""

from itertools import islice, product
from string import ascii_lowercase

from transformers import CLIPTokenizer
from transformers.convert_slow_tokenizer import bytes_to_unicode

CLIP_VOCAB_SIZE = 49408
CLIP_WINDOW = 77
BOS, EOS = "<|startoftext|>", "<|endoftext|>"
WORD_END = "</w>"
NUM_BYTE_ENTRIES = 512
SMALLEST_VOCAB_SIZE = NUM_BYTE_ENTRIES + 2


def stand_in_tokenizer(
    vocab_size: int = CLIP_VOCAB_SIZE, window: int = CLIP_WINDOW
) -> CLIPTokenizer:
    """Make the stand-in with exactly `vocab_size` ids, 514 or more; the last one ends a text.

    window: ids of one prompt, begin- and end-of-text included.
    """
    if vocab_size < SMALLEST_VOCAB_SIZE:
        raise ValueError(
            f"vocab_size is {vocab_size}: the bytes and the two special ids need at least "
            f"{SMALLEST_VOCAB_SIZE}"
        )
    letters = list(bytes_to_unicode().values())
    merges = list(islice(_merges(), vocab_size - SMALLEST_VOCAB_SIZE))
    entries = [*letters, *(letter + WORD_END for letter in letters)]
    entries += [left + right for left, right in merges]
    entries += [f"<|stand-in {index}|>" for index in range(len(entries), vocab_size - 2)]
    vocabulary = {entry: index for index, entry in enumerate([*entries, BOS, EOS])}
    return CLIPTokenizer(vocab=vocabulary, merges=merges, model_max_length=window)


def _merges():
    """Groups of two letters, then of three; each first inside a word, then at its end."""
    pairs = ["".join(pair) for pair in product(ascii_lowercase, repeat=2)]
    for end in ("", WORD_END):
        yield from ((pair[0], pair[1] + end) for pair in pairs)
    for end in ("", WORD_END):
        yield from ((pair, letter + end) for pair, letter in product(pairs, ascii_lowercase))
