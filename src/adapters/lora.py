"""Low-rank adapters on the attentions: added, switched off, merged, removed.

LoRA (Hu et al. 2021, section 4.1) by the PEFT library. There is one adapter at a time.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Generator, nn

from src.adapters.config import LoraConfig, check_lora
from src.adapters.layers import (
    ADAPTER,
    Adapter,
    Maps,
    insert,
    is_adapted,
    lora_layers,
    maps_of,
    merged,
    take_out,
)
from src.adapters.places import PARTS, Adaptable, modules_of, places
from src.checkpoint.few_bits import refuse_few_bits
from src.errors import UserError

NO_LORA = "the model carries no adapter: call load_lora() or add_lora() first."


def add_lora(model: Adaptable, config: LoraConfig, generator: Generator) -> None:
    """Put a fresh adapter on the attentions of the U-ViT, and of the text encoder if asked.

    It changes no output yet, for one of its two maps is zero. The other is drawn as PEFT and
    diffusers do: uniform, no wider than 1 / sqrt(inputs). The adapted parts' own parameters no
    longer learn; the adapter's do, in float32 whatever the part's precision.

    Raises UserError for impossible settings, an adapter that is there already, a compiled model.
    """
    check_lora(config)
    refuse_second(model)
    adapters = {}
    for part in PARTS if config.has_text_encoder else PARTS[:1]:
        module = modules_of(model)[part]
        names = [p.name for p in places(part, module).values() if p.target in config.targets]
        maps = {name: _drawn(module.get_submodule(name), config.rank, generator) for name in names}
        adapters[part] = Adapter(config.rank, config.alpha, maps)
    for part, adapter in adapters.items():
        insert(modules_of(model)[part], adapter, config.dropout)


def has_lora(model: Adaptable) -> bool:
    """Whether an adapter is there, switched off or not."""
    return any(is_adapted(module) for module in modules_of(model).values())


def lora_parameters(model: Adaptable) -> list[nn.Parameter]:
    """What an optimizer should see while an adapter learns; raises UserError without one."""
    return [weight for layer in _layers(model).values() for weight in maps_of(layer)]


@contextmanager
def without_lora(model: Adaptable) -> Iterator[None]:
    """Switch the adapter off while the block runs: outputs are the bits of the model alone."""
    layers = _layers(model).values()
    for layer in layers:
        layer.enable_adapters(False)
    try:
        yield
    finally:
        for layer in layers:
            layer.enable_adapters(True)


@torch.no_grad()
def merge_lora(model: Adaptable) -> None:
    """Add the adapter into the weights it sits on and take its layers out: a plain model again.

    Raises UserError, and changes nothing, if there is no adapter or if a weight would overflow its
    precision.
    """
    layers = _layers(model)
    for name, layer in layers.items():
        if not torch.isfinite(merged(layer)).all():
            raise UserError(
                f"merging overflows '{name}' in {layer.base_layer.weight.dtype}: open the model "
                "in float32, or load the adapter with a smaller scale."
            )
    for layer in layers.values():
        layer.base_layer.weight.copy_(merged(layer))
    remove_lora(model)


def remove_lora(model: Adaptable) -> None:
    """Take the adapter out: the model as it was before, all of the adapted parts trainable."""
    if not has_lora(model):
        raise UserError(NO_LORA)
    for module in filter(is_adapted, modules_of(model).values()):
        take_out(module)


def refuse_second(model: Adaptable) -> None:
    """Raise UserError if there is an adapter, few bits in the weights, or a compiled step."""
    refuse_few_bits(modules_of(model).values(), "an adapter cannot be put on the model")
    model.transformer.refuse_compiled("an adapter cannot be put on the model")
    if has_lora(model):
        raise UserError(
            "the model carries an adapter already: call merge_lora() or remove_lora() first."
        )


def strengths(model: Adaptable) -> dict[str, float]:
    """How many times each adapted part's adapter counts: scale * alpha / rank."""
    layers = {part: lora_layers(module) for part, module in modules_of(model).items()}
    return {part: next(iter(of.values())).scaling[ADAPTER] for part, of in layers.items() if of}


def _layers(model: Adaptable) -> dict[str, Any]:
    """All of PEFT's layers by part and name; raises UserError if there are none."""
    if not has_lora(model):
        raise UserError(NO_LORA)
    return {
        f"{part}.{name}": layer
        for part, module in modules_of(model).items()
        for name, layer in lora_layers(module).items()
    }


def _drawn(linear: nn.Linear, rank: int, generator: Generator) -> Maps:
    """Kaiming's uniform law with a = sqrt(5), as nn.Linear itself is initialised; and zeros."""
    down = torch.empty(rank, linear.in_features, device=generator.device)
    nn.init.kaiming_uniform_(down, a=5**0.5, generator=generator)
    return Maps(down, torch.zeros(linear.out_features, rank))
