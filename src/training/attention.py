"""Which of torch's attention kernels a training step uses."""

from contextlib import AbstractContextManager, nullcontext

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel


def quick_attention(device: torch.device) -> AbstractContextManager:
    """Attention as plain matrix products on a processor: torch's fused kernel has a backward pass
    there that takes, on sequences this short, as long as all the rest of the step."""
    return sdpa_kernel(SDPBackend.MATH) if device.type == "cpu" else nullcontext()
