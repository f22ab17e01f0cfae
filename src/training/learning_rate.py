"""How the learning rate goes: up in a line, flat, and in a line down to zero at the end.

The flat part lets a run be made longer without having to start again.
"""

from torch.optim import AdamW, Optimizer
from torch.optim.lr_scheduler import LambdaLR

from src.training.config import TrainingConfig


def rate_factor(step: int, config: TrainingConfig) -> float:
    """Share of the full learning rate at a step, in (0, 1]."""
    decay_steps = max(1, int(config.max_steps * config.decay_ratio))
    warm = (step + 1) / max(1, config.warmup_steps)
    down = (config.max_steps - step) / decay_steps
    return max(min(1.0, warm, down), 1e-4)


def adamw(module, config: TrainingConfig) -> tuple[Optimizer, LambdaLR]:
    """AdamW with weight decay on matrices only, and its schedule."""
    params = [p for p in module.parameters() if p.requires_grad]
    groups = [
        {"params": [p for p in params if p.ndim >= 2], "weight_decay": config.weight_decay},
        {"params": [p for p in params if p.ndim < 2], "weight_decay": 0.0},
    ]
    optimizer = AdamW(groups, lr=config.learning_rate, betas=(0.9, config.beta2))
    return optimizer, LambdaLR(optimizer, lambda step: rate_factor(step, config))
