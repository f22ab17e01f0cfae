"""Convolutions with weights laid out once as oneDNN reads them, where torch has them.

torch's own convolution lays them out anew every time, which takes longer than a small map's work.
"""

import torch
from jaxtyping import Float
from torch import Tensor

OPERATIONS = ("_reorder_convolution_weight", "_convolution_pointwise")
UNPADDED, UNIT = [0, 0], [1, 1]


def is_here(device: torch.device, dtype: torch.dtype) -> bool:
    """Whether this build of torch and this processor convolve so, in float32 or bfloat16."""
    backend = torch.backends.mkldnn
    if device.type != "cpu" or not backend.is_available() or not backend.enabled:
        return False
    if not all(hasattr(torch.ops.mkldnn, name) for name in OPERATIONS):
        return False
    return dtype == torch.float32 or torch.ops.mkldnn._is_mkldnn_bf16_supported()


def pack(
    weight: Float[Tensor, "out in height width"], groups: int, size: tuple[int, int, int, int]
) -> Tensor:
    """Weights in oneDNN's layout, best for inputs of `size`: batch, channels, height, width."""
    reorder = torch.ops.mkldnn._reorder_convolution_weight
    return reorder(weight, UNPADDED, UNIT, UNIT, groups, list(size))


def convolve(
    x: Float[Tensor, "batch channels height width"],
    packed: Tensor,
    bias: Float[Tensor, " out"] | None,
    groups: int,
) -> Float[Tensor, "batch out new_height new_width"]:
    """The convolution without padding; channels last, if `x` is."""
    how = (UNPADDED, UNIT, UNIT, groups, "none", [], "")
    return torch.ops.mkldnn._convolution_pointwise(x, packed, bias, *how)
