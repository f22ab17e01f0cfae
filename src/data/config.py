"""Settings of the training data: a world of drawn scenes, or people's own captioned pictures."""

from dataclasses import dataclass, field

from src.errors import UserError
from src.limits import between, check_seed, one_of, whole

CROPS = ("random", "center")
BAD_ROWS = ("replace", "stop")
# what is told about a picture: of no use to who reads pictures alone
TOLD_KEYS = ("caption_column", "is_caption_file_name", "original_width_column")
TOLD_KEYS += ("original_height_column", "aesthetic_score_column", "aesthetic_score")


@dataclass
class WorldConfig:
    """One world of captioned scenes; `conf/data/glyphs*.yaml` are the ones that exist."""

    glyphs: list[str] = field(default_factory=list)  # keys of src.data.glyphs.PICTOGRAMS
    colors: list[str] = field(default_factory=list)  # keys of src.data.palette.COLORS
    backgrounds: list[str] = field(default_factory=list)  # keys of the same table
    held_out: list[str] = field(default_factory=list)  # "red anchor": never seen in training
    picture_size: int = 32  # pixels, both sides; of people's own pictures too, after cropping
    cell_size: int = 4  # pixels; objects stand on this grid, one cell is one image token
    small_cells: int = 3  # side of a small object
    large_cells: int = 4  # side of a large object, at most half the grid
    positions: int = 0  # along each axis, spread from edge to edge; 0 = every cell
    two_objects_prob: float = 0.7  # share of scenes that hold two objects
    test_ratio: float = 0.1  # share of captions kept for testing
    degraded_prob: float = 0.2  # share of training scenes with an unusual size, crop or score
    seed: int = 0


@dataclass
class PicturesConfig:
    """People's own captioned pictures: where they lie, what the columns are called, what is bad.

    A column is a name, or a path into a column of groups: "json.caption". Left out, the usual names
    are looked for (`src.data.columns`).
    """

    path: str | None = None  # a folder, file, pattern (*.tar) or hub id; None = the drawn world
    tokens: str | None = None  # instead of `path`: a folder of token ids that encode_dataset wrote
    split: str = "train"
    revision: str | None = None  # of a hub id: branch, tag or commit
    image_column: str | None = None
    caption_column: str | None = None
    token_ids_column: str | None = None  # of a table of token ids: no picture is read then
    is_caption_file_name: bool = False  # "a mushroom in [V] style.png" is its own caption
    original_width_column: str | None = None  # pixels; without it the picture's own size is told
    original_height_column: str | None = None
    aesthetic_score_column: str | None = None
    aesthetic_score: float = 6.0  # of pictures without a score; aMUSEd's fine-tuning tells 6

    crop: str = "random"  # one of CROPS; the corner is told to the model
    max_repeats: int = 1  # of a row in one step; more for a style that has one picture
    block_rows: int = 1024  # neighbours that an epoch reads together, or slow disks would seek
    shuffled_blocks: int = 16  # blocks whose rows are mixed with each other
    bad_rows: str = "replace"  # one of BAD_ROWS
    max_bad_ratio: float = 0.05  # a larger share of bad rows stops the run
    min_side: int = 32  # pixels; smaller pictures are bad rows
    max_aspect_ratio: float = 10.0  # long side / short side; narrower pictures are bad rows
    max_pixels: int = 64_000_000  # larger pictures are bad rows, unread


@dataclass
class DataConfig(PicturesConfig, WorldConfig):
    """What is trained on: the pictures at `path`, or scenes of the world where it is None."""


@dataclass
class EncodingConfig:
    """How pictures become a folder of token ids."""

    shard_rows: int = 1024  # rows of the data set in one file; a killed run loses at most one
    crops_per_row: int = 1  # different random crops of each picture
    has_text_states: bool = False  # keep what CLIP makes of the captions too: 116 KiB a row
    num_scenes: int = 4096  # of a drawn world, which has no end
    num_workers: int = 0  # processes that read and crop


def check_encoding(encoding: EncodingConfig, data: DataConfig) -> None:
    """Refuse what no folder of tokens could be; raises UserError."""
    for key in ("shard_rows", "num_scenes"):
        whole(f"encoding.{key}", getattr(encoding, key), 1, 10**9)
    whole("encoding.crops_per_row", encoding.crops_per_row, 1, 1000)
    whole("encoding.num_workers", encoding.num_workers, 0, 1024)
    if encoding.crops_per_row > 1 and (data.crop == "center" or data.path is None):
        raise UserError(
            f"encoding.crops_per_row={encoding.crops_per_row} would repeat the same picture: it "
            "needs data.crop=random and pictures at data.path."
        )


def check_data(data: DataConfig) -> None:
    """Refuse settings that no data set could have; raises UserError."""
    if data.path is not None and not data.path.strip():
        raise UserError("data.path is empty; give a folder, a file or a hub id OWNER/NAME.")
    check_seed("data.seed", data.seed)
    for key in ("picture_size", "cell_size", "small_cells", "large_cells"):
        whole(f"data.{key}", getattr(data, key), 1, 4096)
    whole("data.positions", data.positions, 0, 4095)
    # a split that takes nothing or everything would be drawn for without end
    between("data.test_ratio", data.test_ratio, 0.001, 0.999)
    between("data.two_objects_prob", data.two_objects_prob, 0, 1)
    between("data.degraded_prob", data.degraded_prob, 0, 1)
    _check_pictures(data)


def _check_pictures(data: DataConfig) -> None:
    one_of("data.crop", data.crop, CROPS)
    one_of("data.bad_rows", data.bad_rows, BAD_ROWS)
    for key in ("max_repeats", "block_rows", "shuffled_blocks", "min_side", "max_pixels"):
        whole(f"data.{key}", getattr(data, key), 1, 10**10)
    between("data.max_bad_ratio", data.max_bad_ratio, 0, 1)
    between("data.max_aspect_ratio", data.max_aspect_ratio, 1, 10**6)
    between("data.aesthetic_score", data.aesthetic_score, 0, 100)
