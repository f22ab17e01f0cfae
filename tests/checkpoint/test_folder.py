"""Every fault of a checkpoint's files is one sentence that names the file and the remedy."""

import json

import pytest
import torch
from safetensors.torch import save_file

from src.checkpoint.folder import CheckpointFolder
from src.checkpoint.write import (
    new_checkpoint,
    write_index,
    write_json,
    write_settings,
    write_tensors,
)
from src.errors import UserError

TENSORS = {"layer.weight": torch.arange(1000.0).view(10, 100), "layer.bias": torch.ones(10)}
WEIGHTS = "transformer/diffusion_pytorch_model.safetensors"


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "model"
    with new_checkpoint(path) as draft:
        write_index(draft, "CLIPTokenizer")
        write_settings(draft, "transformer", {"_class_name": "UVit2DModel", "hidden_size": 8})
        write_tensors(draft, "transformer", TENSORS, torch.float32, None)
    return path


def flip_bit(path, position: int) -> None:
    content = bytearray(path.read_bytes())
    content[position] ^= 1
    path.write_bytes(content)


def test_what_was_written_is_read(folder):
    checkpoint = CheckpointFolder(folder)
    assert checkpoint.settings("transformer") == {"hidden_size": 8}
    assert checkpoint.class_of("transformer") == "UVit2DModel"
    tensors = checkpoint.tensors("transformer")
    assert tensors.keys() == TENSORS.keys()
    assert all(torch.equal(tensors[name], TENSORS[name]) for name in TENSORS)


def test_the_fp16_variant_has_its_own_file_name(folder, tmp_path):
    with new_checkpoint(folder) as draft:
        write_tensors(draft, "transformer", TENSORS, torch.float16, "fp16")
    assert (folder / "transformer" / "diffusion_pytorch_model.fp16.safetensors").is_file()
    assert CheckpointFolder(folder, "fp16").tensors("transformer")["layer.bias"].dtype.itemsize == 2
    assert CheckpointFolder(folder).tensors("transformer")["layer.bias"].dtype.itemsize == 4


@pytest.mark.parametrize("place", [3, 60, -1, -2000])
def test_a_flipped_bit_is_noticed_wherever_it_is(folder, place):
    flip_bit(folder / WEIGHTS, place)
    with pytest.raises(UserError, match=r"diffusion_pytorch_model.safetensors is damaged.*again"):
        CheckpointFolder(folder).tensors("transformer")


def test_a_flipped_bit_in_a_settings_file_is_noticed(folder):
    flip_bit(folder / "transformer" / "config.json", 12)
    with pytest.raises(UserError, match=r"config.json is damaged"):
        CheckpointFolder(folder).settings("transformer")


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (lambda text: "", "it is empty"),
        (lambda text: "\n", "line 1 is no hash"),
        (lambda text: text.replace("  ", "", 1), "line 1 is no hash"),
        (lambda text: text + "ffff  README.md\n", r"line \d is no hash"),
        (lambda text: text[:50], "line 1 is no hash"),
        (lambda text: text[: text.index("\n") + 1], "has no line in .*checksums.sha256"),
    ],
)
def test_damaged_checksums_are_told_and_do_not_end_the_protection(folder, damage, sentence):
    path = folder / "checksums.sha256"
    path.write_text(damage(path.read_text()))
    with pytest.raises(UserError, match=sentence):
        CheckpointFolder(folder).tensors("transformer")


@pytest.mark.parametrize("has_checksums", [True, False])
@pytest.mark.parametrize("length", [0, 4, 50, 4000])
def test_a_truncated_file_is_noticed_with_and_without_checksums(folder, length, has_checksums):
    if not has_checksums:
        (folder / "checksums.sha256").unlink()
    (folder / WEIGHTS).write_bytes((folder / WEIGHTS).read_bytes()[:length])
    with pytest.raises(UserError, match=r"diffusion_pytorch_model.safetensors is .*damaged"):
        CheckpointFolder(folder).tensors("transformer")


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_numbers_that_are_not_finite_are_refused(folder, value):
    (folder / "checksums.sha256").unlink()
    save_file({"layer.weight": torch.tensor([1.0, value])}, folder / WEIGHTS)
    with pytest.raises(UserError, match=r"not finite in 'layer.weight'"):
        CheckpointFolder(folder).tensors("transformer")


@pytest.mark.parametrize("name", ["diffusion_pytorch_model.bin", "model.ckpt", "weights.pt"])
def test_a_pickle_is_refused_and_never_opened(folder, name):
    (folder / WEIGHTS).unlink()
    marker = folder / "opened"
    payload = f"c__builtin__\nopen\n(V{marker}\nVw\ntR.".encode()  # a pickle that makes a file
    (folder / "transformer" / name).write_bytes(payload)
    with pytest.raises(UserError, match=rf"{name} is a pickle.*convert"):
        CheckpointFolder(folder).tensors("transformer")
    assert not marker.exists()


def test_a_missing_weight_file_is_named(folder):
    (folder / WEIGHTS).unlink()
    with pytest.raises(UserError, match=r"diffusion_pytorch_model.safetensors is missing"):
        CheckpointFolder(folder).tensors("transformer")


def test_a_missing_part_is_named(folder):
    with pytest.raises(UserError, match=r"vqvae/config.json is missing"):
        CheckpointFolder(folder).settings("vqvae")
    with pytest.raises(UserError, match=r"vqvae/.*safetensors is missing"):
        CheckpointFolder(folder).tensors("vqvae")


def test_the_wrong_variant_says_which_there_is(folder):
    with pytest.raises(UserError, match="open it with variant=None"):
        CheckpointFolder(folder, "fp16").tensors("transformer")
    (folder / WEIGHTS).rename(folder / WEIGHTS.replace(".safetensors", ".fp16.safetensors"))
    with pytest.raises(UserError, match='open it with variant="fp16"'):
        CheckpointFolder(folder).tensors("transformer")


@pytest.mark.parametrize("variant", ["../x", 16, "", "a.b", "a/b"])
def test_a_variant_that_is_no_plain_name_is_refused(folder, variant):
    with pytest.raises(UserError, match=r"variant=.* is impossible; give a plain name"):
        CheckpointFolder(folder, variant)


def test_shards_are_refused_with_a_remedy(folder):
    (folder / WEIGHTS).rename(
        folder / "transformer" / "diffusion_pytorch_model-00001-of-00002.safetensors"
    )
    (folder / (WEIGHTS + ".index.json")).write_text("{}")
    with pytest.raises(UserError, match="max_shard_size"):
        CheckpointFolder(folder).tensors("transformer")


def test_an_empty_folder_is_no_checkpoint(tmp_path):
    with pytest.raises(UserError, match=r"model_index.json is missing"):
        CheckpointFolder(tmp_path)


def test_another_kind_of_pipeline_is_named(tmp_path):
    write_json(tmp_path / "model_index.json", {"_class_name": "StableDiffusionPipeline"})
    with pytest.raises(UserError, match="describes a StableDiffusionPipeline"):
        CheckpointFolder(tmp_path)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [("{", "is not JSON"), ("[]", "JSON object"), ("[" * 100_000, "is not JSON")],
    ids=["broken", "a list", "nested without end"],
)
def test_a_broken_index_is_named(tmp_path, content, sentence):
    (tmp_path / "model_index.json").write_text(content)
    with pytest.raises(UserError, match=sentence):
        CheckpointFolder(tmp_path)


def test_a_class_that_is_no_pair_is_named(tmp_path):
    index = {"_class_name": "AmusedPipeline", "tokenizer": "CLIPTokenizer"}
    (tmp_path / "model_index.json").write_text(json.dumps(index))
    with pytest.raises(UserError, match="pair of library and class name"):
        CheckpointFolder(tmp_path).class_of("tokenizer")
