"""The exponential moving average of a model's weights: what is sampled from and shipped."""

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from src.training.config import TrainingConfig


def moving_average(model: nn.Module, config: TrainingConfig) -> AveragedModel:
    """A frozen copy of the model, to be updated once a step; `.module` is the averaged model.

    It begins as the model itself at the first update, so the first steps do not linger. With
    `ema_ramp` the decay rises to `ema_decay` as (1 + n) / (10 + n) over the updates n, as in
    aMUSEd's pre-training (report section 2.4): a short run then forgets its beginning too.
    """
    decay = config.ema_decay
    rule = _ramped(decay) if config.ema_ramp else get_ema_multi_avg_fn(decay)
    average = AveragedModel(model, multi_avg_fn=rule)
    return average.requires_grad_(False).eval()


def _ramped(decay: float):
    @torch.no_grad()
    def update(averages: list[Tensor], currents: list[Tensor], num_updates: Tensor) -> None:
        num = int(num_updates)
        keep = min(decay, (1 + num) / (10 + num))
        torch._foreach_lerp_(averages, currents, 1 - keep)

    return update
