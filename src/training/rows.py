"""What a U-ViT can be trained on: pictures or their token ids, by the number of the sample.

Which row stands at a sample is a pure function of the seed and the sample's number. Dimensions:
batch, rows and columns of the token grid, words.
"""

from collections.abc import Sequence
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor

from src.conditioning.text import TextEncoder
from src.data.bad_rows import Refusal
from src.data.captioned import CaptionedPictures
from src.data.order import RowOrder
from src.training.token_cache import EncodedScenes


class Samples(NamedTuple):
    """A batch before anything of it is hidden."""

    tokens: Int[Tensor, "batch rows columns"] | UInt8[Tensor, "batch height width 3"]
    prompt_ids: Int[Tensor, "batch words"]
    micro_cond: Float[Tensor, "batch 5"]
    rows: tuple[int, ...] = ()  # of a table that can have bad ones: those that stand here
    refused: tuple[Refusal, ...] = ()  # and those that should have


@runtime_checkable
class Rows(Protocol):
    """Anything that has samples by number, counted from 0 over all epochs and ranks."""

    def __len__(self) -> int: ...
    def samples(self, numbers: Sequence[int]) -> Samples: ...


class TokenRows:
    """Token ids that lie in memory: every row once an epoch, in an order of its own."""

    def __init__(self, scenes: EncodedScenes, seed: int):
        self.scenes = scenes
        self.order = RowOrder(len(scenes.token_ids), seed, block_rows=len(scenes.token_ids))

    def __len__(self) -> int:
        return len(self.scenes.token_ids)

    def samples(self, numbers: Sequence[int]) -> Samples:
        rows = [self.order.row(number) for number in numbers]
        return Samples(*(part[rows] for part in self.scenes))


class PictureRows:
    """People's own pictures, to be turned into token ids in every step anew."""

    def __init__(self, pictures: CaptionedPictures, text_encoder: TextEncoder):
        self.pictures, self.text_encoder = pictures, text_encoder

    def __len__(self) -> int:
        return len(self.pictures)

    def samples(self, numbers: Sequence[int]) -> Samples:
        found = [self.pictures.sample(number) for number in numbers]
        return Samples(
            torch.from_numpy(np.stack([each.picture for each in found])),
            self.text_encoder.prompt_ids([each.caption for each in found]).to(torch.int32),
            torch.tensor([each.micro_cond for each in found], dtype=torch.float32),
            tuple(each.row for each in found),
            tuple(refusal for each in found for refusal in each.refused),
        )
