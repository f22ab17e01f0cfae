"""Prompts -> what CLIP makes of them: the states of every word and one pooled vector.

Dimensions: batch, words (ids of a prompt, padding included), dim (of the states), pooled_dim.
"""

import warnings
from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from transformers import CLIPTextModelWithProjection, PreTrainedTokenizerBase

from src.errors import UserError, cut

EMPTY_PROMPT = ""
LEGACY_EOS = 2  # in older configurations; transformers then pools at the highest id of a prompt


class Text(NamedTuple):
    """What the transformer hears of a batch of prompts."""

    text_states: Float[Tensor, "batch words dim"]  # penultimate layer, not normalised
    pooled_text: Float[Tensor, "batch pooled_dim"]  # projected state of the end-of-text id

    def rows(self, indices: list[int]) -> "Text":
        """The prompts at `indices`, in that order; an index may come more than once."""
        return Text(self.text_states[indices], self.pooled_text[indices])

    def to(self, *args, **kwargs) -> "Text":
        """Both tensors on another device or in another dtype, as `Tensor.to`."""
        return Text(self.text_states.to(*args, **kwargs), self.pooled_text.to(*args, **kwargs))


def stack_texts(texts: Sequence[Text]) -> Text:
    """Several batches of the same window, one below the other."""
    return Text(*(torch.cat(parts) for parts in zip(*texts, strict=True)))


class TextEncoder(nn.Module):
    """CLIP's text tower with its tokenizer (CLIP-L/14 in aMUSEd; report section 3).

    Padding is not hidden from anyone: all positions of the window are attended to, as aMUSEd was
    trained. The window is 77 ids in aMUSEd, begin- and end-of-text included.
    """

    def __init__(self, clip: CLIPTextModelWithProjection, tokenizer: PreTrainedTokenizerBase):
        """Join the two; raises UserError if the tower does not know the tokenizer's ids."""
        super().__init__()
        _check_ids(clip, tokenizer)
        self.clip = clip
        self.tokenizer = tokenizer

    @property
    def window(self) -> int:
        """The ids of one prompt, padding included."""
        return min(self.tokenizer.model_max_length, self.clip.config.max_position_embeddings)

    @property
    def device(self) -> torch.device:
        return self.clip.device

    @property
    def dtype(self) -> torch.dtype:
        return self.clip.dtype

    def forward(self, prompt_ids: Int[Tensor, "batch words"]) -> Text:
        """Encode ids that `prompt_ids` made; a whole batch in one pass."""
        output = self.clip(prompt_ids.to(self.device), output_hidden_states=True)
        return Text(output.hidden_states[-2], output.text_embeds)

    def prompt_ids(self, prompts: Sequence[str]) -> Int[Tensor, "batch words"]:
        """The prompts' ids, padded to the window; warns, showing what was cut, if one is longer."""
        for prompt in prompts:
            self._warn_if_cut(prompt)
        encoded = self.tokenizer(
            list(prompts),
            padding="max_length",
            truncation=True,
            max_length=self.window,
            return_tensors="pt",
        )
        return encoded.input_ids

    @torch.no_grad()
    def encode(self, prompts: Sequence[str]) -> Text:
        """Encode prompts for sampling.

        Every distinct prompt passes through CLIP alone and once, so that its states have the same
        bits whatever its company; the cost is one pass a prompt instead of one a batch. Training,
        which does not need that, calls the module itself with a batch of `prompt_ids`.
        """
        distinct = list(dict.fromkeys(prompts))
        encoded = stack_texts([self(self.prompt_ids([prompt])) for prompt in distinct])
        row_of = {prompt: row for row, prompt in enumerate(distinct)}
        return encoded.rows([row_of[prompt] for prompt in prompts])

    def _warn_if_cut(self, prompt: str) -> None:
        ids = self.tokenizer(prompt, truncation=False, verbose=False).input_ids
        if len(ids) <= self.window:
            return
        lost = self.tokenizer.decode(ids[self.window - 1 : -1], skip_special_tokens=True)
        warnings.warn(
            f"the prompt '{_shortened(prompt)}' has {len(ids)} ids and the text encoder reads "
            f"{self.window}; its end is cut off: '{cut(lost.strip())}'",
            stacklevel=3,
        )


def _check_ids(clip: CLIPTextModelWithProjection, tokenizer: PreTrainedTokenizerBase) -> None:
    if len(tokenizer) > clip.config.vocab_size:
        raise UserError(
            f"the text tokenizer has {len(tokenizer)} ids and the text encoder's vocab_size is "
            f"{clip.config.vocab_size}: the two are not of one checkpoint"
        )
    end = clip.config.eos_token_id
    if end not in (LEGACY_EOS, tokenizer.eos_token_id):
        raise UserError(
            f"the text encoder pools at id {end} (eos_token_id) and the text tokenizer ends a "
            f"prompt with id {tokenizer.eos_token_id}: every prompt would be pooled alike; give "
            "them the same id"
        )


def _shortened(prompt: str, length: int = 60) -> str:
    return prompt if len(prompt) <= length else prompt[: length - 3] + "..."
