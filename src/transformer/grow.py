"""A U-ViT for a larger token grid from one for a smaller: aMUSEd-512 begins with 256's weights."""

from dataclasses import replace

from torch import Generator

from src.errors import UserError
from src.transformer.config import TransformerConfig
from src.transformer.uvit import UViT

GRID_KEYS = ("sample_size", "downsample", "upsample")


def grow(uvit: UViT, settings: TransformerConfig, generator: Generator) -> UViT:
    """A U-ViT of other settings with all weights that the two have in common.

    The convolutions that halve and double the grid, and their norms, are drawn anew: the published
    512 model got them so (report section 2.4). No other key than the grid's may differ
    (UserError): weights of another shape are not the same weights.
    """
    same_grid = {key: getattr(uvit.config, key) for key in GRID_KEYS}
    aligned = replace(settings, **same_grid)
    for key, value in vars(uvit.config).items():
        if getattr(aligned, key) != value:
            raise UserError(
                f"A U-ViT with {key}={value} cannot begin one with {key}={getattr(aligned, key)}: "
                f"only {', '.join(GRID_KEYS)} may differ."
            )
    grown = UViT(settings, generator=generator)
    grown.load_state_dict(grown.state_dict() | _known(uvit, grown))
    return grown


def _known(uvit: UViT, grown: UViT) -> dict:
    names = grown.state_dict().keys()
    return {name: tensor for name, tensor in uvit.state_dict().items() if name in names}
