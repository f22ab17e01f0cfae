"""An adapter written and read again is the same one, as strong as it was or as asked for."""

import json
import warnings

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from src.adapters.file import load_lora, lora_tensors, save_lora
from src.adapters.lora import has_lora, merge_lora, remove_lora, strengths, without_lora
from src.amused import Amused
from src.errors import UserError

NAME = "pytorch_lora_weights.safetensors"


def header(path) -> dict:
    with safe_open(path, "pt") as file:
        return json.loads(file.metadata()["lora_adapter_metadata"])


@pytest.mark.parametrize("has_text_encoder", [False, True])
@pytest.mark.parametrize("as_folder", [False, True])
def test_written_and_read_it_gives_the_same_bits(
    build, outputs, adapt, tmp_path, has_text_encoder, as_folder
):
    adapted, fresh = build(), build()
    adapt(adapted, has_text_encoder=has_text_encoder, alpha=5.0)
    path = save_lora(adapted, tmp_path / "new" / "folder")
    assert path == tmp_path / "new" / "folder" / NAME
    load_lora(fresh, path.parent if as_folder else str(path))
    assert torch.equal(outputs(fresh), outputs(adapted))
    assert fresh.weights_hash == adapted.weights_hash


def test_the_files_names_are_the_published_ones(system, adapt, tmp_path):
    adapt(system, rank=2, alpha=8.0, has_text_encoder=True, targets=["query", "out"])
    path = save_lora(system, tmp_path)
    shapes = {name: tuple(tensor.shape) for name, tensor in load_file(path).items()}
    assert len(shapes) == 2 * 2 * (8 + 2)
    assert shapes["transformer.transformer_layers.1.attn2.to_q.lora_A.weight"] == (2, 16)
    assert shapes["transformer.up_block.attention_blocks.0.attn1.to_out.0.lora_B.weight"] == (20, 2)
    assert shapes["text_encoder.text_model.encoder.layers.0.self_attn.q_proj.lora_A.weight"] == (
        (2, 24)
    )
    assert header(path) == {
        "transformer.r": 2,
        "transformer.lora_alpha": 8.0,
        "transformer.target_modules": ["to_out.0", "to_q"],
        "text_encoder.r": 2,
        "text_encoder.lora_alpha": 8.0,
        "text_encoder.target_modules": ["out_proj", "q_proj"],
    }


def test_a_scale_counts_in_addition_to_alpha_and_is_not_saved(
    system, outputs, adapt, distance, tmp_path
):
    base = outputs(system)
    adapt(system, rank=4, alpha=8.0)
    full = outputs(system)
    path = save_lora(system, tmp_path / "one")
    outcomes = {}
    for scale in (0, 0.5, 1.0, 2.0):
        remove_lora(system)
        load_lora(system, path, scale)
        assert strengths(system) == {"transformer": scale * 2}
        outcomes[scale] = outputs(system)
    assert torch.equal(outcomes[0], base)
    assert torch.equal(outcomes[1.0], full)
    assert distance(full, outcomes[0.5]) > 1e-3
    assert distance(full, outcomes[2.0]) > 1e-3
    again = save_lora(system, tmp_path / "two")  # loaded at 2.0
    assert header(again) == header(path)


def test_a_scale_is_merged_in(system, outputs, adapt, distance, tmp_path):
    adapt(system)
    path = save_lora(system, tmp_path)
    remove_lora(system)
    load_lora(system, path, 0.3)
    adapted = outputs(system)
    merge_lora(system)
    assert distance(adapted, outputs(system)) <= 2e-6


@pytest.mark.parametrize("scale", [float("nan"), float("inf"), 101])
def test_an_impossible_scale_is_refused(system, tmp_path, scale):
    with pytest.raises(UserError, match=rf"scale={scale} is impossible; give a number from -100"):
        load_lora(system, tmp_path, scale)


def test_a_file_without_alpha_is_read_at_its_rank_with_a_warning(build, adapt, outputs, tmp_path):
    told, silent = build(), build()
    adapt(told, rank=4, alpha=4.0)
    save_file(lora_tensors(told), tmp_path / NAME)
    with pytest.warns(UserWarning, match=r"does not tell the alpha .* its rank 4, as diffusers"):
        load_lora(silent, tmp_path)
    assert strengths(silent) == {"transformer": 1.0}
    assert torch.equal(outputs(silent), outputs(told))


def test_a_complete_file_is_read_without_a_warning(build, adapt, tmp_path):
    system = build()
    adapt(system)
    save_lora(system, tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        load_lora(build(), tmp_path)


def test_a_file_for_the_text_encoder_alone_is_read(build, adapt, outputs, distance, tmp_path):
    system = build()
    base = outputs(system)
    adapt(system, has_text_encoder=True)
    tensors = {n: t for n, t in lora_tensors(system).items() if n.startswith("text_encoder.")}
    save_file(tensors, tmp_path / NAME)
    other = build()
    with pytest.warns(UserWarning, match="text_encoder"):
        load_lora(other, tmp_path)
    assert list(strengths(other)) == ["text_encoder"]
    assert distance(base, outputs(other)) > 1e-4


def test_without_an_adapter_there_is_nothing_to_write(system, tmp_path):
    with pytest.raises(UserError, match="carries no adapter"):
        save_lora(system, tmp_path)
    assert lora_tensors(system) == {}


def test_a_file_in_the_folders_place_is_a_sentence(system, adapt, tmp_path):
    adapt(system)
    (tmp_path / "taken").write_text("")
    with pytest.raises(UserError, match="taken"):
        save_lora(system, tmp_path / "taken")


def test_a_second_write_replaces_the_first_whole(system, adapt, tmp_path):
    adapt(system, seed=1)
    first = save_lora(system, tmp_path).read_bytes()
    remove_lora(system)
    adapt(system, seed=2)
    assert save_lora(system, tmp_path).read_bytes() != first
    assert [path.name for path in tmp_path.iterdir()] == [NAME]


def test_a_second_adapter_is_refused(system, adapt, tmp_path):
    adapt(system)
    save_lora(system, tmp_path)
    with pytest.raises(UserError, match="carries an adapter already"):
        load_lora(system, tmp_path)


# ---- as a method of the assembled system


def test_people_load_merge_and_save(build, adapt, outputs, distance, tmp_path):
    trained, system = build(), build()
    adapt(trained, has_text_encoder=True)
    save_lora(trained, tmp_path / "adapter")
    base_hash, base = system.weights_hash, outputs(system)

    system.load_lora(tmp_path / "adapter")
    adapted_hash, adapted = system.weights_hash, outputs(system)
    with pytest.raises(UserError, match=r"no place: call merge_lora\(\) first"):
        system.save_pretrained(tmp_path / "model")
    assert not (tmp_path / "model").exists()
    system.merge_lora()
    system.save_pretrained(tmp_path / "model")

    opened = Amused.from_pretrained(tmp_path / "model")
    assert distance(adapted, outputs(opened)) <= 2e-6
    assert distance(base, outputs(opened)) > 0.01
    assert opened.weights_hash == system.weights_hash
    assert len({base_hash, adapted_hash, system.weights_hash}) == 3


def test_the_weights_hash_tells_adapters_and_scales_apart(build, adapt, tmp_path):
    hashes = {build().weights_hash}
    for seed in (1, 2):
        trained = build()
        adapt(trained, seed=seed)
        save_lora(trained, tmp_path / str(seed))
        for scale in (1.0, 0.5):
            system = build()
            system.load_lora(tmp_path / str(seed), scale=scale)
            hashes.add(system.weights_hash)
    assert len(hashes) == 5
    system.merge_lora()
    assert system.weights_hash not in hashes


def test_removed_it_leaves_the_hash_of_the_base(system, adapt):
    base_hash = system.weights_hash
    adapt(system)
    assert system.weights_hash != base_hash
    with without_lora(system):
        assert has_lora(system)
    remove_lora(system)
    assert system.weights_hash == base_hash


def test_an_adapter_changes_the_pictures(build, adapt, tmp_path):
    trained, system = build(), build()
    adapt(trained, alpha=64.0)
    save_lora(trained, tmp_path)
    before = system.generate("a red heart", seeds=1, num_steps=4).token_ids
    system.load_lora(tmp_path)
    assert not torch.equal(system.generate("a red heart", seeds=1, num_steps=4).token_ids, before)
