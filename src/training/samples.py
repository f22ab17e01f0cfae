"""Sample pictures on the way: what the averaged model makes of the same few scenes."""

import io
from pathlib import Path

import numpy as np
import torch
from lightning.pytorch.callbacks import Callback
from PIL import Image

from src.amused import Amused
from src.data.examples import example
from src.data.oracle import Oracle
from src.data.scenes import World
from src.training.vqgan_module import to_unit_pixels
from src.whole_files import write_whole

NUM_SAMPLES = 32
COLUMNS = 8
ENLARGED = 3  # screen pixels a picture pixel
GUIDANCE_SCALE = 2.0
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


class SamplePictures(Callback):
    """Every so many steps: pictures of test captions, and how many the oracle finds right."""

    def __init__(self, world: World, amused: Amused, every: int, folder: Path):
        self.amused, self.every, self.folder = amused, every, folder
        self.examples = _test_examples(world)
        self.oracle = Oracle(world)

    def on_train_batch_end(self, trainer, module, *_) -> None:
        if trainer.global_step % self.every:
            return
        captions = [each.caption for each in self.examples]
        generation = self.amused.generate(
            captions,
            guidance_scale=GUIDANCE_SCALE,
            seeds=list(range(len(captions))),
            record=False,
        )
        pictures = np.stack([np.asarray(image) for image in generation.images])
        module.log("whole_scene_right", _share_right(self.oracle, self.examples, pictures))
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
    rows = [
        np.concatenate(list(pictures[start : start + COLUMNS]), axis=1)
        for start in range(0, len(pictures), COLUMNS)
    ]
    sheet = Image.fromarray(np.concatenate(rows))
    buffer = io.BytesIO()
    sheet.resize((sheet.width * ENLARGED, sheet.height * ENLARGED), Image.NEAREST).save(
        buffer, format="PNG"
    )
    write_whole(path, buffer.getvalue())
