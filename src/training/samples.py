"""Sample pictures on the way: what the averaged model makes of the same few scenes."""

import io
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from lightning.pytorch.callbacks import Callback
from PIL import Image

from src.amused import Amused
from src.data.examples import example
from src.data.oracle import Oracle
from src.data.scenes import World
from src.image_tokenizer.pictures import decode_pixels, encode_pixels
from src.training.checkpoint import ends_step
from src.training.sharding import gathered, is_shared
from src.training.vqgan_module import to_unit_pixels
from src.whole_files import write_whole

NUM_SAMPLES = 32
COLUMNS = 8
SHEET_SIDE = 800  # pixels; small pictures are enlarged by a whole number
SCENES_GUIDANCE_SCALE = 2.0  # the embedded model's
GUIDANCE_SCALE = 8.0  # aMUSEd's own samples in training (report section 2.4)
FIRST_TEST_SCENE = 10_000_000  # far from the scenes that evaluation draws


class SampleReconstructions(Callback):
    """Every so many steps: test scenes above what comes back from their tokens."""

    def __init__(self, world: World, every: int, folder: Path):
        self.every, self.folder = every, folder
        self.examples = _test_examples(world)
        self.oracle = Oracle(world)

    def on_train_batch_end(self, trainer, module, *_) -> None:
        if trainer.global_step % self.every:
            return
        vqgan = module.average.module
        pictures = np.stack([each.picture for each in self.examples])
        with torch.no_grad():
            pixels = to_unit_pixels(torch.from_numpy(pictures)).to(module.device)
            back = vqgan.decode(vqgan.encode(pixels)).movedim(1, -1)
        back = (back * 255).round().byte().cpu().numpy()
        right = _share_right(self.oracle, self.examples, back)
        module.log("whole_scene_after_round_trip", right)
        sheet = np.concatenate([pictures, back], axis=1)  # each original above its round trip
        _write_sheet(sheet, self.folder / "samples" / f"step_{trainer.global_step:08d}.png")


class SampleRoundTrips(Callback):
    """Every so many steps: pictures above what the averaged VQGAN gives back of their tokens."""

    def __init__(self, pictures: np.ndarray, every: int, folder: Path):
        """pictures: uint8 `number height width 3`, the same all along."""
        self.pictures, self.every, self.folder = pictures, every, folder

    def on_train_batch_end(self, trainer, module, *_) -> None:
        if trainer.global_step % self.every:
            return
        vqgan = module.average.module
        pixels = to_unit_pixels(torch.from_numpy(self.pictures))
        back = decode_pixels(vqgan, encode_pixels(vqgan, pixels)).movedim(1, -1)
        back = (back * 255).round().byte().cpu().numpy()
        sheet = np.concatenate([self.pictures, back], axis=1)
        _write_sheet(sheet, self.folder / "samples" / f"step_{trainer.global_step:08d}.png")


class Shown(NamedTuple):
    """The prompts drawn on the way, and who says how many of the pictures are right."""

    captions: Sequence[str]
    guidance_scale: float
    share_right: Callable[[np.ndarray], float] | None = None  # of uint8 (number, height, width, 3)


def scenes_shown(world: World) -> Shown:
    """Test captions of a world, with its oracle."""
    examples, oracle = _test_examples(world), Oracle(world)
    captions = [each.caption for each in examples]
    judge = partial(_share_right, oracle, examples)
    return Shown(captions, SCENES_GUIDANCE_SCALE, judge)


class SamplePictures(Callback):
    """Every so many steps: pictures of the same captions, and where told how many are right."""

    def __init__(self, shown: Shown, amused: Amused, every: int, folder: Path):
        self.shown, self.amused, self.every, self.folder = shown, amused, every, folder

    def on_train_batch_end(self, trainer, module, _outputs, _batch, number) -> None:
        if trainer.global_step % self.every or not ends_step(trainer, number):
            return
        transformer = self.amused.transformer
        if not (trainer.is_global_zero or is_shared(transformer)):
            return
        was_training = transformer.training
        transformer.eval()
        with gathered(transformer):
            generation = self.amused.generate(
                list(self.shown.captions),
                guidance_scale=self.shown.guidance_scale,
                seeds=list(range(len(self.shown.captions))),
                record=False,
            )
        transformer.train(was_training)
        if not trainer.is_global_zero:
            return
        pictures = np.stack([np.asarray(image) for image in generation.images])
        if self.shown.share_right:
            right = self.shown.share_right(pictures)
            module.log("whole_scene_right", right, rank_zero_only=True)
        _write_sheet(pictures, self.folder / "samples" / f"step_{trainer.global_step:08d}.png")


def _test_examples(world: World) -> list:
    return [example(world, 0, FIRST_TEST_SCENE + i, "test") for i in range(NUM_SAMPLES)]


def _share_right(oracle: Oracle, examples: list, pictures: np.ndarray) -> float:
    verdicts = [
        oracle.judge(each.scene, picture) for each, picture in zip(examples, pictures, strict=True)
    ]
    return float(np.mean([verdict.whole_scene for verdict in verdicts]))


def _write_sheet(pictures: np.ndarray, path: Path) -> None:
    """Lay uint8 pictures (number, height, width, 3) out in rows of `COLUMNS`."""
    rest = -len(pictures) % COLUMNS if len(pictures) > COLUMNS else 0
    blank = np.full((rest, *pictures.shape[1:]), 255, dtype=np.uint8)
    pictures = np.concatenate([pictures, blank])
    rows = [
        np.concatenate(list(pictures[start : start + COLUMNS]), axis=1)
        for start in range(0, len(pictures), COLUMNS)
    ]
    sheet = Image.fromarray(np.concatenate(rows))
    larger = max(1, SHEET_SIDE // sheet.width)
    buffer = io.BytesIO()
    sheet.resize((sheet.width * larger, sheet.height * larger), Image.NEAREST).save(
        buffer, format="PNG"
    )
    write_whole(path, buffer.getvalue())
