"""Scenes encoded once: token ids, prompt ids and micro-conditions on disk, in shards that resume.

Dimensions: batch (scenes), rows and columns of the token grid, words.
"""

import hashlib
import json
from dataclasses import fields
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor
from tqdm import tqdm

from src.conditioning.text import TextEncoder
from src.data.config import WorldConfig
from src.data.examples import example
from src.data.scenes import World
from src.image_tokenizer.vqgan import VQGAN
from src.training.vqgan_module import to_unit_pixels
from src.whole_files import write_whole

SHARD_SIZE = 4096  # scenes in one file
PICTURES_PER_PASS = 64


class EncodedScenes(NamedTuple):
    token_ids: Int[Tensor, "batch rows columns"]
    prompt_ids: Int[Tensor, "batch words"]
    micro_cond: Float[Tensor, "batch 5"]


def encode_scenes(
    world: World, vqgan: VQGAN, text_encoder: TextEncoder, num_scenes: int, seed: int, folder: Path
) -> EncodedScenes:
    """The first `num_scenes` training scenes of a seed as tokens, from disk where already there.

    A shard made by another tokenizer, world or seed is made again: its key says which it was.
    """
    key = _key(world, vqgan, text_encoder, seed)
    shards = []
    for index in tqdm(range(-(-num_scenes // SHARD_SIZE)), desc="encode scenes", unit="shard"):
        path = folder / f"scenes_{index:05d}.safetensors"
        if not _is_current(path, key):
            shard = _encode_shard(world, vqgan, text_encoder, index * SHARD_SIZE, seed)
            write_whole(path, save(shard._asdict(), metadata={"key": key}))
        with safe_open(path, framework="pt") as file:
            shards.append(EncodedScenes(*(file.get_tensor(name) for name in EncodedScenes._fields)))
    return EncodedScenes(*(torch.cat(parts)[:num_scenes] for parts in zip(*shards, strict=True)))


@torch.no_grad()
def _encode_shard(
    world: World, vqgan: VQGAN, text_encoder: TextEncoder, first: int, seed: int
) -> EncodedScenes:
    token_ids, captions, micro_conds = [], [], []
    for start in range(first, first + SHARD_SIZE, PICTURES_PER_PASS):
        scenes = [example(world, seed, start + i) for i in range(PICTURES_PER_PASS)]
        pixels = to_unit_pixels(torch.from_numpy(np.stack([each.picture for each in scenes])))
        token_ids.append(vqgan.encode(pixels.to(vqgan.device)).to("cpu", torch.int16))
        captions += [each.caption for each in scenes]
        micro_conds += [each.micro_cond for each in scenes]
    return EncodedScenes(
        token_ids=torch.cat(token_ids),
        prompt_ids=text_encoder.prompt_ids(captions).to(torch.int32),
        micro_cond=torch.tensor(micro_conds, dtype=torch.float32),
    )


def _key(world: World, vqgan: VQGAN, text_encoder: TextEncoder, seed: int) -> str:
    """What the shards depend on: world, image tokenizer's weights, grammar's ids, seed."""
    drawn = {entry.name: getattr(world.config, entry.name) for entry in fields(WorldConfig)}
    digest = hashlib.sha256(json.dumps(drawn, sort_keys=True).encode())
    for name, tensor in sorted(vqgan.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    digest.update(json.dumps(sorted(text_encoder.tokenizer.get_vocab().items())).encode())
    digest.update(f"{text_encoder.window} {seed}".encode())
    return digest.hexdigest()


def _is_current(path: Path, key: str) -> bool:
    try:
        with safe_open(path, framework="pt") as file:
            return (file.metadata() or {}).get("key") == key
    except (FileNotFoundError, SafetensorError):  # damaged: made again like one that is missing
        return False
