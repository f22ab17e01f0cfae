"""Features are computed once, in blocks that nothing can shift; what is damaged is made again."""

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from src.errors import UserError
from src.evaluation import feature_cache
from src.evaluation.feature_cache import DamagedCache, cached_features
from src.evaluation.features import ClipEncoder
from src.evaluation.picture_set import open_pictures
from tests.evaluation.conftest import SIZE


@pytest.fixture
def extractor(clip_folder):
    return ClipEncoder.open(clip_folder, name="tiny-clip", batch_size=3)


@pytest.fixture
def folder(tmp_path, pictures):
    (tmp_path / "set").mkdir()
    for number, pixels in enumerate(pictures):
        Image.fromarray(pixels).save(tmp_path / "set" / f"{number}.png")
    return tmp_path / "set"


@pytest.fixture
def features(folder, extractor, tmp_path, monkeypatch):
    """The features of the set as it lies there now, in blocks of four."""
    monkeypatch.setattr(feature_cache, "BLOCK", 4)

    def compute(size: int = SIZE, eyes=extractor, place: str = "cache", **told):
        cache = tmp_path / place
        opened = open_pictures(folder, None, cache)
        return cached_features(opened, eyes, size, cache, **told)

    return compute


def blocks(tmp_path) -> list:
    return sorted((tmp_path / "cache").rglob("*.safetensors"))


def test_features_are_the_extractors_own_in_order(features, extractor, pictures):
    found = features()
    assert found.dtype == np.float64
    expected = [extractor.picture_features(pictures[start : start + 4]) for start in (0, 4, 8)]
    assert (found == np.concatenate(expected)).all()


def test_a_second_time_no_picture_is_read(features, tmp_path, monkeypatch):
    first = features()
    assert len(blocks(tmp_path)) == 3
    monkeypatch.setattr(Image, "open", lambda *_: pytest.fail("a picture was opened"))
    assert (features() == first).all()


def test_a_run_killed_between_blocks_ends_with_the_same_digits(features, tmp_path):
    whole = features()
    blocks(tmp_path)[1].unlink()
    assert (features() == whole).all()
    assert (features(place="from scratch") == whole).all()


@pytest.mark.parametrize(
    "harm",
    [
        lambda content: b"",
        lambda content: content[:-1],
        lambda content: content[: len(content) // 2],
        lambda content: content[:-9] + bytes([content[-9] ^ 1]) + content[-8:],
        lambda content: b"\xff" * 100,
    ],
    ids=["empty", "cut by one", "cut in half", "a flipped bit", "another file"],
)
def test_a_damaged_block_is_made_again_with_one_warning(features, tmp_path, harm):
    first = features()
    path = blocks(tmp_path)[1]
    content = path.read_bytes()
    path.write_bytes(harm(content))
    with pytest.warns(DamagedCache, match=r"features_00001\.safetensors is damaged") as warned:
        assert (features() == first).all()
    assert len(warned) == 1
    assert path.read_bytes() == content


def test_another_extractor_size_or_picture_has_other_features(features, folder, clip_folder):
    first = features()
    other = ClipEncoder.open(clip_folder, name="tiny-clip", batch_size=3)
    with torch.no_grad():
        other.model.visual_projection.weight.mul_(2)
    assert np.allclose(features(eyes=other), 2 * first)
    assert (features(size=SIZE // 2) != first).any()
    Image.fromarray(255 - np.asarray(Image.open(folder / "5.png"))).save(folder / "5.png")
    assert list(np.flatnonzero((features() != first).any(axis=1))) == [5]


def changed(folder: Path, file: str, place: Path, **settings) -> ClipEncoder:
    """The same weights under other settings."""
    other = shutil.copytree(folder, place)
    about = json.loads((other / file).read_text())
    (other / file).write_text(json.dumps(about | settings))
    return ClipEncoder.open(other, name="tiny-clip", batch_size=3)


@pytest.mark.parametrize(
    ("file", "settings"),
    [
        ("preprocessor_config.json", {"resample": 0}),
        ("preprocessor_config.json", {"image_mean": [0.4, 0.5, 0.5]}),
        ("preprocessor_config.json", {"do_center_crop": False, "size": {"shortest_edge": SIZE}}),
        ("config.json", {"vision_config": {"hidden_act": "gelu"}}),
    ],
    ids=["filter", "mean", "crop", "activation"],
)
def test_features_of_other_settings_are_made_anew(
    features, extractor, clip_folder, tmp_path, file, settings
):
    first = features(size=2 * SIZE)
    known = json.loads((clip_folder / file).read_text())
    settings = {
        key: known[key] | value if isinstance(known.get(key), dict) and key != "size" else value
        for key, value in settings.items()
    }
    eyes = changed(clip_folder, file, tmp_path / "other", **settings)
    assert eyes.weights_hash == extractor.weights_hash
    found = features(size=2 * SIZE, eyes=eyes)
    assert (found == features(size=2 * SIZE, eyes=eyes, place="alone")).all()
    assert len({path.parent for path in blocks(tmp_path)}) == 2
    assert (features(size=2 * SIZE) == first).all()


def test_the_same_files_in_another_place_have_the_same_features(features, clip_folder, tmp_path):
    features()
    features(eyes=changed(clip_folder, "config.json", tmp_path / "other", _name_or_path="moved"))
    assert len(blocks(tmp_path)) == 3


def test_as_many_at_once_are_a_part_of_the_key(features, extractor, tmp_path):
    first = features()
    extractor.batch_size = 2
    other = features()
    assert len({path.parent for path in blocks(tmp_path)}) == 2
    np.testing.assert_allclose(other, first, rtol=1e-3, atol=1e-5)
    assert (features(place="alone") == other).all()


def test_features_after_memory_ran_out_are_those_of_so_few_at_once_from_the_start(
    features, clip_folder, pictures
):
    class Short(ClipEncoder):
        """Memory for three pictures, but for the first four of the set."""

        def embed_pictures(self, pixel_values):
            if len(pixel_values) > 2 and self.seen > 4:
                raise MemoryError
            self.seen += len(pixel_values)
            return super().embed_pictures(pixel_values)

    short = Short.open(clip_folder, name="tiny-clip", batch_size=4)
    short.seen, told = 0, []
    with pytest.warns(UserWarning, match="sees 2 at once"):
        found = features(eyes=short, told=told.append)
    two = ClipEncoder.open(clip_folder, name="tiny-clip", batch_size=2)
    assert (found == features(eyes=two, place="alone")).all()
    assert sum(told) == len(pictures)
    assert min(told) >= 0


@pytest.mark.filterwarnings("ignore::src.evaluation.picture_set.DoublePictures")
def test_every_unreadable_picture_is_named_and_nothing_is_left(features, folder, tmp_path):
    for number in (2, 9):
        (folder / f"{number}.png").write_text("no picture")
    with pytest.raises(UserError, match=r"2 of the 11 pictures .*\(2\.png: .*; 9\.png: ") as told:
        features()
    assert "\n" not in str(told.value)
    assert blocks(tmp_path) == []


def test_progress_is_told_also_of_what_was_there(features):
    for _ in range(2):
        told = []
        features(told=told.append)
        assert told == [4, 4, 3]


class LittleMemory:
    """Eyes that can look at two pictures at once: a third of the mean colours of each."""

    name, dim, resizer, weights_hash = "mean colour", 3, "none", "0" * 12
    fingerprint = "mean colour"

    def __init__(self, most: int, error: BaseException):
        self.batch_size, self.most, self.error = 8, most, error

    def picture_features(self, pixels: np.ndarray) -> np.ndarray:
        if self.batch_size > self.most:
            raise self.error
        return pixels.mean(axis=(1, 2)) / 3


def test_features_come_back_in_the_precision_that_they_had(features):
    eyes = LittleMemory(8, MemoryError())
    first = features(eyes=eyes)
    assert (first != first.astype(np.float32)).any()
    assert (features(eyes=eyes) == first).all()


def test_two_evaluations_at_once_both_end_with_the_right_features(features, tmp_path):
    whole = features(place="alone")
    with ThreadPoolExecutor(4) as pool:
        for found in pool.map(lambda _: features(), range(4)):
            assert (found == whole).all()
    assert (features() == whole).all()


OUT = [
    torch.OutOfMemoryError("CUDA out of memory."),
    MemoryError(),
    RuntimeError("[enforce fail at alloc_cpu.cpp:121] DefaultCPUAllocator: can't allocate memory"),
]


@pytest.mark.filterwarnings("ignore:Memory ran out")
@pytest.mark.parametrize("error", OUT, ids=lambda error: type(error).__name__)
def test_without_memory_fewer_pictures_go_at_once(features, pictures, error):
    eyes = LittleMemory(2, error)
    with pytest.warns(UserWarning, match="sees 2 at once"):
        assert (features(eyes=eyes) == pictures.mean(axis=(1, 2)) / 3).all()
    with (
        pytest.warns(UserWarning, match="at once"),
        pytest.raises(UserError, match="not enough memory for mean colour and a single picture"),
    ):
        features(eyes=LittleMemory(0, error), place="other")


def test_another_error_of_the_extractor_is_not_taken_for_memory(features):
    with pytest.raises(RuntimeError, match="shapes"):
        features(eyes=LittleMemory(0, RuntimeError("shapes do not fit")))
