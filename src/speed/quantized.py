"""Linear maps of 8 or 4 bits a weight, by bitsandbytes; everything else stays as it is.

int8: whole numbers with a scale for every output. The inputs, too, are rounded to 8 bits, row by
    row, and the products are summed exactly (LLM.int8, Dettmers et al. 2022, without outliers).
int4: NormalFloat, a scale for every 64 weights (QLoRA, Dettmers et al. 2023); the inputs stay. A
    processor with bfloat16 instructions multiplies in bfloat16.

Each of the few maps at the U-ViT's ends costs about as much as a whole kind of map between them,
and they are 2 % of the weights: they stay whole. 4 bits in the text encoder cost as much as in all
of the U-ViT, so that it has 8 in both. There is no linear map in the image tokenizer.
"""

import logging
from collections.abc import Iterator
from types import ModuleType
from typing import Any, NamedTuple, Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor, nn

from src.adapters.lora import has_lora
from src.checkpoint.few_bits import has_few_bits
from src.conditioning.text import TextEncoder
from src.errors import UserError
from src.image_tokenizer.vqgan import VQGAN
from src.limits import one_of
from src.memory import is_out_of_memory
from src.prepared import forget
from src.speed.config import FEW_BITS
from src.transformer.linear import Linear
from src.transformer.uvit import UViT

WHOLE = ("text_in", "condition_in", "condition_out", "embedding_out", "logits_in", "logits_out")
BLOCK = 64  # weights that share a scale in int4
OUTPUTS = 32  # that the library's kernel for processors takes at once
DEVICES = ("cpu", "cuda")
# a routine that is not installed here, and in every step that the inputs are rounded
QUIET = ("bitsandbytes.backends.cpu.ops", "bitsandbytes.autograd._functions")


@runtime_checkable
class Quantizable(Protocol):
    """What can be quantized: the assembled `Amused`, or its parts."""

    transformer: UViT
    image_tokenizer: VQGAN
    text_encoder: TextEncoder


class FewBits(nn.Module):
    """One of bitsandbytes' maps, taking inputs of any shape as rows, which is all that it takes."""

    def __init__(self, library_map: nn.Module):
        super().__init__()
        self.map = library_map

    def forward(self, states: Float[Tensor, "*batch inputs"]) -> Float[Tensor, "*batch outputs"]:
        rows = states.reshape(-1, states.shape[-1])
        return self.map(rows).view(*states.shape[:-1], -1)

    def tensors(self) -> dict[str, Tensor]:
        """Everything that is held, as it lies."""
        weight, bias = self.map.weight, self.map.bias
        if weight.dtype == torch.int8:
            scales = {"scales": self.map.state.SCB}
        else:
            scales = {"scales": weight.quant_state.absmax, "code": weight.quant_state.code}
        return {"weight": weight.data} | scales | ({} if bias is None else {"bias": bias.data})


class Found(NamedTuple):
    """A linear map in its place, and how many bits its weights shall have."""

    owner: nn.Module
    attribute: str
    weights: str  # one of FEW_BITS

    @property
    def linear(self) -> nn.Linear:
        return getattr(self.owner, self.attribute)


def quantize(model: Quantizable, weights: str, device: Any = None) -> None:
    """Give the linear maps few bits, in place, and move the model to a device, where one is named.

    No more than one map is whole and quantized at once, and none is whole on the device. Raises
    UserError, and changes nothing, for an unknown kind, a model quantized before, compiled or with
    an adapter on it, one without maps that fit, and a device on which the library does not compute.
    """
    one_of("weights", weights, FEW_BITS)
    device = torch.device(model.transformer.logits_out.weight.device if device is None else device)
    _check(model, weights, device)
    found = [*_found(model.transformer, weights), *_found(model.text_encoder.clip, "int8")]
    if not found:
        raise UserError(
            f"weights={weights} finds no linear map with inputs by {BLOCK} and outputs by "
            f"{OUTPUTS} in this model: leave it as it is"
        )
    _try(found[0].linear, weights, device)
    linears = [each.linear for each in found]
    for each in found:
        setattr(each.owner, each.attribute, nn.Identity())
    model.transformer.to(device)
    model.image_tokenizer.to_draw(device)
    model.text_encoder.to(device)
    forget(model.transformer, model.image_tokenizer, model.text_encoder)
    for each in found:
        setattr(each.owner, each.attribute, _few_bits(linears.pop(0), each.weights, device))


def held_tensors(model: Quantizable) -> dict[str, Tensor]:
    """Every tensor that a quantized model holds, by part and name."""
    parts = {
        "transformer": model.transformer,
        "vqvae": model.image_tokenizer,
        "text_encoder": model.text_encoder,
    }
    return {
        f"{part}.{name}": tensor for part, module in parts.items() for name, tensor in _held(module)
    }


def weight_bytes(module: nn.Module) -> int:
    """Bytes of all that a module holds, scales and buffers included, whole or of few bits."""
    return sum(tensor.numel() * tensor.element_size() for _, tensor in _held(module))


def _held(module: nn.Module) -> Iterator[tuple[str, Tensor]]:
    few = {name: each for name, each in module.named_modules() if isinstance(each, FewBits)}
    for name, each in few.items():
        yield from ((f"{name}.{own}", tensor) for own, tensor in each.tensors().items())
    inside = {id(tensor) for each in few.values() for tensor in each.parameters()}
    for name, tensor in (*module.named_parameters(), *module.named_buffers()):
        if id(tensor) not in inside:
            yield name, tensor


def _found(module: nn.Module, weights: str) -> list[Found]:
    found = []
    for name, each in module.named_modules():
        fits = type(each) in (nn.Linear, Linear) and not (
            each.in_features % BLOCK or each.out_features % OUTPUTS
        )
        if fits and name not in WHOLE:
            owner, _, attribute = name.rpartition(".")
            found.append(Found(module.get_submodule(owner), attribute, weights))
    return found


def _few_bits(linear: nn.Linear, weights: str, device: torch.device) -> FewBits:
    library, weight = _library().nn, linear.weight.detach().cpu()
    sizes = linear.in_features, linear.out_features, linear.bias is not None
    if weights == "int8":
        made = library.Linear8bitLt(*sizes, has_fp16_weights=False, device="meta")
        made.weight = library.Int8Params(weight, requires_grad=False).to(device)
    else:
        made = library.Linear4bit(*sizes, quant_type="nf4", device="meta")
        # scales of one level: the library's second one does not come back from a processor's layout
        kind = {"quant_type": "nf4", "blocksize": BLOCK, "compress_statistics": False}
        made.weight = library.Params4bit(weight, requires_grad=False, **kind).to(device)
    if linear.bias is not None:
        made.bias = nn.Parameter(linear.bias.detach().to(device), requires_grad=False)
    few = FewBits(made).eval()
    with torch.no_grad():  # once, for the library lays its weights out when they are first used
        few(torch.ones(1, linear.in_features, dtype=weight.dtype, device=device))
    return few


def _check(model: Quantizable, weights: str, device: torch.device) -> None:
    if has_few_bits((model.transformer, model.text_encoder)):
        raise UserError(
            f"weights={weights}: the model is quantized already, and its lost bits do not come "
            "back; open it again"
        )
    model.transformer.refuse_compiled(f"weights={weights}: the model cannot be quantized")
    if has_lora(model):
        raise UserError(f"weights={weights}: the model carries an adapter; call merge_lora() first")
    if device.type not in DEVICES:
        raise UserError(
            f"weights={weights} is computed on {' and '.join(DEVICES)}, not on {device}: leave the "
            "weights full there"
        )


def _try(linear: nn.Linear, weights: str, device: torch.device) -> None:
    """Quantize one map and use it; raises UserError where that cannot be done."""
    try:
        _few_bits(linear, weights, device)
    except Exception as error:  # the library has errors of every kind
        if is_out_of_memory(error):
            raise
        reason = (str(error).strip() or type(error).__name__).splitlines()[-1]
        raise UserError(
            f"weights={weights} cannot be computed on {device} by bitsandbytes ({reason}): leave "
            "the weights full, or see +exp=doctor"
        ) from error


def _library() -> ModuleType:
    """bitsandbytes, imported where it is first needed."""
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.ERROR)
    import bitsandbytes

    return bitsandbytes
