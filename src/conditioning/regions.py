"""Several prompts of one picture, each with its tokens.

Dimensions: batch (pictures), regions, height, width (in tokens).
"""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from src.conditioning.text import Text

# Until so little of the regions is hidden, each prompt sees the others' tokens as if nothing was
# drawn there: told of one object and seeing another, the model believes its own stands elsewhere.
MEET_AT = 0.1


class Regions(NamedTuple):
    """Whose word counts where, the same regions in every picture of a batch."""

    texts: list[Text]  # one a region, a row a picture
    shares: Float[Tensor, "regions height width"]  # of each prompt; they add up to 1, or are all 0
    erased: Int[Tensor, "regions height width"]  # the codes that stand for the others' tokens

    def pick(self, pictures: list[int]) -> "Regions":
        """Those of some pictures."""
        return self._replace(texts=[text.rows(pictures) for text in self.texts])

    def to(self, device: torch.device) -> "Regions":
        """With everything on a device; the texts are where their encoder is."""
        return self._replace(shares=self.shares.to(device), erased=self.erased.to(device))

    def seen_by(
        self,
        region: int,
        token_ids: Int[Tensor, "batch height width"],
        is_masked: Bool[Tensor, "batch height width"],
    ) -> Int[Tensor, "batch height width"]:
        """What a region's prompt is shown: until they meet, the others' tokens as if erased."""
        is_of_regions = self.shares.sum(dim=0) > 0  # (height, width)
        is_others = is_of_regions & (self.shares[region] == 0)
        num_hidden = (is_masked & is_of_regions).sum(dim=(1, 2))  # (batch,)
        is_apart = num_hidden > MEET_AT * is_of_regions.sum()
        return torch.where(is_apart[:, None, None] & is_others, self.erased[region], token_ids)
