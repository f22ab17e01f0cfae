"""The published CLIP is opened from the hub's cache by its name, and named by no commit."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import huggingface_hub.constants
import pytest
from safetensors.torch import load_file, save_file

from src.errors import UserError
from src.evaluation.config import PUBLISHED_CLIP, EvaluationConfig, features_name
from src.evaluation.suite import open_clip

COMMIT = "32bd64288804d66eefd0ccbe215aa642df71cc41"
SHORT = "clip-vit-large-patch14"
OPEN = """
import json, sys
from src.evaluation.config import EvaluationConfig
from src.evaluation.suite import open_clip
clip = open_clip(EvaluationConfig(clip=sys.argv[1]))
print(json.dumps([clip.name, clip.resizer, clip.dim]))
"""


def published(clip_folder: Path, place: Path) -> Path:
    """The tiny CLIP as its authors published theirs: older settings, and files of other kinds."""
    snapshot = place / f"models--{PUBLISHED_CLIP.replace('/', '--')}" / "snapshots" / COMMIT
    shutil.copytree(clip_folder, snapshot)
    (snapshot.parents[1] / "refs").mkdir()
    (snapshot.parents[1] / "refs" / "main").write_text(COMMIT)
    config = json.loads((snapshot / "config.json").read_text())
    for key in ("transformers_version", "dtype"):
        config.pop(key, None)
    old = {"_name_or_path": f"{SHORT}/", "torch_dtype": "float32", "transformers_version": None}
    (snapshot / "config.json").write_text(json.dumps(config | old))
    about = {
        **{f"do_{step}": True for step in ("center_crop", "normalize", "resize")},
        **{"feature_extractor_type": "CLIPFeatureExtractor", "resample": 3},
        **{"crop_size": 16, "size": 16, "image_mean": [0.5] * 3, "image_std": [0.5] * 3},
    }
    (snapshot / "preprocessor_config.json").write_text(json.dumps(about))
    tensors = load_file(snapshot / "model.safetensors")
    positions = config["text_config"]["max_position_embeddings"]
    tensors["text_model.embeddings.position_ids"] = _counted(positions)  # no parameter any more
    save_file(tensors, snapshot / "model.safetensors", metadata={"format": "pt"})
    (snapshot / "pytorch_model.bin").write_bytes(b"never opened")
    return snapshot


def _counted(num: int):
    import torch

    return torch.arange(num)[None]


@pytest.fixture
def snapshot(clip_folder, tmp_path):
    return published(clip_folder, tmp_path / "hub")


@pytest.fixture
def cached(snapshot, tmp_path, monkeypatch):
    """The hub's cache of this test, and no network."""
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    return snapshot


@pytest.mark.slow
def test_the_published_clip_is_opened_by_its_hub_id_in_a_process_of_its_own(snapshot, tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", OPEN, PUBLISHED_CLIP],
        env=os.environ | {"HF_HOME": str(tmp_path), "HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == [SHORT, "CLIP's bicubic to 16", 8]


def test_its_features_are_those_of_the_same_weights_in_a_folder(cached, clip, pictures, captions):
    there = open_clip(EvaluationConfig(clip=PUBLISHED_CLIP, batch_size=4))
    assert (there.picture_features(pictures) == clip.picture_features(pictures)).all()
    assert (there.caption_features(captions) == clip.caption_features(captions)).all()
    assert there.weights_hash == clip.weights_hash


def test_a_snapshot_given_as_a_folder_is_named_by_its_repository(snapshot):
    assert open_clip(EvaluationConfig(clip=str(snapshot))).name == SHORT
    own = EvaluationConfig(clip=str(snapshot), clip_name="mine")
    assert open_clip(own).name == "mine"


def test_a_snapshot_taken_elsewhere_is_named_by_its_settings(snapshot, tmp_path):
    moved = shutil.copytree(snapshot, tmp_path / COMMIT)
    assert features_name(EvaluationConfig(clip=str(moved))) == SHORT
    (moved / "config.json").write_text("{}")
    assert features_name(EvaluationConfig(clip=str(moved))) == "clip"


def test_a_folder_of_a_name_of_its_own_keeps_it(snapshot, tmp_path):
    """Weights that were trained further still say what they were begun from."""
    trained = shutil.copytree(snapshot, tmp_path / "my_clip")
    assert features_name(EvaluationConfig(clip=str(trained))) == "my_clip"


def test_a_folder_wins_over_a_hub_id(clip_folder, tmp_path, monkeypatch):
    shutil.copytree(clip_folder, tmp_path / "mine" / "clip")
    monkeypatch.chdir(tmp_path)
    assert open_clip(EvaluationConfig(clip="mine/clip")).name == "clip"


def test_without_a_network_it_says_what_fetches_it(cached):
    with pytest.raises(UserError, match="HF_HUB_OFFLINE forbids") as told:
        open_clip(EvaluationConfig(clip="openai/another-clip"))
    assert "run hf download openai/another-clip config.json" in str(told.value)
    assert "\n" not in str(told.value)


def test_where_nobody_answers_it_says_what_fetches_it(cached, monkeypatch):
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", "http://127.0.0.1:9")  # nobody
    with pytest.raises(UserError, match="neither a folder here nor in the hub's cache") as told:
        open_clip(EvaluationConfig(clip="openai/another-clip"))
    assert "run hf download openai/another-clip config.json" in str(told.value)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("lost", ["model.safetensors", "preprocessor_config.json"])
def test_a_half_fetched_one_says_what_is_missing_and_what_fetches_it(cached, lost):
    (cached / lost).unlink()
    with pytest.raises(UserError, match=f"without {lost}: .* hf download {PUBLISHED_CLIP}"):
        open_clip(EvaluationConfig(clip=PUBLISHED_CLIP))
