"""The optimizer and its learning rate: up in a line, flat, and down to zero at the end.

The flat part lets a run be made longer without having to start again.
"""

from collections.abc import Callable, Collection
from functools import partial
from itertools import compress
from typing import Any

from torch import nn
from torch.autograd.graph import increment_version
from torch.optim import AdamW, Optimizer
from torch.optim.lr_scheduler import LambdaLR

from src.training.config import TrainingConfig
from src.training.muon import Muon


def rate_factor(step: int, config: TrainingConfig) -> float:
    """Share of the full learning rate at a step, in (0, 1]."""
    decay_steps = max(1, int(config.max_steps * config.decay_ratio))
    warm = (step + 1) / max(1, config.warmup_steps)
    down = (config.max_steps - step) / decay_steps
    return max(min(1.0, warm, down), 1e-4)


def optimizer(
    module: nn.Module, config: TrainingConfig, ends: Collection[nn.Module] = ()
) -> tuple[Optimizer, LambdaLR]:
    """The configured optimizer and its schedule.

    Weight decay is for all parameters with two dimensions and more; among them are the response
    norms' gains, as upstream.

    ends: the layers that read ids or give logits; Muon is for what lies between them.
    """
    params = [p for p in module.parameters() if p.requires_grad]
    at_ends = {p for end in ends for p in end.parameters()}
    is_muon = config.optimizer == "muon"
    hidden = [p for p in params if is_muon and p.ndim == 2 and p not in at_ends]
    others = [p for p in params if p not in set(hidden)]
    tables = () if config.is_embedding_decayed else _embedding_tables(module)
    is_decayed = [p.ndim >= 2 and p not in set(tables) for p in others]
    groups = [
        {"params": list(compress(others, is_decayed)), "weight_decay": config.weight_decay},
        {"params": [p for p, yes in zip(others, is_decayed, strict=True) if not yes]}
        | {"weight_decay": 0.0},
    ]
    if is_muon:
        groups.append({"params": hidden, "weight_decay": config.weight_decay, "orthogonal": True})
    stepper = _kind(config)(groups, lr=config.learning_rate, betas=(0.9, config.beta2))
    count_steps_as_changes(stepper)
    return stepper, LambdaLR(stepper, lambda step: rate_factor(step, config))


def count_steps_as_changes(stepper: Optimizer) -> None:
    """Let every step show in its parameters' versions, by which `src.prepared` sees them change.

    Not all do by themselves: AdamW's fused kernel counts nothing, and AdamW8bit writes to `.data`
    on a processor. What is drawn on the way would then be drawn with weights of long ago.
    """
    stepper.register_step_post_hook(_count_change)


def _count_change(stepper: Optimizer, *_: Any) -> None:
    increment_version([each for group in stepper.param_groups for each in group["params"]])


def _embedding_tables(module: nn.Module) -> list[nn.Parameter]:
    return [each.weight for each in module.modules() if isinstance(each, nn.Embedding)]


def _kind(config: TrainingConfig) -> Callable[..., Optimizer]:
    if config.optimizer == "muon":
        return Muon
    if config.optimizer == "adamw":
        return partial(AdamW, fused=config.fused)
    from bitsandbytes.optim import AdamW8bit  # a second to import

    return AdamW8bit
