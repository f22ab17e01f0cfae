"""Train a CLIP pair on the glyph world: pictures and captions that belong together attract.

The contrastive loss is that of Radford et al. 2021 (CLIP), section 2.3, over one batch.
Dimensions: batch, words, dim.
"""

from dataclasses import replace
from typing import NamedTuple

import lightning
import numpy as np
import torch
from jaxtyping import Int, UInt8
from torch import Tensor, nn
from torch.nn import functional
from transformers import CLIPConfig, CLIPImageProcessorPil, CLIPModel

from src.data.examples import example
from src.data.scenes import World
from src.training.averaging import moving_average
from src.training.config import TrainingConfig
from src.training.learning_rate import optimizer

MAX_LOGIT_SCALE = float(np.log(100.0))  # CLIP's own limit on the inverse temperature


def build_clip(preset: dict, text_tokenizer) -> CLIPModel:
    """A CLIP pair on random weights whose text tower knows this tokenizer's ids."""
    ids = {
        "vocab_size": len(text_tokenizer),
        "bos_token_id": text_tokenizer.bos_token_id,
        "eos_token_id": text_tokenizer.eos_token_id,
        "pad_token_id": text_tokenizer.pad_token_id,
    }
    text_config = preset["text_config"] | ids
    return CLIPModel(CLIPConfig(**(preset | {"text_config": text_config})))


class CaptionedPictures(NamedTuple):
    pictures: UInt8[Tensor, "batch height width 3"]
    prompt_ids: Int[Tensor, "batch words"]  # padded to the longest of the batch


def to_model_pixels(pictures: Tensor) -> Tensor:
    """uint8 `batch height width 3` to the float `batch 3 height width` in [-1, 1] CLIP reads."""
    return pictures.permute(0, 3, 1, 2).float() / 127.5 - 1


def picture_processor(size: int) -> CLIPImageProcessorPil:
    """`to_model_pixels` as the file beside the weights that tells others how pictures go in."""
    return CLIPImageProcessorPil(
        size={"shortest_edge": size},
        crop_size={"height": size, "width": size},
        image_mean=[0.5] * 3,
        image_std=[0.5] * 3,
    )


class ClipBatches:
    """Pictures and prompt ids of step k; some batches from few names, so that all look alike.

    In such a narrow batch only the binding (which colour on which glyph), the relation or the place
    tell captions apart, which a batch over the whole world would hardly ever ask for.
    """

    def __init__(self, world: World, text_tokenizer, config: TrainingConfig, seed: int):
        self.world, self.text_tokenizer = world, text_tokenizer
        self.config, self.seed = config, seed

    def __call__(self, step: int, _part: slice) -> CaptionedPictures:
        rng = np.random.Generator(np.random.Philox(key=[self.seed, step]))
        is_narrow = rng.random() < self.config.narrow_prob
        world = narrowed(self.world, rng) if is_narrow else self.world
        num_objects = int(rng.integers(1, 3)) if is_narrow else None
        first = step * self.config.batch_size
        examples = [
            example(world, self.seed, first + i, num_objects=num_objects)
            for i in range(self.config.batch_size)
        ]
        prompt_ids = self.text_tokenizer(
            [each.caption for each in examples], padding=True, return_tensors="pt"
        ).input_ids
        pictures = torch.from_numpy(np.stack([each.picture for each in examples]))
        return CaptionedPictures(pictures, prompt_ids)


def narrowed(world: World, rng: np.random.Generator) -> World:
    """The world with three glyphs, three colours and one background left, sharp pictures only."""
    config = world.config
    background = str(rng.choice(config.backgrounds))
    colors = [color for color in config.colors if color != background]
    keep = [str(name) for name in rng.choice(config.glyphs, min(3, len(config.glyphs)), False)]
    shades = [str(name) for name in rng.choice(colors, min(3, len(colors)), False)]
    pairs = [pair for pair in config.held_out if _is_left(pair, shades, keep)]
    return World(
        replace(
            config,
            glyphs=keep,
            colors=shades,
            backgrounds=[background],
            held_out=pairs,
            degraded_prob=0.0,
        )
    )


def _is_left(pair: str, colors: list[str], glyphs: list[str]) -> bool:
    color, glyph = pair.split()
    return color in colors and glyph in glyphs


class ClipModule(lightning.LightningModule):
    """Both towers and their optimiser."""

    def __init__(self, clip: nn.Module, config: TrainingConfig):
        super().__init__()
        self.clip, self.config = clip, config
        self.average = moving_average(clip, config)

    def training_step(self, batch: CaptionedPictures, _: int) -> Tensor:
        pictures, prompt_ids = batch
        out = self.clip(input_ids=prompt_ids, pixel_values=to_model_pixels(pictures))
        logits = out.logits_per_text  # (batch, batch): caption i against picture j
        pairs = torch.arange(len(logits), device=logits.device)
        loss = (
            functional.cross_entropy(logits, pairs) + functional.cross_entropy(logits.T, pairs)
        ) / 2
        hits = (logits.argmax(1) == pairs).float().mean()
        self.log_dict({"loss": loss, "caption_finds_picture": hits}, prog_bar=True)
        return loss

    def optimizer_step(self, *args, **kwargs) -> None:
        super().optimizer_step(*args, **kwargs)
        with torch.no_grad():
            self.clip.logit_scale.clamp_(max=MAX_LOGIT_SCALE)
        self.average.update_parameters(self.clip)

    def configure_optimizers(self):
        stepper, schedule = optimizer(
            self.clip,
            self.config,
            [self.clip.text_model.embeddings, self.clip.vision_model.embeddings],
        )
        return {
            "optimizer": stepper,
            "lr_scheduler": {"scheduler": schedule, "interval": "step"},
        }
