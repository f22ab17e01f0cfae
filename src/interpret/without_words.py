"""What the model says when it is not told some of the words.

Words are taken away in one of two ways. "in place": their pieces become padding, so that all other
words stay where they are; CLIP is still read out at the prompt's end, though padding may look like
an end. "left out": the prompt is written without them, and the words behind move up.

Dimensions: groups (of words taken away together), height, width (in tokens), hidden (positions of
the picture, row by row), codes, window (of the text encoder).
"""

from collections.abc import Iterator
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from src.amused import Amused
from src.conditioning.rows import Rows
from src.conditioning.text import Text, TextEncoder, stack_texts
from src.interpret.words import Words, check_groups
from src.limits import one_of
from src.predicting import predict_for
from src.sampler.guidance import Logits, guide, needs_unconditional

WAYS = ("in place", "left out")
AT_ONCE = 16  # groups in one pass: 8192 codes of 1024 tokens are 32 MiB each

Group = tuple[int, ...]


@torch.no_grad()
def texts_without(encoder: TextEncoder, words: Words, groups: Any, way: str = "in place") -> Text:
    """The encoded prompt, a row a group, each without its words; an empty group is the prompt.

    Raises UserError for another way, for what is no group, or for a word that is not there.
    """
    one_of("way", way, WAYS)
    check_groups(words, groups)
    if way == "left out":
        return encoder.encode([words.without(group) if group else words.prompt for group in groups])
    prompt_ids = encoder.prompt_ids([words.prompt])
    rows = []
    for group in groups:
        ids = prompt_ids.clone()
        ids[0, [at for word in group for at in words.pieces[word]]] = encoder.tokenizer.pad_token_id
        rows.append(_read_at_the_end(encoder, ids, words.end))
    return stack_texts(rows)


def log_probs_without(
    amused: Amused,
    token_ids: Int[Tensor, "height width"],
    is_hidden: Bool[Tensor, "height width"],
    texts: Text,
    rows: Rows,
    guidance_scale: float = 1.0,
    dtype: torch.dtype | None = None,
) -> Iterator[Float[Tensor, "some hidden codes"]]:
    """What the model says at the hidden positions of one picture, some groups at a time, in order.

    texts: of all groups, as `texts_without` gives them.
    rows: of the picture alone: its micro-conditions, and what guidance compares with.
    guidance_scale, dtype: as `sampler.guidance` has them; 1 = off.
    """
    negative = None
    if needs_unconditional(guidance_scale):
        negative = _logits(amused, token_ids, rows.negative, rows.negative_micro_cond)
    for numbers in torch.arange(len(texts.pooled_text)).split(AT_ONCE):
        some = texts.rows(numbers.tolist())
        logits = _logits(amused, token_ids, some, rows.micro_cond.expand(len(numbers), -1))
        other = None if negative is None else negative.expand_as(logits)
        guided = guide(Logits(logits, other), guidance_scale, dtype)
        at = is_hidden.flatten().to(guided.device)
        yield guided[:, at].float().log_softmax(dim=-1).cpu()


@torch.no_grad()
def _logits(
    amused: Amused,
    token_ids: Int[Tensor, "height width"],
    text: Text,
    micro_cond: Float[Tensor, "groups 5"],
) -> Float[Tensor, "groups seq codes"]:
    predict = predict_for(amused.transformer, Rows(text, text, micro_cond, micro_cond))
    canvas = token_ids.to(amused.device).expand(len(micro_cond), -1, -1)
    return predict(canvas, canvas == amused.transformer.mask_token_id, False).conditional


def _read_at_the_end(encoder: TextEncoder, prompt_ids: Int[Tensor, "1 window"], end: int) -> Text:
    """What CLIP makes of ids, pooled at a position that is said, not looked for."""
    output = encoder.clip(prompt_ids.to(encoder.device), output_hidden_states=True)
    pooled = encoder.clip.text_projection(output.last_hidden_state[:, end])
    return Text(output.hidden_states[-2], pooled)
