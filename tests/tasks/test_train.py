"""Training as typed: what it hands on, what it refuses before it begins, and what it records."""

from dataclasses import replace

import pytest

from src.compose import composed
from src.errors import UserError
from src.report.record import read_record
from src.tasks import train, train_all


@pytest.fixture
def place(monkeypatch, tmp_path):
    monkeypatch.setattr(train, "RECORDS", tmp_path)
    monkeypatch.setattr(train, "NUM_MEASURED", 8)
    return tmp_path / "glyphs_vqgan" / "runs" / "train"


@pytest.mark.filterwarnings("ignore")
def test_a_run_too_short_to_log_anything_is_recorded_without_a_curve(place, tmp_path):
    run = composed(["+exp=glyphs_vqgan", "device=cpu"]).config
    short = replace(run.training, max_steps=1, batch_size=2, num_workers=0, compile=False)
    assert train.run(replace(run, training=short), tmp_path)
    record = read_record(place)
    assert record.measurements
    assert record.device.startswith("cpu")
    assert not (place / "curves.png").exists()


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("device=cuda:63", "device='cuda:63'"),
        ("training.image_tokenizer=/nowhere", "training.image_tokenizer=/nowhere is not a folder"),
        ("training.text_encoder=/nowhere", "training.text_encoder=/nowhere is not a folder"),
    ],
)
def test_what_is_not_there_is_refused_before_the_run_is_begun(place, tmp_path, override, said):
    with pytest.raises(UserError, match=said):
        train.run(composed(["+exp=glyphs_uvit", override]).config, tmp_path)
    assert not list(tmp_path.iterdir())


def test_every_model_of_the_chain_gets_what_holds_for_all_and_keeps_its_own():
    typed = ["seed=3", "device=cpu", "save_record=true", "data.test_ratio=0.3"]
    typed += ["training.max_minutes=2", "training.num_workers=0", "training.num_threads=1"]
    chain = composed(["+exp=glyphs_all", *typed]).config
    for name in train_all.CHAIN:
        alone = composed([f"+exp={name}"]).config
        stage = train_all.stage_of(chain, name)
        assert (stage.seed, stage.device, stage.save_record) == (3, "cpu", True)
        assert stage.data == replace(alone.data, test_ratio=0.3)
        shared = (stage.training.max_minutes, stage.training.num_workers)
        assert (*shared, stage.training.num_threads) == (2, 0, 1)
        assert stage.training.max_steps == alone.training.max_steps
        assert stage.training.model == alone.training.model


def test_a_world_that_the_models_are_not_made_for_is_refused():
    with pytest.raises(UserError, match=r"training\.preset=glyphs"):
        train_all.stage_of(composed(["+exp=glyphs_all", "data=glyphs_rich"]).config, "glyphs_vqgan")
