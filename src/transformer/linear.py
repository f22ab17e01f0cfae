"""A linear map whose weights, on a processor, also lie as its fastest product reads them.

Dimensions: features_in, features_out.
"""

from typing import no_type_check

import torch
from jaxtyping import Float
from torch import Tensor, nn

from src import onednn
from src.prepared import prepared

FEWEST_WEIGHTS = 2**16  # below, a packed product's call costs more than it gains,
FEW_ROWS = 16  # but for so few rows, whose bits in the usual way depend on how many they are


class Linear(nn.Linear):
    """torch's linear map; without gradients on a processor, in float32, by packed weights.

    These are a second copy, made at the first use and anew after the weights have changed; they are
    no part of the module's state. There a row has the same bits whatever other rows there are.
    """

    # Whatever its size: for a map that is asked about all rows in one place, a few in another.
    always_packed = False

    @no_type_check  # a compiler sees through it, and not through the checks that tests put on
    def forward(
        self, states: Float[Tensor, "*where features_in"]
    ) -> Float[Tensor, "*where features_out"]:
        """states @ weight^T + bias."""
        if torch.is_grad_enabled() or torch.compiler.is_compiling():
            return super().forward(states)
        is_float32 = self.weight.dtype == states.dtype == torch.float32
        is_here = is_float32 and onednn.is_here(self.weight.device, states.dtype)
        if not is_here or self.weight.is_inference():  # of which nobody counts the changes
            return super().forward(states)
        rows = states.reshape(-1, self.in_features)
        is_small = len(rows) > FEW_ROWS and self.weight.numel() < FEWEST_WEIGHTS
        if is_small and not self.always_packed:
            return super().forward(states)
        return self._of_packed(rows).view(*states.shape[:-1], self.out_features)

    def _of_packed(self, rows: Float[Tensor, "rows features_in"]) -> Tensor:
        weight = self.weight.detach()
        packed = prepared(self, "packed", [self.weight], lambda: onednn.pack_linear(weight))
        two = torch.cat([rows, rows]) if len(rows) == 1 else rows  # one is added up otherwise
        return onednn.linear(two, packed, self.bias)[: len(rows)]
