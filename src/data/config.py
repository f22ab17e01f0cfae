"""Settings of the glyph world: the pictograms, colours and sizes that scenes are drawn from."""

from dataclasses import dataclass, field


@dataclass
class DataConfig:
    """One world of captioned scenes; `conf/data/*.yaml` names the ones that exist."""

    glyphs: list[str] = field(default_factory=list)  # keys of src.data.glyphs.PICTOGRAMS
    colors: list[str] = field(default_factory=list)  # keys of src.data.palette.COLORS
    backgrounds: list[str] = field(default_factory=list)  # keys of the same table
    held_out: list[str] = field(default_factory=list)  # "red anchor": never seen in training
    picture_size: int = 32  # pixels, both sides
    cell_size: int = 4  # pixels; objects stand on this grid, one cell is one image token
    small_cells: int = 3  # side of a small object
    large_cells: int = 4  # side of a large object, at most half the grid
    positions: int = 0  # along each axis, spread from edge to edge; 0 = every cell
    two_objects_prob: float = 0.7  # share of scenes that hold two objects
    test_ratio: float = 0.1  # share of captions kept for testing
    degraded_prob: float = 0.2  # share of training scenes with an unusual size, crop or score
    seed: int = 0
