"""Gradient checkpointing (Chen et al. 2016): keep a block's inputs, recompute what lies inside.

The backward pass then costs one more forward pass, and memory holds one block's activations instead
of all of them. No number changes.
"""

from collections.abc import Callable
from contextlib import nullcontext
from functools import partial

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from src.training.attention import quick_attention
from src.transformer.kept import Kept
from src.transformer.uvit import UViT


def recompute_activations(uvit: UViT) -> None:
    """Make the U-ViT's blocks and layers recompute in training; in place, names stay as they are.

    Upstream's switch raises a TypeError (report section 7): its wrapper takes positions only and is
    called with names.
    """
    for stage in (uvit.down, uvit.up):
        for block in (*stage.conv_blocks, *stage.text_blocks):
            block.forward = partial(_recomputed, block.forward)
    for layer in uvit.layers:
        layer.forward = partial(_recomputed, layer.forward)


def _recomputed(
    forward: Callable[..., Tensor], states: Tensor, *condition: Tensor | Kept
) -> Tensor:
    if not torch.is_grad_enabled():  # as where a training draws its samples: nothing is kept
        return forward(states, *condition)
    if states.is_cuda:
        return checkpoint(forward, states, *condition, use_reentrant=False)
    # the second pass lies outside of the step's own choice of kernel, and has to make the same one
    kernels = (nullcontext(), quick_attention(states.device))
    return checkpoint(forward, states, *condition, use_reentrant=False, context_fn=lambda: kernels)
