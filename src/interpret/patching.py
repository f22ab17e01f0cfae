"""Where does a word act? Parts of one pass put into another, whose prompt differs in that word.

Two prompts, one canvas, two passes: "clean" and "corrupt". What a part of the one pass held is put
in the place of the same part of the other, and the rest is computed on. Denoising puts clean parts
into the corrupt pass: what brings the clean answer back suffices for it. Noising puts corrupt parts
into the clean pass: what takes the answer away was necessary. (Zhang & Nanda 2023, arXiv
2309.16042; Heimersheim & Nanda 2024, arXiv 2404.15255.) Another word of the same length is put in
place of noise, as both advise, for every number then stays one that the model knows.

The measure is the logit difference of the two passes' likeliest codes, on a scale where the
corrupt pass is 0 and the clean one 1, in either direction. All passes are with the prompt; guidance
adds the same to each and multiplies the rest, which leaves this scale as it is.

Dimensions: height, width (in tokens), seq, words (of the prompt, padding included), codes, chosen
(positions), layers, kinds.
"""

from typing import Any, NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from src.amused import Amused
from src.conditioning.micro import micro_cond_rows
from src.conditioning.text import Text
from src.errors import UserError, shown
from src.interpret.capture import Change, capture, replaced
from src.interpret.checked import check_canvas, check_text, checked_positions

DIRECTIONS = ("denoising", "noising")
KINDS = ("residual", "self_attention", "text_attention", "feed_forward")  # of a layer
SITES = ("transformer_in", "layers.*", "layers.*.*_attention", "layers.*.feed_forward")


class Patch(NamedTuple):
    """What is taken from the other pass; nothing by default."""

    words: tuple[int, ...] = ()  # places of the prompt's states, from 0
    pooled: bool = False  # the prompt's pooled vector
    sites: tuple[str, ...] = ()  # names of `interpret.sites`, as in SITES


class Told(NamedTuple):
    """What a pass begins with."""

    canvas: Int[Tensor, "1 height width"]  # the mask id where hidden
    text: Text  # of one prompt
    micro_cond: Float[Tensor, "1 5"]


class Side(NamedTuple):
    """A pass, and all that can be taken from it."""

    told: Told
    held: dict[str, Tensor]  # of every site of SITES what it held
    logits: Float[Tensor, "seq codes"]  # with the prompt, before guidance


class Contrast(NamedTuple):
    """Both passes, and where and how they are told apart."""

    clean: Side
    corrupt: Side
    places: Int[Tensor, "chosen"]  # positions, row by row
    clean_ids: Int[Tensor, "chosen"]  # the clean pass's likeliest code there
    corrupt_ids: Int[Tensor, "chosen"]

    def logit_difference(self, logits: Float[Tensor, "seq codes"]) -> float:
        """Nats, logit of the clean code less that of the corrupt one, mean over the places."""
        rows = logits[self.places].double()
        clean = rows.gather(1, self.clean_ids[:, None])
        return float((clean - rows.gather(1, self.corrupt_ids[:, None])).mean())

    def restored(self, logits: Float[Tensor, "seq codes"]) -> float:
        """0 = as the corrupt pass, 1 = as the clean one; may lie outside."""
        low = self.logit_difference(self.corrupt.logits)
        return (self.logit_difference(logits) - low) / (
            self.logit_difference(self.clean.logits) - low
        )


class Effects(NamedTuple):
    """What each patch does by itself; 0 = as the corrupt pass, 1 = as the clean one."""

    direction: str  # of DIRECTIONS
    words: Float[Tensor, "words"]  # each place of the prompt's states alone
    all_words: float  # all of them together
    pooled: float
    at_input: float  # the residual stream before layer 0
    layers: Float[Tensor, "layers kinds"]  # of KINDS
    num_places: int  # positions measured at


@torch.no_grad()
def pass_through(amused: Amused, told: Told) -> Side:
    """One pass, with everything kept that a patch may take."""
    with capture(amused, SITES) as held:
        logits = _logits(amused, told)
    return Side(told, {name: each[0] for name, each in held.items()}, logits)


@torch.no_grad()
def patched_logits(
    amused: Amused, base: Side, source: Side, patch: Patch
) -> Float[Tensor, "seq codes"]:
    """The base pass with a part of the source's in it.

    Raises UserError for words outside the prompt and sites that were not kept.
    """
    text = patched_text(base.told.text, source.told.text, patch)
    with replaced(amused, {name: _put(source, name) for name in patch.sites}):
        return _logits(amused, base.told._replace(text=text))


def patched_text(base: Text, source: Text, patch: Patch) -> Text:
    """What the base's prompt is heard as, with the patch's words and pooled vector."""
    states, window = base.text_states.clone(), base.text_states.shape[1]
    for word in patch.words:
        if type(word) is not int or not 0 <= word < window:
            raise UserError(f"there is no word {shown(word)}: a prompt has 0 to {window - 1}.")
        states[:, word] = source.text_states[:, word]
    return Text(states, source.pooled_text if patch.pooled else base.pooled_text)


def contrast(
    amused: Amused,
    clean: Any,
    corrupt: Any,
    canvas: Int[Tensor, "pictures height width"],
    micro_cond: Any,
    places: Any = None,
) -> Contrast:
    """Both passes at the canvas of one picture, such as `ask_again.canvas_before` gives.

    places: (row, column) of the positions to measure at, hidden in the canvas; None = every hidden
        one where the two passes have other likeliest codes.
    Raises UserError unless the prompts differ in one word of equally many ids, for what is no
    canvas, and where the passes cannot be told apart at the places.
    """
    changed_words(amused, clean, corrupt)
    check_canvas(amused, canvas, name="canvas")
    if len(canvas) != 1:
        raise UserError(f"canvas is of {len(canvas)} pictures; give one, as canvas[[0]].")
    row = micro_cond_rows(micro_cond, 1).to(amused.device)
    canvas = canvas.to(amused.device)
    sides = [
        pass_through(amused, Told(canvas, amused.text_encoder.encode([prompt]), row))
        for prompt in (clean, corrupt)
    ]
    is_masked = canvas.cpu().flatten() == amused.transformer.mask_token_id
    chosen = _chosen(is_masked, (canvas.shape[1], canvas.shape[2]), places)
    clean_ids, corrupt_ids = (side.logits.argmax(dim=-1)[chosen] for side in sides)
    differs = clean_ids != corrupt_ids
    if places is None:
        chosen, clean_ids, corrupt_ids = (
            each[differs] for each in (chosen, clean_ids, corrupt_ids)
        )
    if not differs.any():
        raise UserError(
            f"'{clean}' and '{corrupt}' have the same likeliest codes at all {len(differs)} "
            "positions looked at: choose others, an earlier step, or another pair of prompts."
        )
    return Contrast(*sides, chosen, clean_ids, corrupt_ids)


def changed_words(amused: Amused, clean: Any, corrupt: Any) -> list[int]:
    """The places at which two prompts have different ids.

    Raises UserError unless they are one stretch and all else is the same.
    """
    for name, prompt in (("clean", clean), ("corrupt", corrupt)):
        check_text(name, prompt)
    encoder = amused.text_encoder
    one, other = encoder.prompt_ids([clean, corrupt])
    end = encoder.tokenizer.eos_token_id
    places = (one != other).nonzero()[:, 0].tolist()
    is_stretch = bool(places) and places == list(range(places[0], places[-1] + 1))
    lengths = [int((ids == end).int().argmax()) for ids in (one, other)]
    if not is_stretch or lengths[0] != lengths[1]:
        raise UserError(
            f"'{clean}' and '{corrupt}' must differ in one word of equally many ids; they have "
            f"{lengths[0] - 1} and {lengths[1] - 1} ids and differ at the places {places}."
        )
    return places


def effects(amused: Amused, pair: Contrast, direction: str = "denoising") -> Effects:
    """Every word, the pooled vector and every part of every layer, each patched alone.

    One pass a patch. Raises UserError for another direction.
    """
    if direction not in DIRECTIONS:
        raise UserError(
            f"direction={shown(direction)} is unknown; give 'denoising' (clean into corrupt) or "
            "'noising' (corrupt into clean)."
        )
    sides = (pair.corrupt, pair.clean) if direction == "denoising" else (pair.clean, pair.corrupt)

    def effect(**patch: Any) -> float:
        return pair.restored(patched_logits(amused, *sides, Patch(**patch)))

    words = range(pair.clean.told.text.text_states.shape[1])
    num_layers = len(amused.transformer.layers)
    of_layers = [
        [effect(sites=(_site(layer, kind),)) for kind in KINDS] for layer in range(num_layers)
    ]
    return Effects(
        direction,
        torch.tensor([effect(words=(word,)) for word in words]),
        effect(words=tuple(words)),
        effect(pooled=True),
        effect(sites=("transformer_in",)),
        torch.tensor(of_layers),
        len(pair.places),
    )


def _logits(amused: Amused, told: Told) -> Float[Tensor, "seq codes"]:
    uvit = amused.transformer
    condition = uvit.prepare(*told.text, told.micro_cond)
    return uvit.predict(told.canvas, condition)[0].float().cpu()


def _put(source: Side, name: str) -> Change:
    """The change of a site to what it held in another pass."""
    if name not in source.held:
        raise UserError(f"the site '{name}' was not kept; patch one of {', '.join(source.held)}.")
    return lambda held, call: source.held[name].to(held)


def _chosen(
    is_masked: Bool[Tensor, "seq"], grid: tuple[int, int], places: Any
) -> Int[Tensor, "chosen"]:
    if places is None:
        return is_masked.nonzero()[:, 0]
    width, places = grid[1], checked_positions("places", places, grid)
    for row, column in places:
        if not is_masked[row * width + column]:
            raise UserError(
                f"position {(row, column)} is not hidden in this canvas; of a token that it is "
                "shown the model has learned to say nothing, so measure at hidden ones."
            )
    return torch.tensor([row * width + column for row, column in places])


def _site(layer: int, kind: str) -> str:
    return f"layers.{layer}" if kind == "residual" else f"layers.{layer}.{kind}"
