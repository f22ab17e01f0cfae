"""Weights of 8 or 4 bits: told from others, and refused where only whole ones will do."""

from collections.abc import Iterable

from torch import nn

from src.errors import UserError


def has_few_bits(modules: Iterable[nn.Module]) -> bool:
    """Whether any parameter is a whole number, as those of quantized maps are and no others."""
    return any(not p.is_floating_point() for module in modules for p in module.parameters())


def refuse_few_bits(modules: Iterable[nn.Module], what: str) -> None:
    """Raise UserError for quantized weights; what: begins the sentence, "the model cannot ..."."""
    if has_few_bits(modules):
        raise UserError(
            f"{what}, for its weights are quantized and their lost bits do not come back: open "
            "it again with speed.weights=full"
        )
