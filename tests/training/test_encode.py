"""Encoded rows: the ids a picture has by itself, whatever was killed or read beside it."""

import os
import signal

import numpy as np
import pytest
import torch
from PIL import Image

from src.amused import Amused
from src.data.bad_rows import BadRowError, Refusal
from src.data.captioned import CaptionedPicture
from src.data.config import DataConfig, EncodingConfig
from src.data.crops import resize_and_crop
from src.data.micro_cond import MicroCond
from src.data.token_table import read_shard
from src.errors import UserError
from src.training.encode import DONE, encode_rows, encoding_identity
from tests.tasks.conftest import SETTINGS

NUM_ROWS, BAD = 23, (4, 17)


class NoisyRows:
    """Rows of noise, 40 x 32 pixels, cut to 32 x 32; two of them bad."""

    def __len__(self) -> int:
        return NUM_ROWS

    def row(self, row, rng=None) -> CaptionedPicture:
        if row in BAD:
            raise BadRowError("no picture")
        crop = resize_and_crop(self.whole(row), 32, rng)
        told = MicroCond(40.0, 32.0, float(crop.top), float(crop.left), 6.0)
        return CaptionedPicture(crop.picture, "a red star", told, row)

    def whole(self, row) -> Image.Image:
        noise = np.random.default_rng(row).integers(0, 256, (4, 5, 3), dtype=np.uint8)
        return Image.fromarray(noise).resize((40, 32))

    def refusal(self, row, reason) -> Refusal:
        return Refusal(row, f"{row}.png", str(reason))


@pytest.fixture(scope="module")
def amused():
    return Amused.from_config(SETTINGS, seed=1)


@pytest.fixture
def encode(amused):
    def run(folder, seed=0, max_bad_ratio=0.5, advance=lambda _: None, **changes):
        encoding = EncodingConfig(**{"shard_rows": 5, **changes})
        data = DataConfig(path="noise")
        identity = encoding_identity(amused, data, encoding, seed, "content")
        return encode_rows(NoisyRows(), amused, encoding, identity, folder, max_bad_ratio, advance)

    return run


def files(folder) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def shards(folder):
    import pyarrow.parquet as pq

    paths = sorted(folder.glob("tokens_*.parquet"))
    return [read_shard(path, pq.read_schema(path).metadata[b"key"].decode()) for path in paths]


def test_every_good_row_has_the_ids_that_its_crop_has_alone(encode, amused, tmp_path):
    encoded = encode(tmp_path)
    rows = [each for shard in shards(tmp_path) for each in shard.rows]
    assert [each.row for each in rows] == [row for row in range(NUM_ROWS) if row not in BAD]
    assert (encoded.num_rows, encoded.num_pictures, encoded.num_bad) == (NUM_ROWS, 21, 2)
    corners = set()
    for each in rows:
        top, left = int(each.micro_cond.crop_top), int(each.micro_cond.crop_left)
        picture = NoisyRows().whole(each.row).crop((left, top, left + 32, top + 32))
        assert (each.token_ids == amused.encode_images(picture)[0].numpy()).all()
        corners.add(left)
    assert len(corners) > 3
    used = {code for each in rows for code in each.token_ids.ravel().tolist()}
    assert encoded.num_codes_used == len(used) > 1


def test_text_states_are_those_of_the_caption(encode, amused, tmp_path):
    encode(tmp_path, has_text_states=True)
    text = amused.encode_prompts("a red star")
    row = shards(tmp_path)[2].rows[1]
    assert (row.text_states == text.text_states[0].half().numpy()).all()
    assert (row.pooled_text == text.pooled_text[0].half().numpy()).all()


def test_several_crops_of_a_row_differ_and_stand_together(encode, tmp_path):
    encode(tmp_path, crops_per_row=3)
    rows = [each for shard in shards(tmp_path) for each in shard.rows]
    assert [(each.row, each.crop) for each in rows[:6]] == [
        *((0, crop) for crop in range(3)),
        *((1, crop) for crop in range(3)),
    ]
    lefts = [each.micro_cond.crop_left for each in rows]
    assert sum(len(set(lefts[at : at + 3])) > 1 for at in range(0, 63, 3)) > 15  # of 21 rows
    assert len(rows) == 3 * 21


def test_neither_workers_nor_shards_change_an_id(encode, tmp_path):
    encode(tmp_path / "plain")
    encode(tmp_path / "workers", num_workers=2)
    encode(tmp_path / "large", shard_rows=50)
    plain, workers = files(tmp_path / "plain"), files(tmp_path / "workers")
    assert plain == workers
    (large,) = shards(tmp_path / "large")
    small = [each for shard in shards(tmp_path / "plain") for each in shard.rows]
    for one, other in zip(large.rows, small, strict=True):
        assert (one.token_ids == other.token_ids).all()
        assert one.micro_cond == other.micro_cond


def killed(work, point: int) -> None:
    """Let a child process do the work and die by SIGKILL at its point number `point`.

    Points are every row and every moment around a write: before and after the bytes are on disk.
    """
    child = os.fork()
    if child == 0:
        torch.set_num_threads(1)
        left = [point]

        def reached(*_) -> None:
            left[0] -= 1
            if left[0] < 0:
                os.kill(os.getpid(), signal.SIGKILL)

        for name in ("fsync", "replace"):
            real = getattr(os, name)

            def around(*args, real=real):
                reached()
                result = real(*args)
                reached()
                return result

            setattr(os, name, around)
        try:
            work(reached)
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status), "the child came to its end before it could be killed"


@pytest.mark.parametrize("point", range(0, 48, 2))
def test_a_killed_run_continues_to_the_same_bytes(point, encode, tmp_path):
    encode(tmp_path / "whole")
    killed(lambda reached: encode(tmp_path / "killed", advance=reached), point)
    assert not (tmp_path / "killed" / DONE).exists()
    encode(tmp_path / "killed")
    assert files(tmp_path / "killed") == files(tmp_path / "whole")  # and nothing half written


def test_shards_that_are_there_are_not_made_again_and_damaged_ones_are(encode, tmp_path):
    encode(tmp_path)
    before = files(tmp_path)
    path = tmp_path / "tokens_00002.parquet"
    path.write_bytes(path.read_bytes()[:-10])
    times = {each.name: each.stat().st_mtime_ns for each in tmp_path.glob("tokens_*")}
    encode(tmp_path)
    assert files(tmp_path) == before
    changed = {
        each.name
        for each in tmp_path.glob("tokens_*")
        if each.stat().st_mtime_ns != times[each.name]
    }
    assert changed == {path.name}


def test_a_folder_is_continued_only_by_what_began_it(encode, tmp_path):
    encode(tmp_path)
    with pytest.raises(UserError, match="was begun with seed=0 and is asked to go on with 1"):
        encode(tmp_path, seed=1)
    with pytest.raises(UserError, match=r"encoding.crops_per_row=1 .* 2"):
        encode(tmp_path, crops_per_row=2)


def test_too_many_bad_rows_stop_the_run_with_their_list(encode, tmp_path):
    with pytest.raises(UserError, match=r"2 of the 20 rows .*max_bad_ratio=0.05"):
        encode(tmp_path, max_bad_ratio=0.05)
    assert not (tmp_path / DONE).exists()
    assert len((tmp_path / "bad_rows.jsonl").read_text().splitlines()) == 2
