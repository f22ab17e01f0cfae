"""Pictures and captions to CLIP features: the eyes that the Fréchet distance and CLIP score share.

Dimensions: batch, height, width, dim (the space where CLIP's two towers meet).
A checkpoint is a folder as transformers writes it: config.json, model.safetensors, a tokenizer and
preprocessor_config.json. The last says how a picture is resized; in CLIP's own, by Pillow's bicubic
filter (which averages when it shrinks) to the model's size, rounded to 8 bits again; a picture of
that size passes unchanged.
"""

import hashlib
import json
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8
from safetensors import SafetensorError
from torch import Tensor
from transformers import AutoTokenizer, CLIPImageProcessorPil, CLIPModel
from transformers.utils import logging as transformers_logging

from src.checkpoint.fingerprint import SHORT_LENGTH, weights_hash
from src.errors import UserError, shown
from src.evaluation.clip_preprocessing import resizer_in_words
from src.evaluation.config import PUBLISHED_CLIP
from src.evaluation.little_memory import with_less_at_once

NOT_OF_FEATURES = {"_name_or_path", "transformers_version", "dtype", "architectures"}
FILES = ("config.json", "model.safetensors", "tokenizer_config.json", "preprocessor_config.json")


class CaptionTooLong(UserWarning):
    """A caption had more words than the text tower's window; its end was not read."""


class ClipEncoder:
    """A frozen CLIP pair, both towers with their projections.

    Features are float64 and not normalised, as CLIP-based Fréchet distances use them.
    """

    def __init__(
        self,
        model: CLIPModel,
        text_tokenizer: Any,
        picture_processor: CLIPImageProcessorPil,
        name: str,
        batch_size: int = 64,
    ):
        self.model = model.eval().requires_grad_(False)
        self.text_tokenizer = text_tokenizer
        self.picture_processor = picture_processor
        self.name = name
        self.batch_size = batch_size

    @classmethod
    def open(
        cls, folder: str | Path, name: str, device: str = "cpu", batch_size: int = 64
    ) -> "ClipEncoder":
        """Open a folder that holds a transformers `CLIPModel`; nothing is downloaded.

        Raises:
            UserError: a missing, damaged or incomplete file.
        """
        folder = Path(folder)
        for file in FILES:
            if not (folder / file).is_file():
                raise UserError(
                    f"evaluation.clip={folder} has no {file}: it must be the folder of a "
                    f"transformers CLIPModel with {', '.join(FILES)}, or a hub id such as "
                    f"{PUBLISHED_CLIP}."
                )
        try:
            with _no_progress_bar():
                model, report = CLIPModel.from_pretrained(
                    folder,
                    dtype=torch.float32,
                    use_safetensors=True,
                    local_files_only=True,
                    output_loading_info=True,
                )
            text_tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
            processor = CLIPImageProcessorPil.from_pretrained(folder, local_files_only=True)
        except (OSError, ValueError, RuntimeError, SafetensorError) as error:
            reason = str(error).strip().splitlines()[0]
            raise UserError(f"evaluation.clip={folder} cannot be opened: {reason}") from error
        if report["missing_keys"]:
            raise UserError(
                f"evaluation.clip={folder} lacks weights, among them {min(report['missing_keys'])}."
            )
        return cls(model.to(device), text_tokenizer, processor, name, batch_size)

    @property
    def window(self) -> int:
        """Tokens the text tower reads, start and end included."""
        return self.model.config.text_config.max_position_embeddings

    @property
    def dim(self) -> int:
        return self.model.config.projection_dim

    @property
    def resizer(self) -> str:
        """How a picture of another size is brought to the model's, in words."""
        return resizer_in_words(self.picture_processor)

    @property
    def weights_hash(self) -> str:
        """The first 12 hex digits of the hash over all parameters."""
        return weights_hash(self.model.state_dict())[:SHORT_LENGTH]

    @property
    def fingerprint(self) -> str:
        """A hash of the weights, config.json and preprocessor_config.json."""
        about = [
            weights_hash(self.model.state_dict()),
            _of_features(self.model.config.to_dict()),
            _of_features(self.picture_processor.to_dict()),
        ]
        return hashlib.sha256(json.dumps(about, sort_keys=True, default=str).encode()).hexdigest()

    def picture_features(
        self, pixels: UInt8[np.ndarray, "batch height width 3"]
    ) -> Float[np.ndarray, "batch dim"]:
        """Features of 8-bit pictures."""
        return np.concatenate(
            [
                self.embed_pictures(self.prepare_pictures(pixels[rows])).double().cpu().numpy()
                for rows in self._batches(len(pixels))
            ]
        )

    def caption_features(self, captions: Sequence[str]) -> Float[np.ndarray, "batch dim"]:
        """Features of captions; warns where some are longer than the window.

        Raises:
            UserError: no memory for a single caption; where there is little, fewer go at once.
        """
        self._warn_of_cut(captions)
        return with_less_at_once(self, lambda: self._caption_features(captions), "a single caption")

    def _caption_features(self, captions: Sequence[str]) -> Float[np.ndarray, "batch dim"]:
        return np.concatenate(
            [
                self.embed_captions(*self.prepare_captions(captions[rows])).double().cpu().numpy()
                for rows in self._batches(len(captions))
            ]
        )

    def prepare_pictures(
        self, pixels: UInt8[np.ndarray, "batch height width 3"]
    ) -> Float[Tensor, "batch 3 size size"]:
        """Resize, scale and normalise as the checkpoint's preprocessor_config.json says."""
        return self.picture_processor(
            images=list(pixels), input_data_format="channels_last", return_tensors="pt"
        )["pixel_values"]

    def prepare_captions(
        self, captions: Sequence[str]
    ) -> tuple[Int[Tensor, "batch words"], Int[Tensor, "batch words"]]:
        """Prompt ids and attention mask, filled up to the window.

        The tokenizer truncates, so that the end token, which CLIP reads the caption at, stays.
        """
        encoded = self.text_tokenizer(
            list(captions),
            padding="max_length",
            truncation=True,
            max_length=self.window,
            return_tensors="pt",
        )
        return encoded["input_ids"], encoded["attention_mask"]

    @torch.no_grad()
    def embed_pictures(
        self, pixel_values: Float[Tensor, "batch 3 size size"]
    ) -> Float[Tensor, "batch dim"]:
        device = self.model.device
        return self.model.get_image_features(pixel_values.to(device)).pooler_output

    @torch.no_grad()
    def embed_captions(
        self, prompt_ids: Int[Tensor, "batch words"], attention_mask: Int[Tensor, "batch words"]
    ) -> Float[Tensor, "batch dim"]:
        device = self.model.device
        return self.model.get_text_features(
            prompt_ids.to(device), attention_mask.to(device)
        ).pooler_output

    def _warn_of_cut(self, captions: Sequence[str]) -> None:
        """One warning for all captions that are too long, showing what the first one loses."""
        lost = {}
        for caption in captions:
            prompt_ids = self.text_tokenizer(caption, verbose=False)["input_ids"]
            if len(prompt_ids) > self.window:
                lost[caption] = self.text_tokenizer.decode(prompt_ids[self.window - 1 : -1])
        if lost:
            caption, end = next(iter(lost.items()))
            warnings.warn(
                f"CLIP reads {self.window} tokens and {len(lost)} of {len(captions)} captions are "
                f"longer; of {shown(caption)} it does not read {shown(end)}.",
                CaptionTooLong,
                stacklevel=3,
            )

    def _batches(self, num_items: int) -> Iterator[slice]:
        for start in range(0, num_items, self.batch_size):
            yield slice(start, start + self.batch_size)


def _of_features(settings: dict) -> dict:
    """Without what changes with the place of the files and the library that wrote them."""
    return {
        name: _of_features(value) if isinstance(value, dict) else value
        for name, value in settings.items()
        if name not in NOT_OF_FEATURES
    }


@contextmanager
def _no_progress_bar() -> Iterator[None]:
    """transformers shows a bar for files that load in a blink; it would tear the caller's own."""
    was_shown = transformers_logging.is_progress_bar_enabled()
    transformers_logging.disable_progress_bar()
    try:
        yield
    finally:
        if was_shown:
            transformers_logging.enable_progress_bar()
