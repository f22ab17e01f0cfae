"""A tiny tokenizer, text encoder and U-ViT of the shipped world, and a config of a few steps."""

import importlib
from dataclasses import replace

import pytest
import torch
from PIL import Image

from src.adapters.config import LoraConfig
from src.adapters.lora import add_lora
from src.assembly import build_parts
from src.masking.config import MaskingConfig
from src.training.config import TrainingConfig
from src.training.fit import fit
from src.training.ranks import dealt_by
from src.training.rows import PictureRows
from src.training.uvit_batches import UvitBatches
from src.training.uvit_module import UvitModule
from tests.data.test_captioned import pictures
from tests.data.test_decode import ramp, written
from tests.training.children import Diary, die, harmed_at, in_child, left
from tests.training.test_fit import uvit_run, vqgan_run
from tests.training.test_picture_batches import tokenizer_run

KINDS = {  # of runs that come to harm
    "tokens": {},
    "tokens, muon, bf16": {"optimizer": "muon", "precision": "bf16-mixed"},
    "tokens, 8-bit, in parts": {"optimizer": "adamw_8bit", "batch_size": 2, "accumulation": 2},
    "tokens, in parts": {"batch_size": 2, "accumulation": 2},
    "lora": {"ema_decay": 0.0},
    "pictures": {},
    "vqgan": {},
    "own pictures, discriminator": {},
}


@pytest.fixture
def parts(tiny_settings):
    return build_parts(tiny_settings, seed=0, init="training")


@pytest.fixture
def config() -> TrainingConfig:
    torch.manual_seed(0)
    return TrainingConfig(
        max_steps=6,
        batch_size=4,
        warmup_steps=1,
        decay_ratio=0.5,
        checkpoint_every=3,
        log_every=1,
        num_workers=0,
        continuous_steps=2,
        move_every=2,
        ema_decay=0.5,
    )


@pytest.fixture(scope="session")
def _wholes():
    return {}


@pytest.fixture
def train(world, parts, config, tmp_path, monkeypatch):
    """Train one kind of run in a folder, in a process of its own; the process's exit status.

    moment, harm: what happens to it when (children.py); prepare: is called in it before.
    """
    monkeypatch.setattr("src.training.token_cache.SHARD_SIZE", 64)

    def run(kind: str, folder, moment=None, harm=die, prepare=None, **changes) -> int:
        settings = replace(config, **{"checkpoint_every": 2} | KINDS[kind] | changes)
        uvit_run(world, parts, settings, tmp_path / "cache")  # encoded: no moment is in there
        if settings.optimizer == "adamw_8bit":
            importlib.import_module("bitsandbytes.optim")  # a second, for every child that had to

        def work() -> None:
            if prepare:
                prepare()
            if kind == "lora":
                wanted = LoraConfig(rank=2, has_text_encoder=True)
                add_lora(parts, wanted, torch.Generator().manual_seed(0))
            folder.mkdir(parents=True, exist_ok=True)
            reached = harmed_at(*moment, harm) if moment else lambda _: None
            if kind == "vqgan":
                module, batches = vqgan_run(world, parts, settings)
            elif kind == "own pictures, discriminator":
                module, batches = tokenizer_run(parts, settings)
            elif kind == "pictures":
                module, batches = picture_run(parts, settings)
            else:
                module, batches = uvit_run(world, parts, settings, tmp_path / "cache")
            fit(module, batches, settings, folder, [Diary(folder / "diary.txt", reached)], "cpu")

        return in_child(work)

    return run


@pytest.fixture
def whole(train, _wholes, tmp_path_factory):
    """What a kind of run leaves that nothing happens to."""

    def run(kind: str):
        if kind not in _wholes:
            folder = tmp_path_factory.mktemp("whole")
            assert train(kind, folder) == 0
            _wholes[kind] = left(folder)
        return _wholes[kind]

    return run


def picture_run(parts, config):
    """A U-ViT on people's pictures, turned into tokens in every step; one is none."""
    contents = [written(Image.fromarray(ramp(40 + each, 36))) for each in range(7)]
    rows = PictureRows(pictures([*contents, b"no picture"], seed=1), parts.text_encoder)
    dealt = dealt_by(config)
    module = UvitModule(parts.transformer, parts.text_encoder, config, dealt, parts.image_tokenizer)
    settings = parts.transformer.config
    return module, UvitBatches(rows, settings, MaskingConfig(), config, seed=1, dealt=dealt)
