"""Parts that wait in the processor's memory and come to the GPU in turns, by accelerate's hooks.

The text encoder, the U-ViT and the image tokenizer are never needed at once. What says where a part
computes stays on the GPU: the words' embeddings (77 MB of aMUSEd in half precision), the last
linear map (13 MB) and the codebook (1 MB).
"""

from typing import Any, Protocol, runtime_checkable

import torch
from accelerate.hooks import ModelHook, add_hook_to_module
from accelerate.utils import send_to_device
from torch import nn

from src.conditioning.text import TextEncoder
from src.image_tokenizer.vqgan import VQGAN
from src.prepared import forget
from src.transformer.uvit import UViT


@runtime_checkable
class Offloadable(Protocol):
    """What can be offloaded: the assembled `Amused`, or its parts."""

    transformer: UViT
    image_tokenizer: VQGAN
    text_encoder: TextEncoder


class Turns:
    """Who is on the device; everyone else waits."""

    def __init__(self, device: Any, waiting: Any = "cpu"):
        self.device, self.waiting = torch.device(device), torch.device(waiting)
        self.present: nn.Module | None = None
        self._staying: dict[nn.Module, nn.Module] = {}

    def join(self, part: nn.Module, staying: nn.Module, entries: tuple[nn.Module, ...]) -> None:
        """Let a part wait until one of its entries is used; `staying` never goes."""
        self._staying[part] = staying
        self._send_out(part)
        for entry in entries:
            add_hook_to_module(entry, _ComeIn(self, part))

    def take(self, part: nn.Module) -> None:
        """Send out who is there, and bring the part in."""
        if part is self.present:
            return
        if self.present is not None:
            self._send_out(self.present)
        part.to(self.device)
        self.present = part

    def _send_out(self, part: nn.Module) -> None:
        part.to(self.waiting)
        forget(part)
        self._staying[part].to(self.device)


class _ComeIn(ModelHook):
    """Before a module is used, its part comes in, and so do the module's arguments."""

    def __init__(self, turns: Turns, part: nn.Module):
        self.turns, self.part = turns, part

    def pre_forward(self, module: nn.Module, *args: Any, **kwargs: Any) -> tuple[Any, Any]:
        self.turns.take(self.part)
        device = self.turns.device
        return send_to_device(args, device), send_to_device(kwargs, device)


def take_turns(model: Offloadable, device: Any) -> Turns:
    """Let the parts of a model come to a device one at a time, from now on."""
    turns, uvit, vqgan = Turns(device), model.transformer, model.image_tokenizer
    clip = model.text_encoder.clip
    turns.join(clip, clip.get_input_embeddings(), (clip,))
    # a U-ViT is told its condition or shown its tokens first; pixels or codes come to a VQGAN
    turns.join(uvit, uvit.logits_out, (uvit.text_in, uvit.condition_in, uvit.embedding))
    turns.join(vqgan, vqgan.quantizer, (vqgan.encoder, vqgan.to_codes, vqgan.from_codes))
    return turns
