"""Which word is behind which token: what becomes of its probability when the word is not said.

An attribution by intervention: the model is asked again without the word, and the tokens' codes are
held fixed. It says what the word did to this canvas, in nats, not where the model looked.

Dimensions: steps, groups (of words that are dropped together), height, width (in tokens), hidden,
codes.
"""

from typing import Any, NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from src.amused import Amused
from src.conditioning.rows import Rows
from src.errors import UserError
from src.interpret.ask_again import (
    Run,
    canvas_before,
    check_same_model,
    guidance_dtype,
    guidance_in,
    rows_of,
    trace_of,
)
from src.interpret.checked import check_canvas, check_picture
from src.interpret.commit_order import was_drawn
from src.interpret.teacher_forcing import told
from src.interpret.without_words import Group, log_probs_without, texts_without
from src.interpret.words import Words, check_groups, words_of
from src.masking.corrupt import MaskedTokens
from src.sampler.entropies import divergence


class WordDrop(NamedTuple):
    """Of one picture; 0 where nothing was hidden. A picture with its truth is of one step."""

    words: Words
    groups: tuple[Group, ...]  # what was dropped together: places of `words`
    change: Float[Tensor, "steps groups height width"]  # nats, log p(code) with the words, less
    # that without them: above 0 where they spoke for the code
    divergence: Float[Tensor, "steps groups height width"]  # nats, KL(with || without), from 0
    is_hidden: Bool[Tensor, "steps height width"]

    @property
    def names(self) -> list[str]:
        """What was dropped, in words."""
        return [" ".join(self.words.texts[word] for word in group) for group in self.groups]

    @property
    def effects(self) -> Float[Tensor, "groups"]:
        """Nats a hidden token: the mean change over all that was hidden in any step."""
        return self.change.sum(dim=(0, 2, 3)) / self.is_hidden.sum()

    @property
    def total(self) -> Float[Tensor, "groups height width"]:
        """The change at each position, as a mean over the steps in which it was hidden."""
        times = self.is_hidden.sum(dim=0).clamp(min=1)
        return self.change.sum(dim=0) / times


def word_drop(
    amused: Amused,
    hidden: MaskedTokens,
    prompt: str,
    micro_cond: Any,
    groups: Any = None,
    way: str = "in place",
) -> WordDrop:
    """Of a real picture, some of its tokens hidden: what each word does for the true codes.

    hidden: one picture, as `teacher_forcing.hide_share` makes it.
    groups: words to drop together, by their places; None = each word alone.
    way: "in place" or "left out"; see `without_words`.
    Raises UserError for several pictures, or none hidden, or groups that are none.
    """
    if len(hidden.token_ids) != 1 or not hidden.is_masked.any():
        raise UserError(
            f"{len(hidden.token_ids)} pictures with {int(hidden.is_masked.sum())} hidden tokens "
            "are given; give one picture, some of its tokens hidden."
        )
    check_canvas(amused, hidden.token_ids)
    words = words_of(amused.text_encoder, prompt)
    groups = _groups(words, groups)
    texts = texts_without(amused.text_encoder, words, [(), *groups], way)
    is_hidden, codes = hidden.is_masked[0].cpu(), hidden.targets[0].cpu()
    rows = told(amused, [prompt], micro_cond)
    canvas = hidden.token_ids[0]
    effect = _effect(log_probs_without(amused, canvas, is_hidden, texts, rows), is_hidden, codes)
    return WordDrop(words, groups, *(field[None] for field in effect), is_hidden[None])


def word_drop_of_run(
    amused: Amused,
    run: Run,
    picture: int = 0,
    groups: Any = None,
    way: str = "in place",
) -> WordDrop:
    """Of a recorded generation, in every step: what each word does for the codes that were drawn.

    With the guidance that each step had; the negative prompt keeps its words.
    Raises UserError as `ask_again` does, for a file of other weights and words that are not there.
    """
    trace = trace_of(run)
    check_same_model(amused, run)
    all_rows = rows_of(amused, run.recipe)
    check_picture(picture, all_rows.num_pictures)
    rows = all_rows.pick([picture])
    words = words_of(amused.text_encoder, run.recipe.prompts[picture])
    groups = _groups(words, groups)
    texts = texts_without(amused.text_encoder, words, [(), *groups], way)
    is_drawn = was_drawn(trace)[:, picture]
    steps = [
        _of_step(amused, run, picture, step, texts, rows, is_drawn[step - 1])
        for step in range(1, trace.num_steps + 1)
    ]
    change, apart = (torch.stack(field) for field in zip(*steps, strict=True))
    return WordDrop(words, groups, change, apart, is_drawn)


def _of_step(
    amused: Amused,
    run: Run,
    picture: int,
    step: int,
    texts: Any,
    rows: Rows,
    is_drawn: Bool[Tensor, "height width"],
) -> tuple[Tensor, Tensor]:
    trace = trace_of(run)
    canvas = canvas_before(trace, step, amused.transformer.mask_token_id)[picture]
    scale = float(guidance_in(run, step)[picture])
    dtype = guidance_dtype(run)
    said = log_probs_without(amused, canvas, is_drawn, texts, rows, scale, dtype)
    return _effect(said, is_drawn, trace.drawn_ids[step - 1, picture])


def _effect(
    said: Any, is_hidden: Bool[Tensor, "height width"], codes: Int[Tensor, "height width"]
) -> tuple[Float[Tensor, "groups height width"], Float[Tensor, "groups height width"]]:
    """Change and divergence of every group; the first that was said is with all words."""
    at = codes[is_hidden][None, :, None]
    whole, changes, divergences = None, [], []
    for log_probs in said:  # (some, hidden, codes)
        whole = log_probs[:1] if whole is None else whole
        drawn = log_probs.gather(2, at.expand(len(log_probs), -1, 1))[..., 0]
        changes.append(whole.gather(2, at)[..., 0] - drawn)
        divergences.append(divergence(whole, log_probs))
    fields = []
    for parts in (changes, divergences):
        rows = torch.cat(parts)[1:]  # (groups, hidden)
        field = torch.zeros(len(rows), *is_hidden.shape)
        field[:, is_hidden] = rows
        fields.append(field)
    return fields[0], fields[1]


def _groups(words: Words, groups: Any) -> tuple[Group, ...]:
    if groups is None:
        return tuple((word,) for word in range(len(words)))
    check_groups(words, groups)
    return tuple(groups)
