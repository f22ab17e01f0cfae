"""Numbers made on the processor, sent to where the model is without waiting for it."""

import torch
from torch import Tensor


def sent(numbers: Tensor, device: torch.device) -> Tensor:
    """On the device; a GPU takes them from pinned memory when it comes to them."""
    if device.type != "cuda":
        return numbers.to(device)
    return numbers.pin_memory().to(device, non_blocking=True)
