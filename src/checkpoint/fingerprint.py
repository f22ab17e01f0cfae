"""One hash for a set of weights, to name in records which model made a picture."""

import hashlib
from collections.abc import Mapping

import torch
from torch import Tensor

SHORT_LENGTH = 12


def weights_hash(tensors: Mapping[str, Tensor]) -> str:
    """SHA-256 over all tensors, by sorted name: name, type, shape and bytes; in hexadecimal."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu().contiguous()
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()
