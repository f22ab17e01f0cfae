"""Settings of a LoRA adapter: small low-rank maps that learn while the model itself stands still.

Imports no torch, so that composing a configuration stays quick.
"""

import math
from dataclasses import dataclass, field

from src.errors import UserError
from src.limits import one_of, whole

TARGETS = ("query", "key", "value", "out")  # the maps of an attention
LARGEST_RANK = 1024  # the widest attention of aMUSEd: more than all of it cannot be learned


@dataclass
class LoraConfig:
    """Low-rank adaptation (Hu et al. 2021, section 4.1); the defaults are aMUSEd's fine-tuning.

    A map W becomes W + alpha / rank * B A, with A of `rank` rows and B of `rank` columns.
    """

    rank: int = 16
    alpha: float = 32.0  # the adapter counts alpha / rank times; 1 in aMUSEd's StyleDrop at 512
    targets: list[str] = field(default_factory=lambda: ["query", "key", "value"])  # of TARGETS
    has_text_encoder: bool = False  # adapt the text encoder's attentions too
    dropout: float = 0.0  # 0 to below 1: share of an adapter's inputs zeroed in training


def check_lora(config: LoraConfig) -> None:
    """Refuse settings that no adapter can be made from; raises UserError."""
    whole("lora.rank", config.rank, 1, LARGEST_RANK)
    if not (math.isfinite(config.alpha) and config.alpha > 0):
        raise UserError(f"lora.alpha={config.alpha} is impossible; give a number above 0.")
    if not 0 <= config.dropout < 1:
        raise UserError(f"lora.dropout={config.dropout} is impossible; give 0 to below 1.")
    for target in config.targets:
        one_of("lora.targets", target, TARGETS)
    if not config.targets or len(set(config.targets)) < len(config.targets):
        raise UserError(
            f"lora.targets={config.targets} is impossible; give at least one of "
            f"{', '.join(TARGETS)}, each once."
        )
