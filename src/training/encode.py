"""Pictures -> token ids on disk, in shards that can be made one at a time and continued.

Training from token ids leaves the image tokenizer out of every step. A picture's ids depend on the
picture alone: each is encoded by itself, so neither company nor a restart changes them.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image
from torch.utils.data import DataLoader, Dataset

from src.amused import Amused
from src.checkpoint.fingerprint import weights_hash
from src.data.bad_rows import FILE_NAME, BadRowError, BadRows, Refusal
from src.data.captioned import CaptionedPicture
from src.data.config import DataConfig, EncodingConfig, WorldConfig
from src.data.survey import Rows
from src.data.token_table import EncodedRow, Shard, read_shard, write_shard
from src.errors import UserError
from src.training.run_identity import IDENTITY, claim_run
from src.whole_files import clear_unfinished, write_whole

CROP = 13  # purpose of the random numbers
DONE = "done.json"  # written last
IMAGE_TOKENIZER = "model, image tokenizer"  # key of an identity: the hash of its weights
READ = (  # what of `data` decides which pixels are encoded
    *("split", "revision", "picture_size", "crop", "min_side", "max_aspect_ratio", "max_pixels"),
    *("image_column", "caption_column", "is_caption_file_name", "original_width_column"),
    *("original_height_column", "aesthetic_score_column", "aesthetic_score"),
)


class Encoded(NamedTuple):
    """A finished folder of shards."""

    num_rows: int  # of the data set, bad ones included
    num_pictures: int  # encoded; a row has several with `crops_per_row`
    num_bad: int
    num_codes_used: int


class _Crops(Dataset):
    """Item i is crop `i % crops_per_row` of row `first + i // crops_per_row`, or why it is bad."""

    def __init__(self, rows: Rows, span: range, crops_per_row: int, seed: int):
        self.rows, self.span, self.crops_per_row, self.seed = rows, span, crops_per_row, seed

    def __len__(self) -> int:
        return len(self.span) * self.crops_per_row

    def __getitem__(self, item: int) -> tuple[int, CaptionedPicture | Refusal]:
        place, crop = divmod(item, self.crops_per_row)
        row = self.span[place]
        try:
            rng = np.random.default_rng([self.seed, CROP, row, crop])
            return crop, self.rows.row(row, rng)
        except BadRowError as reason:
            return crop, self.rows.refusal(row, reason)


def encoding_identity(
    amused: Amused, data: DataConfig, encoding: EncodingConfig, seed: int, data_hash: str
) -> dict[str, Any]:
    """All that decides the content of the shards, by dotted key."""
    drawn = [entry.name for entry in fields(WorldConfig)]
    models = {IMAGE_TOKENIZER: weights_hash(amused.image_tokenizer.state_dict())[:12]}
    if encoding.has_text_states:
        models["model, text encoder"] = weights_hash(amused.text_encoder.clip.state_dict())[:12]
    return {
        **{f"data.{key}": getattr(data, key) for key in (drawn if data.path is None else READ)},
        **{f"encoding.{key}": v for key, v in vars(encoding).items() if key != "num_workers"},
        "data.path, content": data_hash,
        **models,
        "seed": seed,
    }


def encoding_key(identity: dict[str, Any]) -> str:
    """What every shard of a folder says it was made with."""
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()


def check_own(folder: Path) -> None:
    """Raise UserError for a folder with files that no encoding has begun."""
    if not folder.is_dir() or (folder / IDENTITY).is_file():  # the latter is compared later
        return
    others = sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))
    if others:
        raise UserError(
            f"output_dir={folder} holds {others[0]}, which is of no encoding; choose a new folder, "
            "or one that this command has begun."
        )


def encode_rows(
    rows: Rows,
    amused: Amused,
    encoding: EncodingConfig,
    identity: dict[str, Any],
    folder: Path,
    max_bad_ratio: float,
    advance: Callable[[int], None] = lambda _: None,
) -> Encoded:
    """Encode every row into `folder`, shard by shard, leaving out shards that are there.

    Args:
        identity: of `encoding_identity`; a folder begun with another one is refused.
        advance: told how many rows have been done, for a progress bar.

    Raises:
        UserError: another identity, too many bad rows, or a folder that cannot be written.
    """
    clear_unfinished(folder)
    claim_run(folder, identity)
    key = encoding_key(identity)
    bad, codes, num_pictures = BadRows(folder / FILE_NAME, max_bad_ratio), set(), 0
    for index, start in enumerate(range(0, len(rows), encoding.shard_rows)):
        span = range(start, min(start + encoding.shard_rows, len(rows)))
        path = folder / f"tokens_{index:05d}.parquet"
        shard = read_shard(path, key)
        if shard is None:
            shard = _encode_shard(rows, span, amused, encoding, identity["seed"], advance)
            write_shard(shard, key, path)
        else:
            advance(len(span))
        bad.note([each.row for each in shard.rows], shard.refusals)
        codes.update(*(np.unique(each.token_ids).tolist() for each in shard.rows))
        num_pictures += len(shard.rows)
    encoded = Encoded(len(rows), num_pictures, len(bad.refusals), len(codes))
    write_whole(folder / DONE, json.dumps(encoded._asdict(), indent=2) + "\n")
    return encoded


def _encode_shard(
    rows: Rows,
    span: range,
    amused: Amused,
    encoding: EncodingConfig,
    seed: int,
    advance: Callable[[int], None],
) -> Shard:
    crops = _Crops(rows, span, encoding.crops_per_row, seed)
    loader = DataLoader(
        crops, batch_size=None, num_workers=encoding.num_workers, collate_fn=_as_it_is
    )
    encoded, refusals = [], {}
    for crop, found in loader:
        if isinstance(found, Refusal):
            refusals[found.row] = found
        else:
            encoded.append(_encode(found, crop, amused, encoding.has_text_states))
        advance(crop == encoding.crops_per_row - 1)
    return Shard(encoded, list(refusals.values()))


def _as_it_is(item: Any) -> Any:
    """Instead of torch's own, which makes tensors of arrays."""
    return item


def _encode(
    picture: CaptionedPicture, crop: int, amused: Amused, has_text_states: bool
) -> EncodedRow:
    (token_ids,) = amused.encode_images(Image.fromarray(picture.picture)).cpu().numpy()
    texts = {}
    if has_text_states:
        text = amused.encode_prompts(picture.caption)
        texts = {name: part[0].half().cpu().numpy() for name, part in text._asdict().items()}
    return EncodedRow(
        picture.row,
        crop,
        picture.caption,
        picture.micro_cond,
        token_ids.astype(np.uint16),
        **texts,
    )
