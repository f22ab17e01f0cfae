"""Training on people's pictures: every recipe takes three steps, and pictures or their tokens are
the same to it."""

import json
from dataclasses import replace

import pytest
import torch
from PIL import Image

from src.compose import composed
from src.config import RunConfig, check
from src.data.config import DataConfig, EncodingConfig
from src.errors import UserError
from src.experiments import experiments
from src.report.record import read_record
from src.tasks import encode_dataset
from src.tasks.train_uvit import run
from src.training.checkpoint import averaged_weights, trained_state
from src.training.config import TrainingConfig
from src.transformer import config as transformer_config
from tests.data.test_decode import ramp, written
from tests.tasks.conftest import SETTINGS, WORLD

RECIPES = [header.name for header in experiments() if header.task == "train_uvit"]
SHORT = {
    "max_steps": 3,
    "sample_every": 3,
    "checkpoint_every": 2,
    "log_every": 1,
    "num_workers": 0,
    "max_minutes": 5.0,
}


@pytest.fixture
def photos(tmp_path, monkeypatch):
    """Twelve pictures of 32 pixels or more, captions in a list beside them."""
    import datasets

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    folder = tmp_path / "photos"
    folder.mkdir()
    lines = []
    for number in range(12):
        picture = Image.fromarray(ramp(32 + 3 * number, 40))
        (folder / f"{number}.png").write_bytes(written(picture))
        lines.append({"file_name": f"{number}.png", "text": f"a red star number {number}"})
    (folder / "metadata.jsonl").write_text("\n".join(json.dumps(line) for line in lines))
    return folder


@pytest.fixture
def short(config, photos):
    """Three steps of four pictures, cut in the middle."""

    def build(**changes) -> RunConfig:
        settings = {"batch_size": 4, "preset": None, "begin": "model", **SHORT}
        training = TrainingConfig(**(settings | changes.pop("training", {})))
        data = DataConfig(path=str(photos), picture_size=32, crop="center")
        chosen = {"name": "finetune_256_full", "data": data, "training": training, **changes}
        return config(chosen.pop("task", "train_uvit"), **chosen)

    return build


def losses(folder) -> list[str]:
    return [path.read_text() for path in sorted(folder.glob("csv_from_*/metrics.csv"))]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_takes_three_steps_at_reduced_width(
    name, photos, model_folder, tmp_path, monkeypatch
):
    """The 512 recipes' new convolutions included: the tiny model has a grid to halve."""
    presets = tmp_path / "presets"
    presets.mkdir()
    halving = {"downsample": True, "upsample": True}
    for preset, more in (("amused_256", {}), ("amused_512", halving)):
        (presets / f"{preset}.json").write_text(json.dumps(SETTINGS["transformer"] | more))
    monkeypatch.setattr(transformer_config, "PRESETS", presets)

    recipe = composed([f"+exp={name}"]).config
    sizes = {"batch_size": 2, "accumulation": min(2, recipe.training.accumulation)}
    sizes["num_cached"] = min(64, recipe.training.num_cached)
    training = replace(recipe.training, **SHORT, **sizes)
    data = replace(recipe.data, path=str(photos), picture_size=32)
    out = tmp_path / "out"
    changed = {"model": str(model_folder), "device": "cpu", "output_dir": str(out)}
    recipe = replace(recipe, training=training, data=data, **changed)
    check(recipe)
    assert run(recipe, tmp_path)
    assert read_record(out).measurements
    assert (out / "samples" / "step_00000003.png").is_file()
    moved = averaged_weights(out, "uvit")
    is_grown = recipe.training.preset == "amused_512"
    assert ("down.resample_conv.weight" in moved) == is_grown


@pytest.mark.filterwarnings("ignore")
def test_pictures_and_their_token_ids_teach_the_same_bits(short, tmp_path):
    torch.set_num_threads(1)
    pictures = short(output_dir=str(tmp_path / "pictures"))
    encoding = EncodingConfig(shard_rows=5)
    cached = replace(pictures, task="encode_dataset", encoding=encoding)
    encode_dataset.run(replace(cached, output_dir=str(tmp_path / "tokens")), tmp_path)
    data = DataConfig(tokens=str(tmp_path / "tokens"))
    tokens = replace(pictures, data=data, output_dir=str(tmp_path / "cached"))
    assert run(pictures, tmp_path)
    assert run(tokens, tmp_path)
    assert losses(tmp_path / "pictures") == losses(tmp_path / "cached")
    first, second = (trained_state(tmp_path / name) for name in ("pictures", "cached"))
    assert all(torch.equal(first[name], second[name]) for name in first)


@pytest.mark.filterwarnings("ignore")
def test_a_finished_training_opens_as_a_model_and_says_so_again(short, tmp_path, capsys):
    chosen = short(output_dir=str(tmp_path / "out"))
    assert run(chosen, tmp_path)
    record = read_record(tmp_path / "out")
    assert {each.num_samples for each in record.measurements} == {12}
    assert {each.subject for each in record.measurements} == {"training rows"}
    assert "All steps are done" in capsys.readouterr().out
    from src.amused import Amused

    again = replace(chosen, model=str(tmp_path / "out" / "model"))
    assert Amused.from_pretrained(again.model).generate("a red star", seeds=[0]).images
    with pytest.raises(UserError, match=r"begun with weights\.transformer="):
        run(again, tmp_path)


@pytest.mark.filterwarnings("ignore")
def test_drawn_scenes_teach_a_model_too(short, tmp_path, monkeypatch):
    monkeypatch.setattr("src.training.token_cache.SHARD_SIZE", 64)
    monkeypatch.setattr("src.tasks.train_uvit.NUM_SCENES", 8)
    training = {"num_cached": 64, "begin": "anew", "ema_decay": 0.0}
    assert run(short(data=WORLD, training=training, output_dir=str(tmp_path / "out")), tmp_path)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"training": {"batch_size": 13}}, r"A step takes 13 samples .* the data have 12 rows"),
        ({"data": DataConfig()}, "There is nothing to train on: give data.path=PATH"),
        ({"data": DataConfig(tokens="/nowhere")}, "data.tokens=/nowhere holds no identity.json"),
        ({"data": replace(WORLD, picture_size=64)}, "model draws 32 pixels and the scenes .* 64"),
        ({"training": {"preset": "amused_256"}}, "cannot begin one with"),
        ({"training": {"preset": "amused_256", "begin": "anew"}}, r"needs 8192 codes, .* have 20"),
    ],
)
def test_what_cannot_be_trained_on_is_refused_before_anything_is_left(
    short, tmp_path, changes, said
):
    with pytest.raises(UserError, match=said):
        run(short(output_dir=str(tmp_path / "out"), **changes), tmp_path)
    assert not (tmp_path / "out" / "checkpoints").exists()


def test_pictures_of_another_size_than_the_models_are_refused(short, photos, tmp_path):
    data = DataConfig(path=str(photos), picture_size=64)
    with pytest.raises(UserError, match=r"data\.picture_size=64, and the model draws 32"):
        run(short(data=data, output_dir=str(tmp_path / "out")), tmp_path)


def test_tokens_of_another_model_or_half_a_folder_are_refused(short, tmp_path):
    place = tmp_path / "tokens"
    chosen = short(output_dir=str(tmp_path / "out"), data=DataConfig(tokens=str(place)))
    encoded = short(task="encode_dataset", encoding=EncodingConfig(), output_dir=str(place))
    encode_dataset.run(encoded, tmp_path)

    shard = place / "tokens_00000.parquet"
    whole = shard.read_bytes()
    shard.write_bytes(whole[:500])
    with pytest.raises(UserError, match=r"tokens_00000\.parquet is damaged or missing"):
        run(chosen, tmp_path)
    shard.write_bytes(whole)
    done = (place / "done.json").read_text()
    (place / "done.json").unlink()
    with pytest.raises(UserError, match="is not finished"):
        run(chosen, tmp_path)
    (place / "done.json").write_text(done)
    with pytest.raises(UserError, match="was encoded by the image tokenizer"):
        run(replace(chosen, model="embedded"), tmp_path)


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("dtype=float16", "weights are trained in float32"),
        ("training.model=clip", "trains a uvit"),
        ("data.tokens=a", "both given"),
        ("training.begin=end", "training.begin='end' is unknown"),
        ("training.accumulation=0", "training.accumulation=0 is impossible"),
    ],
)
def test_settings_that_no_such_training_could_have_are_refused(override, said):
    with pytest.raises(UserError, match=said):
        composed(["+exp=finetune_256_full", "data.path=b", override])


def test_what_the_training_of_the_embedded_parts_does_not_know_is_refused():
    with pytest.raises(UserError, match=r"training\.begin=model has no effect"):
        composed(["+exp=glyphs_uvit", "training.begin=model"])
    with pytest.raises(UserError, match=r"data\.tokens=a has no effect"):
        composed(["+exp=glyphs_uvit", "data.tokens=a"])
    with pytest.raises(UserError, match="accumulation=2 is for the U-ViT alone"):
        composed(["+exp=glyphs_vqgan", "training.accumulation=2"])


@pytest.mark.filterwarnings("ignore")
def test_a_table_of_token_ids_without_pictures_is_trained_on(short, tmp_path, photos):
    import pyarrow as pa
    import pyarrow.parquet as pq

    ids = [[(7 * row + place) % 20 for place in range(64)] for row in range(5)]
    captions = [f"a red star number {row}" for row in range(5)]
    pq.write_table(pa.table({"codes": ids, "text": captions}), tmp_path / "ids.parquet")
    data = DataConfig(path=str(tmp_path / "ids.parquet"), token_ids_column="codes")
    out = tmp_path / "out"
    assert run(short(data=data, output_dir=str(out)), tmp_path)
    assert {each.num_samples for each in read_record(out).measurements} == {5}

    for column, bad_ids, said in (
        ("tokens", ids, r"data\.token_ids_column=tokens: .* it has codes, text"),
        (
            "codes",
            [*ids[:4], [99] * 64],
            r"Row 4 .* ids from 99 to 99; the model's codes are 0 to 19",
        ),
        ("codes", [*ids[:4], [1] * 60], r"Row 4 .* 60 numbers .* reads 8 x 8"),
    ):
        pq.write_table(pa.table({"codes": bad_ids, "text": captions}), tmp_path / "ids.parquet")
        with pytest.raises(UserError, match=said):
            run(short(data=replace(data, token_ids_column=column)), tmp_path)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("num_workers", [0, 2])
def test_bad_pictures_are_replaced_listed_and_limited(short, photos, tmp_path, num_workers):
    (photos / "3.png").write_bytes(b"no picture")
    changes = {"training": {"num_workers": num_workers}, "output_dir": str(tmp_path / "out")}
    lenient = short(**changes)
    lenient = replace(lenient, data=replace(lenient.data, max_bad_ratio=0.2))
    assert run(lenient, tmp_path)
    (listed,) = (tmp_path / "out" / "bad_rows.jsonl").read_text().splitlines()
    assert json.loads(listed)["row"] == 3
    strict = replace(lenient, data=replace(lenient.data, max_bad_ratio=0.01))
    with pytest.raises(UserError, match=r"1 of the \d+ rows met so far are bad"):
        run(replace(strict, output_dir=str(tmp_path / "strict")), tmp_path)
    stopping = replace(lenient.data, bad_rows="stop")
    with pytest.raises(UserError, match=r"row 3 of .* \(.*3\.png\) is bad: .*; mend it") as refusal:
        run(replace(lenient, data=stopping, output_dir=str(tmp_path / "stop")), tmp_path)
    assert "Traceback" not in str(refusal.value)
