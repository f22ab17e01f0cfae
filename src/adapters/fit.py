"""Compare what an adapter's file holds with the part it is for: all of it fits, or one sentence."""

import warnings
from collections import Counter
from pathlib import Path

from torch import Tensor, nn

from src.adapters.layers import Adapter, Maps
from src.adapters.places import Place, places
from src.adapters.read import ReadLora
from src.errors import UserError

OTHER_BASE = "it was made for another base model"


def fitted(part: str, module: nn.Module, read: ReadLora) -> Adapter:
    """The file's adapter for a part by the names here; UserError unless each map has its place.

    A target is adapted in every attention or in none: a file that leaves attentions out was most
    likely made for a smaller base.
    """
    there, path = places(part, module), read.path
    given = read.maps[part]
    for name in given:
        if name not in there:
            raise UserError(
                f"{path} adapts '{name}', which this {part} does not have among its attentions' "
                f"maps: {OTHER_BASE}, or it adapts more than attentions."
            )
    _check_counts(Counter(there[name].target for name in given), there, part, path)
    maps = {
        there[name].name: _checked_maps(given[name], module, there[name], name, path)
        for name in given
    }
    rank = _common_rank(maps, read.settings[part], part, path)
    return Adapter(rank, _alpha(rank, read.settings[part], part, path), maps)


def _check_counts(counts: Counter, there: dict[str, Place], part: str, path: Path) -> None:
    for target, count in counts.items():
        expected = sum(place.target == target for place in there.values())
        if count != expected:
            raise UserError(
                f"{path} adapts the {target} of {count} attentions, and this {part} has "
                f"{expected}: {OTHER_BASE}, or some of its tensors are missing."
            )


def _checked_maps(
    given: dict[str, Tensor], module: nn.Module, place: Place, name: str, path: Path
) -> Maps:
    """Both maps beside one linear map, of shapes that go with it."""
    if given.keys() != {"down", "up"}:
        missing = "lora_B" if "down" in given else "lora_A"
        raise UserError(f"{path} lacks {missing} of '{name}': copy or save it again.")
    down, up = given["down"], given["up"]
    outputs, inputs = module.get_submodule(place.name).weight.shape
    shapes = tuple(down.shape), tuple(up.shape)
    if down.dim() != 2 or up.dim() != 2 or (down.shape[1], up.shape[0]) != (inputs, outputs):
        raise UserError(
            f"{path} holds '{name}' with shapes {shapes[0]} and {shapes[1]}, and this model asks "
            f"for (rank, {inputs}) and ({outputs}, rank): {OTHER_BASE}."
        )
    if down.shape[0] != up.shape[1] or down.shape[0] == 0:
        raise UserError(
            f"{path} holds '{name}' with shapes {shapes[0]} and {shapes[1]}, whose ranks "
            f"{down.shape[0]} and {up.shape[1]} do not go together: the file is damaged."
        )
    return Maps(down, up)


def _common_rank(maps: dict[str, Maps], settings: dict, part: str, path: Path) -> int:
    ranks = sorted({len(beside.down) for beside in maps.values()})
    if len(ranks) > 1:
        raise UserError(
            f"{path} has adapters of ranks {', '.join(map(str, ranks))} on the {part}: one rank "
            "for all is read; merge this adapter with the library that wrote it."
        )
    if settings and settings["r"] != ranks[0]:
        raise UserError(
            f"{path} says r = {settings['r']} of the {part}, and its tensors have rank "
            f"{ranks[0]}: its header and its tensors are not of one adapter; save it again."
        )
    return ranks[0]


def _alpha(rank: int, settings: dict, part: str, path: Path) -> float:
    if settings:
        return float(settings["lora_alpha"])
    warnings.warn(
        f"{path} does not tell the alpha of its {part} adapter, which is taken to be its rank "
        f"{rank}, as diffusers does; if it was trained with another, give scale = alpha / {rank}",
        stacklevel=4,
    )
    return float(rank)
