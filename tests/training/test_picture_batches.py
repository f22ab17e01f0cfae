"""A VQGAN sees the very pictures that a U-ViT would, of rows that need no caption."""

import numpy as np
import torch
from PIL import Image

from src.data.captioned import CaptionedPictures
from src.data.config import DataConfig
from src.data.source import PictureSource
from src.training.picture_batches import PictureBatches
from src.training.rows import PictureRows
from src.training.tokenizer_config import TokenizerLossConfig
from src.training.tokenizer_module import TokenizerModule
from tests.data.test_decode import ramp, written

LOSSES = TokenizerLossConfig(
    gan_start=3, discriminator_channels=8, discriminator_layers=2, revive_after=1
)


def pictures_of(bad=()):
    """Eleven pictures with captions; rows whose number is in `bad` hold something else."""
    from datasets import Dataset

    files = [written(Image.fromarray(ramp(40 + 2 * row, 36))) for row in range(11)]
    files = [b"no picture" if row in bad else file for row, file in enumerate(files)]
    table = Dataset.from_dict({"jpg": files, "text": ["a red star"] * 11})
    config = DataConfig(path="toys")
    return CaptionedPictures(PictureSource(table, config, None), config, 32, seed=3)


def tokenizer_run(parts, config):
    module = TokenizerModule(parts.image_tokenizer, config, LOSSES, seed=1)
    return module, PictureBatches(pictures_of(), config.batch_size)


def test_a_step_holds_the_pictures_that_a_u_vit_would_be_given(parts):
    rows = PictureRows(pictures_of(), parts.text_encoder)
    batches = PictureBatches(pictures_of(), 4)
    for step in (5, 0):  # in any order
        expected = rows.samples(range(4 * step, 4 * step + 4))
        found = batches(step, slice(0, 4))
        assert torch.equal(found.pictures, expected.tokens)
        assert found.rows == expected.rows
    assert torch.equal(batches(0, slice(2, 4)).pictures, batches(0, slice(0, 4)).pictures[2:])


def test_a_bad_row_is_replaced_and_told_of():
    batch = PictureBatches(pictures_of(bad=(7,)), 11)(0, slice(0, 11))
    assert batch.pictures.shape == (11, 32, 32, 3)
    assert [each.row for each in batch.refused] == [7]
    assert 7 not in batch.rows


def test_two_epochs_are_two_orders():
    batches = PictureBatches(pictures_of(), 11)
    first, second = (batches(step, slice(0, 11)) for step in (0, 1))
    assert sorted(first.rows) == sorted(second.rows) == list(range(11))
    assert first.rows != second.rows
    assert not np.array_equal(first.pictures, second.pictures)
