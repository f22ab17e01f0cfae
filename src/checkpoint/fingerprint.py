"""One hash for a set of weights, to name in records which model made a picture."""

import hashlib
from collections.abc import Mapping
from typing import Any

SHORT_LENGTH = 12


def weights_hash(tensors: Mapping[str, Any]) -> str:
    """SHA-256 over all tensors, by sorted name: name, type, shape and bytes; in hexadecimal."""
    import torch  # whoever wants the length alone need not wait for it

    digest = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu().contiguous()
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()
