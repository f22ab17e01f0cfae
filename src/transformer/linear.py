"""A linear map whose weights, on a processor, also lie as its fastest product reads them.

Dimensions: features_in, features_out.
"""

from typing import no_type_check
from weakref import WeakKeyDictionary

import torch
from jaxtyping import Float
from torch import Tensor, nn

# oneDNN's own product of prepacked weights, which torch uses in compiled models. Measured on 512
# rows of 1024: 214 GFLOP/s on two cores, where the usual way reaches 140 to 180.
HAS_PACKED = torch.backends.mkldnn.is_available() and hasattr(torch.ops.mkldnn, "_linear_pointwise")
FEWEST_WEIGHTS = 2**16  # below, the call costs more than the product gains,
FEW_ROWS = 16  # but for so few rows, whose bits in the usual way depend on how many they are


class _Packed:
    """A map's weights as oneDNN lays them out, and which state of which weights they are."""

    def __init__(self, weight: Tensor):
        self.state = _state(weight)
        self.weight = torch.ops.mkldnn._reorder_linear_weight(weight.detach(), None)


_PACKED: WeakKeyDictionary[nn.Module, _Packed] = WeakKeyDictionary()


class Linear(nn.Linear):
    """torch's linear map; without gradients on a processor, in float32, by packed weights.

    These are a second copy, made at the first use and anew after the weights have changed; they are
    no part of the module's state. There a row has the same bits whatever other rows there are.
    """

    always_packed = (
        False  # whatever its size: where sometimes all rows are asked for, sometimes a few
    )

    @no_type_check  # a compiler sees through it, and not through the checks that tests put on
    def forward(
        self, states: Float[Tensor, "*where features_in"]
    ) -> Float[Tensor, "*where features_out"]:
        """states @ weight^T + bias."""
        if torch.is_grad_enabled() or torch.compiler.is_compiling():
            return super().forward(states)
        is_float32 = self.weight.dtype == states.dtype == torch.float32
        if self.weight.device.type != "cpu" or not is_float32:
            return super().forward(states)
        rows = states.flatten(0, -2)
        is_small = len(rows) > FEW_ROWS and self.weight.numel() < FEWEST_WEIGHTS
        is_packed = HAS_PACKED and (self.always_packed or not is_small)
        product = self._of_packed(rows) if is_packed else super().forward(rows)
        return product.view(*states.shape[:-1], -1)

    def _of_packed(self, rows: Float[Tensor, "rows features_in"]) -> Tensor:
        packed = _PACKED.get(self)
        if packed is None or packed.state != _state(self.weight):
            packed = _PACKED[self] = _Packed(self.weight)
        two = torch.cat([rows, rows]) if len(rows) == 1 else rows  # one is added up otherwise
        product = torch.ops.mkldnn._linear_pointwise(two, packed.weight, self.bias, "none", [], "")
        return product[: len(rows)]


def _state(weight: Tensor) -> tuple[int, int]:
    """Where weights lie and how often they were written to: another pair, other weights."""
    return weight.data_ptr(), weight._version
