"""What a training step will need, before anything is trained: memory and arithmetic of one picture.

The model is built without memory (torch's meta device) and run once, so what autograd would keep
and what would be computed are counted, not guessed; attention is counted unfused, which is a little
more than a fused kernel keeps.
"""

import math
import time
from typing import NamedTuple

import torch
from torch.nn.functional import cross_entropy
from torch.utils.flop_counter import FlopCounterMode

from src.transformer.config import TransformerConfig
from src.transformer.uvit import UViT

BYTES = 4  # of a float32 number; weights are kept in it, whatever the products are computed in
STATES = {"adamw": 8, "adamw_8bit": 2, "muon": 4}  # bytes an optimizer keeps for every weight
BACKWARD = 2  # a backward pass computes twice what the forward pass does
ROUNDS = 5


class Cost(NamedTuple):
    """Of one U-ViT; `picture_*` are for one picture of a batch."""

    num_parameters: int
    picture_bytes: int  # kept from the forward for the backward pass, in float32
    picture_flops: int  # floating point operations of forward and backward pass

    def memory(self, batch_size: int, optimizer: str, has_average: bool = True) -> int:
        """Bytes of a training step: weights, gradients, optimizer, average, and what is kept."""
        of_weight = (2 + has_average) * BYTES + STATES[optimizer]
        return of_weight * self.num_parameters + batch_size * self.picture_bytes

    def seconds(self, batch_size: int, flops_per_second: float) -> float:
        """Duration of a step that computes at a rate without ever waiting: a lower bound."""
        return batch_size * self.picture_flops / flops_per_second


def uvit_cost(config: TransformerConfig, num_words: int) -> Cost:
    """Count what a U-ViT needs for one picture of its own size and a prompt of `num_words` ids."""
    with torch.device("meta"):
        uvit = UViT(config)
        token_ids = torch.zeros(1, config.sample_size, config.sample_size, dtype=torch.long)
        text_states = torch.zeros(1, num_words, config.encoder_hidden_size)
        pooled_text, micro_cond = torch.zeros(1, config.cond_embed_dim), torch.zeros(1, 5)
        targets = torch.zeros(config.sample_size**2, dtype=torch.long)
    weights = {parameter.untyped_storage()._cdata for parameter in uvit.parameters()}
    kept: dict[int, int] = {}  # storage: bytes; a view keeps no second copy

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage._cdata not in weights:
            kept[storage._cdata] = storage.nbytes()
        return tensor

    hooks = torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor)
    with FlopCounterMode(display=False) as counter, hooks:
        logits = uvit(token_ids, text_states, pooled_text, micro_cond)
        cross_entropy(logits.flatten(0, 1), targets)
    return Cost(
        sum(parameter.numel() for parameter in uvit.parameters()),
        sum(kept.values()),
        (1 + BACKWARD) * counter.get_total_flops(),
    )


def matrix_rate(device: str, dtype: torch.dtype, size: int | None = None) -> float:
    """Floating point operations a second of large matrix products here: the median of a few."""
    size = size or (8192 if device.startswith("cuda") else 1024)
    left, right = torch.randn(2, size, size, device=device).to(dtype)
    durations = []
    for _ in range(ROUNDS + 1):
        started = time.perf_counter()
        product = left @ right
        if device.startswith("cuda"):
            torch.cuda.synchronize(device)
        durations.append(time.perf_counter() - started)
    assert math.isfinite(float(product[0, 0]))
    return 2 * size**3 / sorted(durations[1:])[ROUNDS // 2]
