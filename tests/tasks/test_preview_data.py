"""The preview shows what training would see, and lists what it could not."""

import json

import pytest
from PIL import Image

from src.config import PreviewConfig, RunConfig, check
from src.data.config import DataConfig
from src.errors import UserError
from src.report.record import read_record
from src.tasks.preview_data import run
from src.training.config import TrainingConfig
from tests.data.test_decode import ramp, written
from tests.tasks.conftest import WORLD

PREVIEW = {"preview": PreviewConfig(num_rows=6, num_shown=2), "training": TrainingConfig()}


@pytest.fixture
def photos(tmp_path, monkeypatch):
    """Five pictures, one of them twice, and one file that is none."""
    import datasets

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(4):
        picture = ramp(40 + 20 * number, 60)
        (folder / f"{number}.png").write_bytes(written(Image.fromarray(picture)))
    (folder / "again.png").write_bytes((folder / "0.png").read_bytes())
    (folder / "broken.png").write_bytes(b"broken")
    names = sorted(path.name for path in folder.iterdir())
    lines = [json.dumps({"file_name": name, "text": "a red star"}) for name in names]
    (folder / "metadata.jsonl").write_text("\n".join(lines))
    return folder


def test_pictures_doubles_and_bad_rows_of_a_folder_are_shown(config, photos, tmp_path):
    data = DataConfig(path=str(photos), picture_size=32)
    target = tmp_path / "seen"
    run(config("preview_data", data=data, **PREVIEW), target)
    assert {"preview.png", "spread.png", "doubles.png"} <= {path.name for path in target.iterdir()}
    (bad,) = map(json.loads, (target / "bad_rows.jsonl").read_text().splitlines())
    assert bad["place"].endswith("broken.png")
    found = {each.name: each for each in read_record(target).measurements}
    assert found["bad rows"].value == pytest.approx(1 / 6)
    assert found["pictures with a near double"].value == pytest.approx(2 / 5)
    assert found["captions that stand more than once"].value == 1.0
    assert found["PSNR, dB, after the round trip"].num_samples == 2
    assert found["memory of a training step, GB"].value > 0.1


def test_the_drawn_world_has_a_preview_as_well(config, tmp_path):
    run(config("preview_data", data=WORLD, **PREVIEW), tmp_path / "seen")
    found = {each.name: each for each in read_record(tmp_path / "seen").measurements}
    assert found["bad rows"].value == 0
    assert found["bad rows"].num_samples == 6


def test_a_data_set_without_a_good_row_is_refused_with_a_list(config, photos, tmp_path):
    for path in photos.glob("*.png"):
        path.write_bytes(b"broken")
    data = DataConfig(path=str(photos), picture_size=32)
    with pytest.raises(UserError, match=r"No row of .* is good; row 0: not a readable picture"):
        run(config("preview_data", data=data, **PREVIEW), tmp_path / "seen")
    assert len((tmp_path / "seen" / "bad_rows.jsonl").read_text().splitlines()) == 6


@pytest.mark.parametrize(
    ("task", "changes", "said"),
    [
        ("train", {"path": "x"}, "data.path=x has no effect: the task train draws its scenes"),
        ("preview_data", {"path": " "}, "data.path is empty"),
        ("preview_data", {"crop": "middle"}, "data.crop='middle' is unknown"),
        ("preview_data", {"bad_rows": "skip"}, "data.bad_rows='skip' is unknown"),
        ("preview_data", {"max_bad_ratio": 2.0}, "data.max_bad_ratio=2.0 is impossible"),
        ("preview_data", {"block_rows": 0}, "data.block_rows=0 is impossible"),
    ],
)
def test_settings_that_cannot_be_are_refused(task, changes, said):
    with pytest.raises(UserError, match=said):
        check(RunConfig(name="x", task=task, data=DataConfig(**changes)))
