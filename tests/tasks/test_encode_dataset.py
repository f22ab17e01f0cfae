"""The command: a folder of shards that the same command continues and another one leaves alone."""

import json

import pyarrow.parquet as pq
import pytest
from PIL import Image

from src.config import RunConfig, check
from src.data.config import DataConfig, EncodingConfig
from src.errors import UserError
from src.tasks import encode_dataset
from src.tasks.encode_dataset import run
from tests.data.test_decode import ramp, written
from tests.tasks.conftest import WORLD


@pytest.fixture
def photos(tmp_path, monkeypatch):
    import datasets

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    monkeypatch.setattr(encode_dataset, "RECORDS", tmp_path / "records")
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(6):
        content = written(Image.fromarray(ramp(40 + 9 * number, 60)))
        (folder / f"a star number {number}.png").write_bytes(content)
    return folder


def test_a_folder_of_pictures_is_encoded_once_and_the_second_time_was_done(
    config, photos, tmp_path, capsys
):
    data = DataConfig(path=str(photos), is_caption_file_name=True)
    chosen = config("encode_dataset", data=data, encoding=EncodingConfig(shard_rows=4))
    run(chosen, tmp_path / "run")
    run(chosen, tmp_path / "run")
    first, second = capsys.readouterr().out.split("Was done already: ")
    assert "6 pictures of 6 rows, 0 of them bad" in first
    assert second in first
    (place,) = (tmp_path / "records" / "encode_dataset" / "runs").iterdir()
    assert json.loads((place / "done.json").read_text())["num_pictures"] == 6
    captions = [
        caption
        for path in sorted(place.glob("tokens_*.parquet"))
        for caption in pq.read_table(path)["caption"].to_pylist()
    ]
    assert captions == [f"a star number {number}" for number in range(6)]


def test_scenes_of_the_drawn_world_can_be_encoded_too(config, tmp_path):
    encoding = EncodingConfig(num_scenes=7)
    run(
        config("encode_dataset", data=WORLD, encoding=encoding, output_dir=f"{tmp_path}/out"),
        tmp_path / "run",
    )
    table = pq.read_table(tmp_path / "out" / "tokens_00000.parquet")
    assert len(table) == 7
    assert len(table["token_ids"][0]) == 64  # 8 x 8 tokens of 32 pixels


@pytest.mark.parametrize(
    ("data", "encoding", "said"),
    [
        ({"path": "x"}, {"shard_rows": 0}, "encoding.shard_rows=0 is impossible"),
        ({"path": "x", "crop": "center"}, {"crops_per_row": 2}, "would repeat the same picture"),
        ({}, {"crops_per_row": 2}, "would repeat the same picture"),
    ],
)
def test_settings_that_cannot_be_are_refused(data, encoding, said):
    given = {"data": DataConfig(**data), "encoding": EncodingConfig(**encoding)}
    with pytest.raises(UserError, match=said):
        check(RunConfig(name="x", task="encode_dataset", **given))


def test_a_folder_with_files_of_another_kind_is_left_alone(config, tmp_path):
    from src.tasks import generate

    place = tmp_path / "pictures"
    generate.run(config("generate", prompts=["a star"], output_dir=str(place)), tmp_path)
    before = sorted(path.name for path in place.iterdir())
    chosen = config("encode_dataset", data=WORLD, output_dir=str(place))
    with pytest.raises(UserError, match=r"output_dir=.* holds 00000.png, which is of no encoding"):
        run(chosen, tmp_path / "run")
    assert sorted(path.name for path in place.iterdir()) == before


def test_no_pictures_are_drawn_into_an_encoding(config, tmp_path):
    from src.tasks import generate

    place, encoding = str(tmp_path / "out"), EncodingConfig(num_scenes=2)
    run(config("encode_dataset", data=WORLD, encoding=encoding, output_dir=place), tmp_path)
    with pytest.raises(UserError, match=r"holds another work \(identity.json\)"):
        generate.run(config("generate", prompts=["a star"], output_dir=place), tmp_path)
