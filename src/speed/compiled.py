"""The U-ViT's step and the decoder as compiled graphs, made anew for a new shape alone.

On a GPU torch replays them as CUDA graphs, so that a step is one launch instead of two thousand.
Whatever the step is told comes in as plain tensors: a new prompt is no new graph. What looks inside
the model, or trains it, meets it as it is written.

Dimensions: batch, height, width (in tokens), in (width of a token before its logits).
"""

from collections.abc import Callable, Iterator

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from src.image_tokenizer.vqgan import VQGAN
from src.telling import is_watched
from src.transformer.blocks import TransformerLayer
from src.transformer.kept import Kept, bare, through
from src.transformer.uvit import Condition, UViT


def compile_steps(transformer: UViT) -> None:
    """Let `before_logits` run compiled; the first call of every shape takes its minute."""
    transformer.before_logits = _CompiledSteps(transformer)


def compile_decoder(vqgan: VQGAN) -> None:
    """Let the decoder's network run compiled: on a GPU, as a processor has a faster way."""
    vqgan.decoder.forward = _compiled(vqgan.decoder.forward)


class _CompiledSteps:
    """`UViT.before_logits`, compiled where nobody is watching."""

    def __init__(self, transformer: UViT):
        self._transformer = transformer
        self._modules = [module for module, _ in _told(transformer, *_nobody(transformer))]
        self._run = _compiled(self._step)

    def __call__(
        self, token_ids: Int[Tensor, "batch height width"], condition: Condition
    ) -> Float[Tensor, "batch height width in"]:
        is_plain = all(type(layer) is TransformerLayer for layer in self._transformer.layers)
        is_kept = isinstance(condition.text, Kept)
        if is_watched(self._transformer) or not (is_plain and is_kept):
            return UViT.before_logits(self._transformer, token_ids, condition)
        made = [
            bare(through(module, told)) for module, told in _told(self._transformer, *condition)
        ]
        return self._run(token_ids, made)

    def _step(self, token_ids: Tensor, made: list[Tensor]) -> Tensor:
        given = _Given(dict(zip(self._modules, made, strict=True)))
        return UViT.before_logits(self._transformer, token_ids, Condition(given, given))


class _Given(Kept):
    """What modules made of what they were told, without the told itself."""

    def __init__(self, made: dict[nn.Module, Tensor]):
        self._made = made

    def through(self, module: nn.Module) -> Tensor | Kept:
        return self._made.get(module, self)  # a map on the way to what attentions read: no matter


def _told(
    transformer: UViT, text: Kept | Tensor, vector: Kept | Tensor
) -> Iterator[tuple[nn.Module, Kept | Tensor]]:
    """Every map of what is told, with what it is told, in the order of a pass."""
    for stage in (transformer.down, transformer.up):
        for conv_block, text_block in zip(stage.conv_blocks, stage.text_blocks, strict=True):
            yield conv_block.modulation.to_scale_and_shift, vector
            context = through(text_block.to_context, text) if isinstance(text, Kept) else text
            for attention in (text_block.attention_1, text_block.attention_2):
                yield attention.key, context
                yield attention.value, context
    for layer in transformer.layers:
        parts = layer.self_modulation, layer.text_modulation, layer.feed_forward_modulation
        yield from ((modulation.to_scale_and_shift, vector) for modulation in parts)
        yield layer.text_attention.key, text
        yield layer.text_attention.value, text


def _nobody(transformer: UViT) -> tuple[Tensor, Tensor]:
    nothing = torch.empty(0, device=transformer.logits_out.weight.device)
    return nothing, nothing


def _compiled(work: Callable[..., Tensor]) -> Callable[..., Tensor]:
    mode = "reduce-overhead" if torch.cuda.is_available() else "default"
    return torch.compile(work, dynamic=False, mode=mode)
