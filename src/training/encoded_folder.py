"""A folder of token ids that `encode_dataset` wrote, opened to be trained on.

Token ids of a million pictures of 256 tokens take half a gigabyte, so all of them lie in memory.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch

from src.conditioning.text import TextEncoder
from src.data.token_table import EncodedRow, read_shard
from src.errors import UserError
from src.training.encode import DONE, IMAGE_TOKENIZER, encoding_key
from src.training.token_cache import EncodedScenes


def read_folder(folder: Path) -> tuple[list[EncodedRow], dict[str, Any]]:
    """All rows of a finished folder, and what it was made with.

    Raises UserError for a folder that is none, is not finished, or has lost a shard.
    """
    identity_path = folder / "identity.json"
    if not identity_path.is_file():
        raise UserError(
            f"data.tokens={folder} holds no identity.json; give a folder that +exp=encode_dataset "
            "wrote."
        )
    if not (folder / DONE).is_file():
        raise UserError(
            f"data.tokens={folder} is not finished; give the +exp=encode_dataset command again."
        )
    identity = json.loads(identity_path.read_text(encoding="utf-8"))
    key = encoding_key(identity)
    about = json.loads((folder / DONE).read_text(encoding="utf-8"))
    num_shards = -(-about["num_rows"] // identity["encoding.shard_rows"])
    rows = []
    for index in range(num_shards):
        path = folder / f"tokens_{index:05d}.parquet"
        shard = read_shard(path, key)
        if shard is None:
            raise UserError(
                f"{path} is damaged or missing; give the +exp=encode_dataset command again, it "
                "makes this file anew."
            )
        rows += shard.rows
    if not rows:
        raise UserError(f"data.tokens={folder} holds no picture: all of its rows were bad.")
    return rows, identity


def check_made_for(
    rows: list[EncodedRow], identity: dict[str, Any], folder: Path, tokenizer_hash: str, side: int
) -> None:
    """Raise UserError unless the ids are those of this image tokenizer, `side` x `side` of them."""
    made_by = identity.get(IMAGE_TOKENIZER)
    if made_by != tokenizer_hash:
        raise UserError(
            f"data.tokens={folder} was encoded by the image tokenizer {made_by}, and that of "
            f"model= is {tokenizer_hash}: encode the pictures with the model that is to be trained."
        )
    height, width = rows[0].token_ids.shape
    if (height, width) != (side, side):
        raise UserError(
            f"data.tokens={folder} holds grids of {height} x {width} tokens, and the U-ViT is made "
            f"for {side} x {side}: encode with another data.picture_size."
        )


def as_scenes(rows: list[EncodedRow], text_encoder: TextEncoder) -> EncodedScenes:
    """The rows as tensors, their captions as prompt ids."""
    return EncodedScenes(
        torch.from_numpy(np.stack([each.token_ids for each in rows]).astype(np.int32)),
        text_encoder.prompt_ids([each.caption for each in rows]).to(torch.int32),
        torch.tensor([each.micro_cond for each in rows], dtype=torch.float32),
    )
