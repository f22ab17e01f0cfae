"""What each attention head is good for: how much worse the true codes are guessed without it.

A head is taken away by replacing what it reads, before the heads mix: by nothing ("zero"), or by
what it reads on average ("mean"), which leaves the model nearer to what it was trained on.

Dimensions: sites, heads, pictures, seq (of a site's grid), width (of a head).
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from src.amused import Amused
from src.conditioning.rows import Rows
from src.errors import UserError, shown
from src.interpret.capture import Change, capture, replaced
from src.interpret.sites import find_sites
from src.interpret.teacher_forcing import ask, mean_of_pictures
from src.limits import one_of
from src.masking.corrupt import MaskedTokens

WAYS = ("zero", "mean")


class HeadEffects(NamedTuple):
    """In nats a hidden token; above 0: the true codes are likelier with the head than without."""

    sites: tuple[str, ...]  # attentions
    effects: tuple[Float[Tensor, "heads pictures"], ...]  # a site each; NaN: nothing was hidden
    log_likelihood: Float[Tensor, "pictures"]  # with all heads
    way: str

    @property
    def mean(self) -> list[Float[Tensor, "heads"]]:
        """Over the pictures, of each site."""
        return [each.nanmean(dim=1) for each in self.effects]


def head_effects(
    amused: Amused,
    hidden: MaskedTokens,
    rows: Rows,
    names: str | Sequence[str] = "layers.*.text_attention",
    way: str = "mean",
) -> HeadEffects:
    """Take every head of the named attentions away, one after the other: a pass over all a head.

    hidden, rows: as `teacher_forcing` makes them.
    way: "zero", or "mean": over these pictures and all positions.
    Raises UserError for a name that is no attention of the U-ViT, and for another way.
    """
    one_of("way", way, WAYS)
    sites = [f"{site.name}.heads" for site in find_sites(amused, names)]
    all_sites = find_sites(amused, sites)
    whole = _log_likelihood(amused, hidden, rows)
    effects = []
    for site in all_sites:
        stand_in = mean_of_heads(amused, hidden, rows, site.name) if way == "mean" else None
        without = []
        for head in range(site.module.heads):
            with replaced(amused, {site.name: ablation([head], stand_in)}):
                without.append(_log_likelihood(amused, hidden, rows))
        effects.append(whole - torch.stack(without))
    names = tuple(site.name.removesuffix(".heads") for site in all_sites)
    return HeadEffects(names, tuple(effects), whole, way)


def ablation(heads: Any, stand_in: Float[Tensor, "all_heads width"] | None = None) -> Change:
    """A change for `capture.replaced` on "SITE.heads": these heads read nothing, or `stand_in`.

    Raises UserError for what is no list of heads' numbers, from 0, and, where the model runs, for a
    head that is not there.
    """
    if not isinstance(heads, Sequence) or not all(type(head) is int for head in heads):
        raise UserError(f"heads={shown(heads)} are no heads; give their numbers, as [0, 1].")

    def change(held: Tensor, call: int) -> Tensor:
        if heads and not 0 <= min(heads) <= max(heads) < held.shape[2]:
            raise UserError(f"heads {list(heads)} are not there; the site has {held.shape[2]}.")
        held = held.clone()
        for head in heads:
            held[:, :, head] = 0 if stand_in is None else stand_in[head].to(held)
        return held

    return change


def mean_of_heads(
    amused: Amused, hidden: MaskedTokens, rows: Rows, site: str
) -> Float[Tensor, "heads width"]:
    """What the heads of a site "SITE.heads" read, on average over pictures and positions."""
    with capture(amused, site, lambda held: held.float().mean(dim=1)) as captured:
        ask(amused, hidden, rows)
    return torch.cat(captured[site]).mean(dim=0)  # of (pictures, heads, width)


def _log_likelihood(amused: Amused, hidden: MaskedTokens, rows: Rows) -> Float[Tensor, "pictures"]:
    answers = ask(amused, hidden, rows)
    return mean_of_pictures(answers.log_likelihood, answers.pictures, rows.num_pictures)
