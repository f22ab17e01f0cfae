"""The U-ViT's first parameters: as published for training, or all perturbed for trying it out."""

from typing import Literal

import torch
from torch import Generator, nn

from src.transformer.blocks import Modulation, ResponseNorm

Init = Literal["training", "random"]


@torch.no_grad()
def initialise(model: nn.Module, init: Init, generator: Generator | None = None) -> None:
    """Fill a UViT's parameters in place.

    "training": truncated normals of width 0.02, identity modulations and response norms, a zero
    map in front of the logits, and logits read off the embedding table (report, section 2.2).
    "random": every single parameter, norms and biases too, drawn so that logits have a spread of
    about 2 and depend on all inputs.
    """
    fill = {"training": _fill_for_training, "random": _fill_randomly}[init]
    for module in model.modules():
        fill(module, generator)
    if init == "random":
        model.logits_out.weight.mul_(2)
        return
    nn.init.normal_(model.embedding.weight, std=model.config.vocab_size**-0.5, generator=generator)
    nn.init.xavier_uniform_(model.embedding_out.weight, gain=0.02, generator=generator)
    nn.init.zeros_(model.logits_in.weight)
    # One table for reading and writing codes, but only at first: they are trained apart.
    model.logits_out.weight.copy_(model.embedding.weight[: model.config.codebook_size])
    for module in model.modules():
        if isinstance(module, Modulation):
            nn.init.zeros_(module.to_scale_and_shift.weight)


def _fill_for_training(module: nn.Module, generator: Generator | None) -> None:
    if isinstance(module, nn.Linear | nn.Conv2d):
        # cut off at 2 absolute, not at 2 widths: upstream's call, in effect a plain normal
        nn.init.trunc_normal_(module.weight, std=0.02, generator=generator)
    elif isinstance(module, nn.ConvTranspose2d):  # left at torch's own default upstream
        nn.init.kaiming_uniform_(module.weight, a=5**0.5, generator=generator)
    elif isinstance(module, nn.RMSNorm | nn.LayerNorm) and module.weight is not None:
        nn.init.ones_(module.weight)
    elif isinstance(module, ResponseNorm):
        nn.init.zeros_(module.gamma)
        nn.init.zeros_(module.beta)
    if getattr(module, "bias", None) is not None:
        nn.init.zeros_(module.bias)


def _fill_randomly(module: nn.Module, generator: Generator | None) -> None:
    for name, parameter in module.named_parameters(recurse=False):
        if isinstance(module, nn.Embedding):
            parameter.normal_(generator=generator)
        elif parameter.dim() >= 2 and name == "weight":  # keep the spread of what comes in
            parameter.normal_(std=parameter[0].numel() ** -0.5, generator=generator)
        else:
            around = 1.0 if name == "weight" else 0.0  # a norm's weight, or an offset
            parameter.normal_(around, 0.2, generator=generator)
