"""The most that a model takes of a GPU while it works, had it the GPU alone."""

from collections.abc import Callable

import torch

from src.prepared import forget
from src.speed.quantized import Quantizable, held_tensors


def peak_bytes(model: Quantizable, work: Callable[[], object]) -> int:
    """Bytes of the model's own tensors, and the most that was allocated besides in `work`.

    What lay there before, other models too, is not counted.
    """
    # what `work` makes of them again is the model's own too
    forget(model.transformer, model.image_tokenizer, model.text_encoder)
    own = [tensor for tensor in held_tensors(model).values() if tensor.is_cuda]
    device = own[0].device
    torch.cuda.synchronize(device)
    torch.cuda.reset_peak_memory_stats(device)
    others = torch.cuda.memory_allocated(device) - sum(each.nbytes for each in own)
    work()
    torch.cuda.synchronize(device)
    return torch.cuda.max_memory_allocated(device) - others
