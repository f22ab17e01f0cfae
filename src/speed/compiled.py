"""The U-ViT's step and the decoder as compiled graphs, made anew for a new shape alone.

On a GPU torch replays them as CUDA graphs, so that a step is launched as a whole.
Whatever the step is told comes in as plain tensors: a new prompt is no new graph. What looks inside
the model, or trains it, meets it as it is written. A copy of a model gets graphs of its own.

Dimensions: batch, height, width (in tokens; of pixels in the decoder's answer), in (width of a
token before its logits), dim (of a code), rows and columns (of codes).
"""

from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from src.image_tokenizer.vqgan import VQGAN
from src.telling import is_watched
from src.transformer.blocks import TransformerLayer
from src.transformer.kept import Kept, bare, through
from src.transformer.uvit import Condition, UViT
from src.watching import is_hooked


def compile_steps(transformer: UViT) -> None:
    """Let `before_logits` run compiled; the first call of every shape takes its minute."""
    transformer.before_logits = _CompiledSteps(transformer)
    transformer.is_compiled = True


def compile_decoder(vqgan: VQGAN) -> None:
    """Let `decode_codes` run compiled: on a GPU, as a processor has a faster way.

    Where the decoder is asked for in another precision than float32 it stays as it is, for
    `FastDecoder` alone knows which of its layers may be rounded.
    """
    vqgan.decode_codes = _CompiledDecoder(vqgan)


class _Map(NamedTuple):
    """A map of what a transformer is told, whatever its tokens are."""

    module: nn.Module
    of: str  # which field of the condition
    after: nn.Module | None = None  # another map that comes before it


class _Compiled:
    """What stands in a model for one of its methods, with the graphs of that model."""

    def __init__(self, model: Any):
        self._model = model
        self._run = _compiled(self._work)

    def __deepcopy__(self, memo: dict[int, Any]) -> "_Compiled":
        """The same of the model's copy, which would otherwise answer with this one's weights."""
        return type(self)(deepcopy(self._model, memo))


class _CompiledSteps(_Compiled):
    """`UViT.before_logits`, compiled where nobody is watching."""

    def __init__(self, transformer: UViT):
        super().__init__(transformer)
        self._maps: list[_Map] = []  # found when called: a copy comes here before it has its parts

    def __call__(
        self, token_ids: Int[Tensor, "batch height width"], condition: Condition
    ) -> Float[Tensor, "batch height width in"]:
        is_plain = all(type(layer) is TransformerLayer for layer in self._model.layers)
        is_kept = isinstance(condition.text, Kept)
        if is_watched(self._model) or not (is_plain and is_kept):
            return UViT.before_logits(self._model, token_ids, condition)
        self._maps = self._maps or list(_maps(self._model))
        return self._run(token_ids, [self._made(each, condition) for each in self._maps])

    def _made(self, each: _Map, condition: Condition) -> Tensor:
        told = getattr(condition, each.of)
        return bare(through(each.module, through(each.after, told) if each.after else told))

    def _work(self, token_ids: Tensor, made: list[Tensor]) -> Tensor:
        given = _Given({each.module: own for each, own in zip(self._maps, made, strict=True)})
        return UViT.before_logits(self._model, token_ids, Condition(given, given))


class _CompiledDecoder(_Compiled):
    """`VQGAN.decode_codes`, compiled where float32's pixels are wanted and no gradients."""

    def __call__(
        self, codes: Float[Tensor, "batch dim rows columns"]
    ) -> Float[Tensor, "batch 3 height width"]:
        is_rounded = self._model.decoder_precision != "float32"
        if torch.is_grad_enabled() or is_rounded or is_hooked(self._model):
            return VQGAN.decode_codes(self._model, codes)
        return self._run(codes)

    def _work(self, codes: Tensor) -> Tensor:
        return self._model.decoder(self._model.from_codes(codes))


class _Given(Kept):
    """What maps made of what was told, without the told itself."""

    def __init__(self, made: dict[nn.Module, Tensor]):
        self._made = made

    def through(self, module: nn.Module) -> Tensor | Kept:
        return self._made.get(module, self)  # itself for a map that only others come after


def _maps(transformer: UViT) -> Iterator[_Map]:
    """All whose outcome no step changes."""
    for stage in (transformer.down, transformer.up):
        for conv_block, text_block in zip(stage.conv_blocks, stage.text_blocks, strict=True):
            yield _Map(conv_block.modulation.to_scale_and_shift, "vector")
            for attention in (text_block.attention_1, text_block.attention_2):
                yield _Map(attention.key, "text", text_block.to_context)
                yield _Map(attention.value, "text", text_block.to_context)
    for layer in transformer.layers:
        for part in (layer.self_modulation, layer.text_modulation, layer.feed_forward_modulation):
            yield _Map(part.to_scale_and_shift, "vector")
        yield _Map(layer.text_attention.key, "text")
        yield _Map(layer.text_attention.value, "text")


def _compiled(work: Callable[..., Tensor]) -> Callable[..., Tensor]:
    mode = "reduce-overhead" if torch.cuda.is_available() else "default"
    return torch.compile(work, dynamic=False, mode=mode)
