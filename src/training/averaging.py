"""The exponential moving average of a model's weights: what is sampled from and shipped."""

from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn


def moving_average(model: nn.Module, decay: float) -> AveragedModel:
    """A frozen copy of the model, to be updated once a step; `.module` is the averaged model.

    It begins as the model itself at the first update, so the first steps do not linger.
    """
    average = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(decay))
    return average.requires_grad_(False).eval()
