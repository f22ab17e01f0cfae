"""Where an adapter can sit: the maps of every attention, by our names and by the published ones."""

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol, runtime_checkable

from torch import nn

from src.conditioning.text import TextEncoder
from src.errors import UserError
from src.transformer.blocks import Attention
from src.transformer.uvit import UViT
from src.transformer.weights import ATTENTION, to_published

PARTS = ("transformer", "text_encoder")  # also what a tensor's name begins with in a file
PUBLISHED_TARGETS: Mapping[str, Mapping[str, str]] = {
    "transformer": ATTENTION,
    "text_encoder": {"query": "q_proj", "key": "k_proj", "value": "v_proj", "out": "out_proj"},
}


@runtime_checkable
class Adaptable(Protocol):
    """What can carry an adapter: the assembled `Amused`, or its parts."""

    transformer: UViT
    text_encoder: TextEncoder


class Place(NamedTuple):
    """One linear map of an attention."""

    name: str  # in the module here
    target: str  # query, key, value or out


def modules_of(model: Adaptable) -> dict[str, nn.Module]:
    """The module of each of PARTS."""
    return {"transformer": model.transformer, "text_encoder": model.text_encoder.clip}


def places(part: str, module: nn.Module) -> dict[str, Place]:
    """Published name -> place, for every map of every attention, adapted already or not.

    Raises UserError unless there are as many attentions as the part's configuration says: an
    adapter on some of them only would look trained and do little.
    """
    find = _in_transformer if part == "transformer" else _in_text_encoder
    found = find(module)
    num_found, num_expected = len(found) // len(ATTENTION), num_attentions(part, module.config)
    if num_found != num_expected:
        raise UserError(
            f"{num_found} attentions were found in the {part}, and its configuration speaks of "
            f"{num_expected}: it is not built as an adapter expects, so none can be added."
        )
    return found


def num_attentions(part: str, config: Any) -> int:
    """How many attentions the part's configuration asks for."""
    if part == "text_encoder":
        return config.num_hidden_layers
    return 2 * config.num_hidden_layers + 2 * (2 * config.num_res_blocks)  # two a block, two stages


def _in_transformer(uvit: nn.Module) -> dict[str, Place]:
    owners = [name for name, module in uvit.named_modules() if isinstance(module, Attention)]
    found = [Place(f"{owner}.{target}", target) for owner in owners for target in ATTENTION]
    # the table of names is about parameters, so each map is looked up by its weight's name
    named = {
        place: to_published({f"{place.name}.weight": uvit.get_submodule(place.name).weight})
        for place in found
    }
    return {next(iter(name)).removesuffix(".weight"): place for place, name in named.items()}


def _in_text_encoder(clip: nn.Module) -> dict[str, Place]:
    owners = [name for name, _ in clip.named_modules() if name.endswith(".self_attn")]
    names = PUBLISHED_TARGETS["text_encoder"]
    found = [Place(f"{owner}.{names[target]}", target) for owner in owners for target in names]
    return {place.name: place for place in found}  # transformers' names are the published ones
