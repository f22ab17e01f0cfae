"""The named places inside the U-ViT and the text encoder where numbers can be read or replaced.

    embedding                       batch height width channels    the tokens, before any block
    down.conv_blocks.I, up....      batch rows columns channels    after a convolution block
    down.text_blocks.I, up....      batch rows columns channels    after its two text attentions
    transformer_in                  batch seq dim    the residual stream, as layer 0 finds it
    layers.L                        batch seq dim    the residual stream after layer L
    layers.L.feed_forward           batch seq dim    what this part adds to it
    ATTENTION                       batch seq dim    what an attention adds to it
    ATTENTION.weights               batch heads seq keys    its probabilities; each row sums to 1
    ATTENTION.heads                 batch seq heads width    what its heads read, before they mix
    transformer_out                 batch seq channels    the stream, given back to the last stage
    logits                          batch height width codes
    text                            batch words dim    the prompt, as every layer hears it
    condition                       batch dim    pooled prompt and micro-conditions, before the SiLU
    text_encoder.layers.L           batch words dim    CLIP's residual stream after layer L
    text_encoder.layers.L.attention, .attention.weights    as above; a word sees those before it

ATTENTION is layers.L.self_attention, layers.L.text_attention, or attention_1 or attention_2 of a
text block. Where guidance asks twice, the batch holds the unconditional half first.
"""

from collections.abc import Iterable
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import Any, Literal, NamedTuple

from torch import nn

from src.amused import Amused
from src.errors import UserError, shown
from src.transformer.blocks import Attention

Kind = Literal["output", "weights", "heads"]
PLAIN = {  # sites that have another name than the module whose output they are
    "embedding": "embedding_out",
    "transformer_in": "transformer_in",
    "transformer_out": "transformer_out",
    "logits": "logits_out",
    "text": "text_norm",
    "condition": "condition_out",
}
NUM_NEAREST = 3  # names told to whom mistakes one
BLOCKS = ("conv_blocks.", "text_blocks.", "layers.")


class Site(NamedTuple):
    """Where it is, and what of it is meant."""

    name: str
    module: nn.Module
    kind: Kind


def all_sites(amused: Amused) -> dict[str, Site]:
    """Every site of a model, by name; of one kind in the order of a forward pass."""
    uvit = amused.transformer
    found = [Site(name, uvit.get_submodule(path), "output") for name, path in PLAIN.items()]
    for path, module in uvit.named_modules():
        parent, _, last = path.rpartition(".")
        if isinstance(module, Attention):
            found += _of_attention(path, module)
        elif (last.isdigit() and f"{parent}.".endswith(BLOCKS)) or last == "feed_forward":
            found.append(Site(path, module, "output"))
    for index, layer in enumerate(amused.text_encoder.clip.text_model.encoder.layers):
        name = f"text_encoder.layers.{index}"
        found.append(Site(name, layer, "output"))
        found.append(Site(f"{name}.attention", layer.self_attn, "output"))
        found.append(Site(f"{name}.attention.weights", layer.self_attn, "weights"))
    return {site.name: site for site in found}


def find_sites(amused: Amused, names: Any) -> list[Site]:
    """The sites of these names, each once; a name may hold `*`, as in "layers.*.text_attention".

    names: a text, or several in a list.
    Raises UserError with the nearest known names where one fits nothing, and for what is no text.
    """
    patterns = [names] if isinstance(names, str) or not isinstance(names, Iterable) else names
    known = all_sites(amused)
    found: dict[str, Site] = {}
    for pattern in patterns:
        if not isinstance(pattern, str):
            raise UserError(f"{shown(pattern)} is no site's name; give one such as 'layers.0'.")
        fitting = {name: site for name, site in known.items() if _fits(name, pattern)}
        if not fitting:
            close = get_close_matches(pattern, known, n=NUM_NEAREST, cutoff=0.5)
            hint = f"did you mean {' or '.join(map(repr, close))}? " if close else ""
            raise UserError(
                f"no site is called {shown(pattern)}; {hint}src.interpret.sites.all_sites(amused) "
                f"lists all {len(known)}."
            )
        found |= fitting
    return list(found.values())


def text_attentions(amused: Amused) -> list[str]:
    """The attentions whose keys are the words, in the order of a pass; 34 in aMUSEd."""
    return [
        name
        for name, site in all_sites(amused).items()
        if isinstance(site.module, Attention)
        and site.kind == "output"
        and not name.endswith("self_attention")
    ]


def _fits(name: str, pattern: str) -> bool:
    """A star stands for one part of a name: "layers.*" is not all that lies in the layers."""
    parts, wanted = name.split("."), pattern.split(".")
    return len(parts) == len(wanted) and all(map(fnmatchcase, parts, wanted))


def _of_attention(path: str, module: nn.Module) -> list[Site]:
    return [
        Site(path, module, "output"),
        Site(f"{path}.weights", module, "weights"),
        Site(f"{path}.heads", module, "heads"),
    ]
