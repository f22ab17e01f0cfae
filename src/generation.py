"""What comes back when pictures are drawn or edited."""

from typing import NamedTuple

from jaxtyping import Bool, Int
from PIL.Image import Image
from torch import Tensor

from src.recipe import Recipe
from src.sampler.trace import Trace


class Edited(NamedTuple):
    """Of pictures that were made from others: what was drawn, and what was kept."""

    decoded: list[Image]  # what the tokens alone show, at the size the model worked at
    is_hidden: Bool[Tensor, "batch height width"]  # tokens; True = hidden at the start
    is_painted: Bool[Tensor, "batch rows columns"]  # pixels; elsewhere they are the input's own


class Generation(NamedTuple):
    """Pictures and how they came about; pictures of one prompt stand together."""

    images: list[Image]
    token_ids: Int[Tensor, "batch height width"]
    seeds: list[int] | None  # None if a generator made the choices
    trace: Trace | None  # None unless recorded
    recipe: Recipe  # what they were drawn from
    edited: Edited | None = None  # None: drawn from nothing but prompts
