"""Where the words are looked at: the attention of every token to every prompt word, as maps.

Attention says what was read, not what it did: beside it stands `word_drop`. Padding is attended to
like a word, so its share, the begin's and the end's are kept and shown.

After DAAM (Tang et al. 2022, arXiv 2210.04885): the probabilities are averaged over heads, sites
and steps, here by weights that are said; a word's map is the mean over its pieces.

Dimensions: steps, sites, heads, height, width (of the token grid), seq (of a site's own grid),
window (positions of the text encoder, padding included), words.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from src.amused import Amused
from src.conditioning.rows import Rows
from src.errors import UserError, nearest, shown
from src.interpret.ask_again import Run, canvas_before, check_same_model, rows_of, trace_of
from src.interpret.capture import capture
from src.interpret.checked import check_canvas, check_picture
from src.interpret.sites import find_sites, text_attentions
from src.interpret.teacher_forcing import told
from src.interpret.words import Words, words_of
from src.memory import check_free
from src.predicting import predict_for

AT_ONCE = 4  # canvases in one pass
AROUND = ("begin", "end", "padding")  # what is read beside the words
Weights = Any  # Sequence[int | float] | None: None = all the same


class TextAttention(NamedTuple):
    """What every token reads of the text, of one picture; each row over the window sums to 1."""

    words: Words
    sites: tuple[str, ...]  # in the order of a pass
    probs: tuple[
        Float[Tensor, "steps heads height width window"], ...
    ]  # a site each; 1 head = mean

    def mean(
        self, steps: Weights = None, sites: Weights = None, heads: Weights = None
    ) -> Float[Tensor, "height width window"]:
        """Over all of them, by weights that need not sum to 1; raises UserError as `by_site`."""
        by_site = self.by_site(steps, heads)
        return torch.einsum("s,shwk->hwk", _shares("sites", sites, len(by_site)), by_site)

    def by_site(
        self, steps: Weights = None, heads: Weights = None
    ) -> Float[Tensor, "sites height width window"]:
        """A map a site, over steps and heads.

        Raises UserError for weights below 0 or all 0, or not one for each; so for heads, where
        sites have different numbers of them.
        """
        return torch.stack([self._site(each, steps, heads) for each in self.probs])

    def by_step(
        self, sites: Weights = None, heads: Weights = None
    ) -> Float[Tensor, "steps height width window"]:
        """A map a step, over sites and heads; raises UserError as `by_site`."""
        weights = _shares("sites", sites, len(self.probs))
        of_heads = [_over_heads(each, heads) for each in self.probs]
        return torch.einsum("s,sthwk->thwk", weights, torch.stack(of_heads))

    def by_head(
        self, site: str, steps: Weights = None
    ) -> Float[Tensor, "heads height width window"]:
        """The heads of one site, over the steps; UserError for a site that is not there."""
        if site not in self.sites:
            raise UserError(f"'{site}' was not looked at; there are {', '.join(self.sites)}.")
        probs = self.probs[self.sites.index(site)]
        return torch.einsum("t,tnhwk->nhwk", _shares("steps", steps, len(probs)), probs)

    def _site(self, probs: Tensor, steps: Weights, heads: Weights) -> Tensor:
        of_heads = _over_heads(probs, heads)
        return torch.einsum("t,thwk->hwk", _shares("steps", steps, len(of_heads)), of_heads)


class WordMaps(NamedTuple):
    """Shares of attention, 0..1."""

    words: Words
    maps: Float[Tensor, "words *where height width"]  # the mean over the pieces of each word
    masses: Float[Tensor, "words *where height width"]  # the sum over them
    begin: Float[Tensor, "*where height width"]
    end: Float[Tensor, "*where height width"]
    padding: Float[Tensor, "*where height width"]  # the sum over all of it

    @property
    def shares(self) -> dict[str, float]:
        """The mean over all positions of each mass, in the prompt's order; together 1.

        A word that comes twice is numbered.
        """
        names = numbered(self.words.texts)
        words = {name: float(each.mean()) for name, each in zip(names, self.masses, strict=True)}
        rest = {name: float(getattr(self, name).mean()) for name in ("end", "padding")}
        return (
            {"(begin)": float(self.begin.mean())} | words | {f"({n})": s for n, s in rest.items()}
        )


def word_maps(words: Words, attention: Float[Tensor, "*where height width window"]) -> WordMaps:
    """From positions of the window to words; `attention` as `TextAttention` aggregates it."""
    pieces = [attention[..., list(each)] for each in words.pieces]
    return WordMaps(
        words=words,
        maps=torch.stack([each.mean(dim=-1) for each in pieces]),
        masses=torch.stack([each.sum(dim=-1) for each in pieces]),
        begin=attention[..., 0],
        end=attention[..., words.end],
        padding=attention[..., words.end + 1 :].sum(dim=-1),
    )


def text_attention_of_run(
    amused: Amused,
    run: Run,
    picture: int = 0,
    names: Sequence[str] | None = None,
    keep_heads: bool = False,
) -> TextAttention:
    """Of a recorded generation: a look in every step, at the canvas it began with.

    The model is asked again, with the prompt alone: what it reads does not depend on guidance, and
    the side without the prompt has no words to be read.
    names: attentions, as `sites` names them, `*` included; None = all `text_attentions`.
    keep_heads: each head by itself; else their mean.
    Raises UserError as `ask_again`, and if the memory for it is missing.
    """
    trace = trace_of(run)
    check_same_model(amused, run)
    rows = rows_of(amused, run.recipe)
    check_picture(picture, rows.num_pictures)
    mask_token_id = amused.transformer.mask_token_id
    steps = range(1, trace.num_steps + 1)
    canvases = torch.stack([canvas_before(trace, step, mask_token_id)[picture] for step in steps])
    prompt = run.recipe.prompts[picture]
    return _look(amused, canvases, prompt, rows.pick([picture]), names, keep_heads)


def text_attention(
    amused: Amused,
    token_ids: Int[Tensor, "steps height width"],
    prompt: str,
    micro_cond: Any,
    names: Sequence[str] | None = None,
    keep_heads: bool = False,
) -> TextAttention:
    """At any canvases of one prompt, as with real pictures of which some tokens are hidden.

    Raises UserError for what is no canvas, and as `text_attention_of_run`.
    """
    check_canvas(amused, token_ids)
    rows = told(amused, [prompt], micro_cond)
    return _look(amused, token_ids, prompt, rows, names, keep_heads)


def numbered(texts: Sequence[str]) -> list[str]:
    """Names that are all different: "a", "a (2)"."""
    so_far = [texts[: place + 1].count(text) for place, text in enumerate(texts)]
    return [
        text if times == 1 else f"{text} ({times})"
        for text, times in zip(texts, so_far, strict=True)
    ]


@torch.no_grad()
def _look(
    amused: Amused,
    canvases: Int[Tensor, "steps height width"],
    prompt: str,
    rows: Rows,
    names: Sequence[str] | None,
    keep_heads: bool,
) -> TextAttention:
    words = words_of(amused.text_encoder, prompt)
    names = _chosen(amused, names)
    heads = amused.transformer.config.num_attention_heads if keep_heads else 1
    numbers = len(names) * heads * canvases.numel() * words.window
    check_free(4 * numbers, "cpu", "the attention maps", "look at fewer sites, or no single heads")

    def kept(probs: Float[Tensor, "steps heads seq window"]) -> Tensor:
        return probs if keep_heads else probs.mean(dim=1, keepdim=True)

    sites = [f"{name}.weights" for name in names]
    with capture(amused, sites, kept) as captured:
        for some in canvases.to(amused.device).split(AT_ONCE):
            predict = predict_for(amused.transformer, rows.pick([0] * len(some)))
            predict(some, some == amused.transformer.mask_token_id, False)
    grid = (canvases.shape[1], canvases.shape[2])
    probs = (on_token_grid(torch.cat(captured[site]), grid) for site in sites)
    return TextAttention(words, names, tuple(probs))


def _chosen(amused: Amused, names: Sequence[str] | None) -> tuple[str, ...]:
    """The attentions to the text of these names, in the order of a pass; UserError for others."""
    known = text_attentions(amused)
    found = known if names is None else [site.name for site in find_sites(amused, names)]
    for name in found:
        if name not in known:
            raise UserError(f"'{name}' is no attention to the text; {nearest(name, known)}")
    return tuple(name for name in known if name in found)


def on_token_grid(
    probs: Float[Tensor, "steps heads seq window"], grid: tuple[int, int]
) -> Float[Tensor, "steps heads height width window"]:
    """Every token has what its place reads.

    Where the model halves the grid between its convolution stages, four tokens share a place; as
    its attentions all lie inside, each then has the probabilities of that place.
    """
    height, width = grid
    halvings = 1 if probs.shape[2] == height * width else 2
    places = probs.unflatten(2, (height // halvings, width // halvings))
    return places.repeat_interleave(halvings, dim=2).repeat_interleave(halvings, dim=3)


def _over_heads(
    probs: Float[Tensor, "steps heads height width window"], heads: Weights
) -> Float[Tensor, "steps height width window"]:
    return torch.einsum("n,tnhwk->thwk", _shares("heads", heads, probs.shape[1]), probs)


def _shares(what: str, weights: Weights, count: int) -> Float[Tensor, "count"]:
    """Weights as shares of 1, so that an average of distributions stays one."""
    try:
        shares = torch.ones(count) if weights is None else torch.as_tensor(weights).float()
    except (TypeError, ValueError, RuntimeError):  # no numbers
        shares = torch.empty(0)
    if shares.shape != (count,) or not (shares >= 0).all() or not 0 < shares.sum() < torch.inf:
        raise UserError(
            f"the weights of {what} are {shown(weights)}; give {count} numbers from 0, not all of "
            "them 0."
        )
    return shares / shares.sum()
