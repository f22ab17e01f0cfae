"""Real scenes of the test side as token ids, and what a model is told of them."""

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch

from src.conditioning.rows import Rows
from src.config import RunConfig
from src.data.examples import Example, example
from src.data.scenes import World
from src.errors import UserError
from src.interpret.teacher_forcing import told


class RealScenes(NamedTuple):
    """Scenes that no training has shown, each with its caption and micro-conditions."""

    examples: list[Example]
    token_ids: torch.Tensor  # batch height width
    rows: Rows  # one a scene
    data_hash: str


def world_of(model, config: RunConfig) -> World:
    """The scenes' world; raises UserError unless the model draws pictures of its size."""
    world = World(config.data)
    if (model.height, model.width) != (world.picture_size, world.picture_size):
        raise UserError(
            f"model={config.model} draws {model.width}x{model.height} pixels, and the scenes have "
            f"{world.picture_size}: give the data that it was trained on."
        )
    return world


def drawn_scenes(model, config: RunConfig, count: int, **kind) -> list[Example]:
    """Test scenes by the run's seed; `kind` as `data.examples.example` takes it.

    Raises UserError as `world_of`.
    """
    world = world_of(model, config)
    return [example(world, config.seed, index, "test", **kind) for index in range(count)]


def hash_of(drawn: list[Example]) -> str:
    """Twelve digits that tell sets of scenes apart."""
    return hash_of_told([each.picture for each in drawn], [each.caption for each in drawn])


def hash_of_told(pictures: Sequence[np.ndarray], texts: Sequence[str]) -> str:
    """Twelve digits of pictures of one size and what is said of them."""
    digest = hashlib.sha256(np.stack(pictures).tobytes())
    digest.update("\n".join(texts).encode())
    return digest.hexdigest()[:12]


def real_scenes(model, config: RunConfig, degraded_prob: float, count: int) -> RealScenes:
    """Drawn by `seed`, encoded by the model's own image tokenizer.

    degraded_prob: share of scenes with unusual micro-conditions, which can be seen in the picture.
    Raises UserError as `drawn_scenes`.
    """
    drawn = drawn_scenes(model, config, count, degraded_prob=degraded_prob)
    pixels = np.stack([each.picture for each in drawn])
    captions = [each.caption for each in drawn]
    token_ids = model.encode_images(torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255)
    rows = told(model, captions, [each.micro_cond for each in drawn])
    return RealScenes(drawn, token_ids, rows, hash_of(drawn))
