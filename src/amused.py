"""aMUSEd assembled: prompts in, pictures out, its parts open to whoever wants to look inside.

Dimensions: batch (pictures); height and width of the token grid, except where pixels are named.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import torch
from jaxtyping import Int
from PIL.Image import Image
from torch import Generator, Tensor

from src.adapters.file import load_lora
from src.adapters.lora import has_lora, merge_lora
from src.assembly import Parts, all_tensors, build_parts, check_device, open_parts, save_parts
from src.checkpoint.few_bits import has_few_bits, refuse_few_bits
from src.checkpoint.fingerprint import weights_hash
from src.checkpoint.folder import CheckpointFolder, Place, Variant
from src.checkpoint.locate import locate
from src.conditioning.between import between
from src.conditioning.prompts import Prompts, checked_prompts
from src.conditioning.text import Text, TextEncoder
from src.editing.methods import Editing
from src.errors import UserError
from src.experiments import EMBEDDED_MODEL
from src.filling import How, all_hidden, ask, fill, whole_size
from src.generation import Generation
from src.image_tokenizer.pictures import (
    checked_ids,
    decode_pixels,
    encode_pixels,
    to_images,
    to_pixels,
)
from src.image_tokenizer.vqgan import VQGAN
from src.part_names import DECODER, as_part
from src.prepared import forget
from src.sampler.config import AMUSED_GUIDANCE
from src.sampler.passes import Progress
from src.speed.compiled import compile_decoder, compile_steps
from src.speed.quantized import held_tensors, quantize
from src.transformer.uvit import UViT


class Amused(Editing):
    """A transformer that fills in image tokens, told by a text encoder, seen by an image tokenizer.

    mask_schedule, guidance_scale: what `generate` follows where it is told nothing else.
    pictures_per_pass: how many pictures go through the transformer at once when each has its own
        seed. At 1, the default, a seed's picture has the same bits in every batch; that costs
        speed where a device is faster on larger batches. Above 1, passes are filled up to that
        size, and a picture may differ in the last bits of its logits, rarely in a token, with its
        place in the pass.
    """

    def __init__(
        self,
        transformer: UViT,
        image_tokenizer: VQGAN,
        text_encoder: TextEncoder,
        mask_schedule: str = "cosine",
        guidance_scale: float = AMUSED_GUIDANCE,
        pictures_per_pass: int = 1,
    ):
        self.transformer = transformer
        self.image_tokenizer = image_tokenizer
        self.text_encoder = text_encoder
        self.mask_schedule = mask_schedule
        self.guidance_scale = guidance_scale
        self.pictures_per_pass = pictures_per_pass

    @classmethod
    def from_pretrained(
        cls,
        path_or_hub_id: Place,
        variant: Variant = None,
        dtype: torch.dtype = torch.float32,
        device: Any = "cpu",
    ) -> "Amused":
        """Open a checkpoint in the published layout, from a folder or the Hugging Face hub.

        variant: "fp16" reads `*.fp16.safetensors`; dtype says what the weights become here. In
            float16 the image tokenizer stays in float32 where its settings say `force_upcast`.
        Raises UserError, naming file and remedy, for anything missing, damaged or misfitting.
        """
        folder = CheckpointFolder(locate(path_or_hub_id, variant), variant)
        return cls(*open_parts(folder, dtype, device))

    @classmethod
    def embedded(cls, dtype: torch.dtype = torch.float32, device: Any = "cpu") -> "Amused":
        """Open the model of glyph scenes that is shipped with this repository."""
        if not EMBEDDED_MODEL.is_dir():
            raise UserError(
                f"the embedded model is not at {EMBEDDED_MODEL}: get the whole repository, or "
                "train it with python -m src.run +exp=glyphs_all"
            )
        return cls.from_pretrained(EMBEDDED_MODEL, dtype=dtype, device=device)

    @classmethod
    def from_config(
        cls,
        config: Any,
        seed: Any = 0,
        init: Literal["random", "training"] = "random",
    ) -> "Amused":
        """Build a system on fresh weights; see `assembly.build_parts` for what config may be.

        init: "random" perturbs every parameter, so that prompts matter; "training" is the
            published start, whose logits are all zero. The text tokenizer is a stand-in.
        """
        return cls(*build_parts(config, seed, init))

    def save_pretrained(self, path: Place, variant: Variant = None) -> None:
        """Write the published layout, which diffusers opens too: whole files or none (UserError).

        variant: "fp16" names the weight files so; they hold this system's own precision.
        """
        refuse_few_bits(self._parts[:3], "the model cannot be written")
        save_parts(self._parts, path, self.dtype, variant)

    def load_lora(self, path: str | Path, scale: int | float = 1.0) -> None:
        """Put on the adapter of a LoRA file in diffusers' layout; see `adapters.file.load_lora`."""
        load_lora(self, path, scale)

    def merge_lora(self) -> None:
        """Make the adapter part of the weights, as `save_pretrained` asks for."""
        merge_lora(self)

    def to(self, device: Any) -> "Amused":
        """Move the parts to a device; raises UserError for one that is not there.

        The image encoder follows when a picture is first encoded.
        """
        check_device(device)
        refuse_few_bits(self._parts[:3], "the model cannot be moved")
        self.transformer.to(device)
        self.image_tokenizer.to_draw(device)
        self.text_encoder.to(device)
        forget(*self._parts[:3])
        return self

    def quantize(self, weights: str, device: Any = None) -> "Amused":
        """Give the large linear maps 8 or 4 bits ("int8", "int4"), on a device if one is named.

        For drawing: it cannot be trained, adapted or saved after. See `speed.quantized.quantize`.
        """
        check_device(self.device if device is None else device)
        quantize(self, weights, device)
        return self

    def compile(self) -> "Amused":
        """Compile the U-ViT's step and, on a GPU, the decoder; the first call of a shape is slow.

        The numbers move by rounding, so that a token may change at a near tie. It comes last: a
        compiled model takes no adapter and is not quantized, and one with an adapter is refused.
        """
        refuse_few_bits(self._parts[:3], "the model cannot be compiled")
        if has_lora(self):
            raise UserError("the model carries an adapter: call merge_lora() first, then compile()")
        compile_steps(self.transformer)
        if self.device.type != "cpu":
            compile_decoder(self.image_tokenizer)
        return self

    def offload(self, device: Any) -> "Amused":
        """Let the parts come to a GPU in turns: less of its memory, and slower (UserError)."""
        from src.speed.offload import take_turns  # accelerate takes its time

        check_device(device)
        if torch.device(device).type == "cpu":
            raise UserError(f"device={device} has nothing to be offloaded from; name a GPU")
        refuse_few_bits(self._parts[:3], "the model cannot be offloaded")
        self.transformer.refuse_compiled("the model cannot be offloaded")
        take_turns(self, device)
        return self

    @property
    def device(self) -> torch.device:
        return self.transformer.logits_out.weight.device

    @property
    def dtype(self) -> torch.dtype:
        return self.transformer.logits_out.weight.dtype

    @property
    def height(self) -> int:
        """Pixels from top to bottom, unless `generate` is told otherwise."""
        return self.transformer.config.sample_size * self.image_tokenizer.downscale

    @property
    def width(self) -> int:
        """Pixels from left to right, unless `generate` is told otherwise."""
        return self.height

    @property
    def weights_hash(self) -> str:
        """SHA-256 over all weights, as hexadecimal; the first 12 digits tell models apart.

        Over the weights as they are here: one checkpoint opened in another dtype is another model.
        """
        is_quantized = has_few_bits(self._parts[:3])
        return weights_hash(held_tensors(self) if is_quantized else all_tensors(self._parts))

    @property
    def _parts(self) -> Parts:
        models = self.transformer, self.image_tokenizer, self.text_encoder
        return Parts(*models, self.mask_schedule, self.guidance_scale)

    def encode_prompts(self, prompts: str | Sequence[str]) -> Text:
        """What the transformer hears of prompts, a row each; `generate` takes it in their place."""
        return self.text_encoder.encode(checked_prompts(prompts))

    def between_prompts(self, first: str, second: str, shares: Any) -> Text:
        """Text at shares of the way from one prompt to another, for `generate`: 0, 0.25, ... 1."""
        return between(self.encode_prompts([first]), self.encode_prompts([second]), shares)

    def encode_images(self, images: Any) -> Int[Tensor, "batch height width"]:
        """The token ids of PIL pictures, or of pixels `batch 3 height width` from 0 to 1.

        Raises UserError unless both sides are multiples of the image tokenizer's downscale.
        """
        return encode_pixels(self.image_tokenizer, to_pixels(images))

    def decode_tokens(self, token_ids: Any) -> list[Image]:
        """The pictures of token ids, batch x height x width whole numbers.

        Raises UserError for anything else, and for an id without a code, as a hidden token is.
        """
        with as_part(DECODER):
            return to_images(decode_pixels(self.image_tokenizer, checked_ids(token_ids)))

    @torch.no_grad()
    def generate(
        self,
        prompts: Prompts,
        negative_prompts: Prompts = None,
        num_steps: int = 12,
        guidance_scale: Any = None,
        choice_temperature: Any = (2.0, 0.0),
        num_images_per_prompt: int = 1,
        seeds: Any = None,
        generator: Generator | None = None,
        micro_cond: Any = None,
        height: int | None = None,
        width: int | None = None,
        record: bool = True,
        num_top: Any = 5,
        *,
        negative_micro_cond: Any = None,
        sampler: Any = "confidence",
        schedule: Any = None,
        sampling_temperature: float = 1.0,
        progress: Progress | None = None,
    ) -> Generation:
        """Draw pictures of prompts; bad input is a UserError before the first step.

        prompts: a text, several, or what `encode_prompts` gave; negative_prompts likewise, where
            one serves all and None is the empty prompt.
        guidance_scale: None is the checkpoint's own; 1 = off, in one pass instead of two. With
            seeds, below 1 the prompt counts less, and at 0 not at all; with a generator, all up to
            1 is off, as upstream.
        choice_temperature: of the first and the last step; a single number ends at 0.01.
        seeds: one a picture, fresh ones if None; the picture then depends on prompt and seed alone.
        generator: instead of seeds: upstream's order of draws, float32 schedule and tie rule, all
            pictures in one pass.
        micro_cond: a MicroCond, or one a prompt; None is the whole picture at its size, score 6.
        negative_micro_cond: likewise, what guidance pushes away from; None is `micro_cond`. With
            the prompts as negative prompts, guidance is by micro-conditions alone.
        height, width: in pixels; None is the size the model was trained on.
        record: keep every step in `.trace`, with the model's opinions and so many (num_top) of its
            likeliest codes a position; None = no opinions. progress: called after every step.
        sampler: a name, or a SamplerConfig that says all the rest (see `src.sampler.config`).
        schedule: None is the checkpoint's own.
        """
        how = How(
            negative_prompts,
            num_steps,
            guidance_scale,
            choice_temperature,
            num_images_per_prompt,
            seeds,
            generator,
            micro_cond,
            record,
            num_top,
            negative_micro_cond,
            sampler,
            schedule,
            sampling_temperature,
            progress,
        )
        asked = ask(self, prompts, whole_size(self, width, height), how)
        trace = fill(self, asked, all_hidden(self, asked))
        token_ids, recipe = trace.token_ids[-1], asked.recipe
        images = self.decode_tokens(token_ids)
        return Generation(images, token_ids, recipe.seeds, trace if record else None, recipe)
