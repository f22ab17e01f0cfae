"""Is a ranking of words true to the model? Words taken away, or said, one after the other.

Deletion: from the whole prompt, the words that a ranking holds for most important go first; the
truer it is, the faster the value falls, the smaller the area under its curve. Insertion: from no
words, the most important come first; the truer, the larger the area (Petsiuk et al. 2018, arXiv
1806.07421, there of pixels). What counts is the distance to random rankings.

Dimensions: words, kept (= words + 1: how many have gone or come), rankings, asked (of sets of
words).
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Generator, Tensor

from src.amused import Amused
from src.errors import UserError
from src.interpret.teacher_forcing import told
from src.interpret.without_words import log_probs_without, texts_without
from src.interpret.words import words_of
from src.masking.corrupt import MaskedTokens

Value = Callable[[Bool[Tensor, "asked words"]], Float[Tensor, "asked"]]  # of the words still said


class Curves(NamedTuple):
    """Of one ranking: entry k is with k words gone, or come."""

    deletion: Float[Tensor, "kept"]
    insertion: Float[Tensor, "kept"]

    @property
    def deletion_area(self) -> float:
        """The mean value along the curve, in the value's unit; small for a true ranking."""
        return area(self.deletion)

    @property
    def insertion_area(self) -> float:
        return area(self.insertion)


class Faithfulness(NamedTuple):
    """A ranking among random ones."""

    curves: Curves
    random: list[Curves]

    @property
    def deletion_share(self) -> float:
        """The share of random rankings, 0..1, whose area is larger: 0.5 = no better than chance."""
        return _share([each.deletion_area - self.curves.deletion_area for each in self.random])

    @property
    def insertion_share(self) -> float:
        """The share of random rankings whose area is smaller."""
        return _share([self.curves.insertion_area - each.insertion_area for each in self.random])


def faithfulness(
    value: Value, scores: Float[Tensor, "words"], num_random: int, generator: Generator
) -> Faithfulness:
    """The curves of the ranking by falling score, beside random rankings.

    Raises UserError for no words, scores that are none, or no random rankings.
    """
    if len(scores) == 0 or not scores.isfinite().all() or num_random < 1:
        raise UserError(
            f"{len(scores)} scores against {num_random} random rankings are given; give a finite "
            "score a word, and at least one ranking."
        )
    rankings = [scores.argsort(descending=True, stable=True)]
    rankings += [torch.randperm(len(scores), generator=generator) for _ in range(num_random)]
    first, *others = curves_of(value, torch.stack(rankings))
    return Faithfulness(first, others)


def curves_of(value: Value, rankings: Int[Tensor, "rankings words"]) -> list[Curves]:
    """Deletion and insertion of each ranking, whose first word is its most important one.

    A set of words is asked about once, in however many curves it comes.
    """
    place = rankings.argsort(dim=1)  # of each word in the ranking
    steps = torch.arange(rankings.shape[1] + 1)[None, :, None]
    is_said = torch.cat(
        [place[:, None] >= steps, place[:, None] < steps]
    )  # (2 rankings kept words)
    distinct, which = is_said.flatten(0, 1).unique(dim=0, return_inverse=True)
    values = value(distinct)[which].view(2, len(rankings), -1)
    return [Curves(*each) for each in values.unbind(dim=1)]


def area(curve: Float[Tensor, "kept"]) -> float:
    """Under the curve, its axis from 0 to 1; by trapezoids."""
    return float(torch.trapezoid(curve.double()) / (len(curve) - 1))


def value_of_words(
    amused: Amused, hidden: MaskedTokens, prompt: str, micro_cond: Any, way: str = "in place"
) -> Value:
    """The mean log-probability, in nats a hidden token, of the true codes of one real picture.

    way: how words are taken away; see `without_words`. Without any, all are padding.
    """
    words = words_of(amused.text_encoder, prompt)
    rows = told(amused, [prompt], micro_cond)
    is_hidden, codes = hidden.is_masked[0].cpu(), hidden.targets[0].cpu()

    def value(is_said: Bool[Tensor, "asked words"]) -> Float[Tensor, "asked"]:
        groups = [tuple((~each).nonzero()[:, 0].tolist()) for each in is_said]
        texts = texts_without(amused.text_encoder, words, groups, way)
        at = codes[is_hidden][None, :, None]
        said = log_probs_without(amused, hidden.token_ids[0], is_hidden, texts, rows)
        return torch.cat(
            [each.gather(2, at.expand(len(each), -1, 1))[..., 0].mean(dim=1) for each in said]
        )

    return value


def _share(differences: list[float]) -> float:
    """Of those above 0; a tie counts half."""
    return sum((each > 0) + 0.5 * (each == 0) for each in differences) / len(differences)
