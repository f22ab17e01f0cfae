"""PEFT's layers inside a part: put in, found, read and taken out.

PEFT puts its layer in the place of a linear map and keeps that map inside, untouched. There is one
adapter at a time. Dimensions: inputs and outputs of the linear map, rank.
"""

import logging
from collections.abc import Mapping
from types import ModuleType
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from src.errors import UserError

ADAPTER = "default"  # PEFT's name for an adapter that was given none


class Maps(NamedTuple):
    """The two low-rank maps beside one linear map W, which becomes W + alpha / rank * up down."""

    down: Float[Tensor, "rank inputs"]  # A in the paper
    up: Float[Tensor, "outputs rank"]  # B in the paper, zero at first


class Adapter(NamedTuple):
    """What one part carries, by the names of its linear maps here."""

    rank: int
    alpha: float
    maps: Mapping[str, Maps]


def insert(
    module: nn.Module, adapter: Adapter, dropout: float = 0.0, scale: int | float = 1.0
) -> None:
    """Put an adapter's maps into a part, on its device; they count scale * alpha / rank times."""
    peft = _peft()
    settings = peft.LoraConfig(
        r=adapter.rank,
        lora_alpha=adapter.alpha,
        lora_dropout=dropout,
        target_modules=list(adapter.maps),
    )
    # "low_cpu_mem_usage" leaves the maps empty, so that nothing is drawn from the global generator
    peft.inject_adapter_in_model(settings, module, ADAPTER, low_cpu_mem_usage=True)
    layers = lora_layers(module)
    if layers.keys() != adapter.maps.keys():
        raise UserError(
            f"PEFT {peft.__version__} adapted {len(layers)} maps instead of {len(adapter.maps)}: "
            "install the version of requirements.txt."
        )
    for name, (down, up) in adapter.maps.items():
        layer, device = layers[name], layers[name].base_layer.weight.device
        layer.lora_A[ADAPTER].weight = nn.Parameter(down.to(device, torch.float32))
        layer.lora_B[ADAPTER].weight = nn.Parameter(up.to(device, torch.float32))
        layer.set_scale(ADAPTER, scale)
    module.train(module.training)  # the new layers, too, are in the part's own mode


def take_out(module: nn.Module) -> None:
    """Give every linear map its place back; all of the part can learn again."""
    for name, layer in lora_layers(module).items():
        owner, _, attribute = name.rpartition(".")
        setattr(module.get_submodule(owner), attribute, layer.base_layer)
    del module.peft_config
    module.requires_grad_(True)


def is_adapted(module: nn.Module) -> bool:
    return hasattr(module, "peft_config")  # PEFT's own mark


def lora_layers(module: nn.Module) -> dict[str, Any]:
    """PEFT's layers in a part, by the name of the map that each has taken the place of."""
    if not is_adapted(module):
        return {}
    kind = _peft().tuners.lora.LoraLayer
    return {name: layer for name, layer in module.named_modules() if isinstance(layer, kind)}


def maps_of(layer: Any) -> Maps:
    """The two maps of one of PEFT's layers, the very parameters."""
    return Maps(layer.lora_A[ADAPTER].weight, layer.lora_B[ADAPTER].weight)


def merged(layer: Any) -> Float[Tensor, "outputs inputs"]:
    """W + scale * alpha / rank * B A, summed in float32 or better and rounded once."""
    weight = layer.base_layer.weight
    wide = torch.promote_types(weight.dtype, torch.float32)
    return (weight.to(wide) + layer.get_delta_weight(ADAPTER).to(wide)).to(weight.dtype)


def base_state(module: nn.Module) -> dict[str, Tensor]:
    """A part's state dict as it would be without its adapter."""
    state = module.state_dict()
    return {n.replace(".base_layer.", "."): t for n, t in state.items() if ".lora_" not in n}


def _peft() -> ModuleType:
    """PEFT, imported where it is first needed: that takes seconds."""
    # without this it tells every owner of a newer CPU that a 4-bit routine is not installed
    logging.getLogger("bitsandbytes.backends.cpu.ops").setLevel(logging.ERROR)
    import peft

    return peft
