"""A run in pieces is the run in one: the same weights, averages and codebook, bit for bit."""

from dataclasses import replace

import lightning
import pytest
import torch

from src.errors import UserError
from src.masking.config import MaskingConfig
from src.training.checkpoint import seconds_trained, trained_state
from src.training.fit import fit, placed_on
from src.training.ranks import dealt_by
from src.training.rows import TokenRows
from src.training.token_cache import encode_scenes
from src.training.uvit_batches import UvitBatches
from src.training.uvit_module import UvitModule
from src.training.vqgan_module import VqganBatches, VqganModule


class Stop(lightning.Callback):
    """End a piece after so many steps, as the time limit would."""

    def __init__(self, after):
        self.after = after

    def on_train_batch_end(self, trainer, *_):
        trainer.should_stop = trainer.global_step >= self.after


def vqgan_run(world, parts, config):
    module = VqganModule(parts.image_tokenizer, config, seed=1)
    return module, VqganBatches(world, config, seed=1)


def uvit_run(world, parts, config, folder):
    scenes = encode_scenes(world, parts.image_tokenizer, parts.text_encoder, 64, 1, folder)
    dealt, settings = dealt_by(config), parts.transformer.config
    module = UvitModule(parts.transformer, parts.text_encoder, config, dealt)
    rows = TokenRows(scenes, seed=1)
    return module, UvitBatches(rows, settings, MaskingConfig(), config, seed=1, dealt=dealt)


class Interrupt(lightning.Callback):
    """Ctrl-C after the first step."""

    def on_train_batch_end(self, *_):
        raise KeyboardInterrupt


@pytest.fixture
def small_shards(monkeypatch):
    monkeypatch.setattr("src.training.token_cache.SHARD_SIZE", 64)


@pytest.mark.parametrize(
    ("model", "settings"),
    [
        ("vqgan", {}),
        ("uvit", {}),
        ("uvit", {"optimizer": "muon", "precision": "bf16-mixed", "num_workers": 1}),
        ("uvit", {"optimizer": "adamw_8bit", "batch_size": 2, "accumulation": 3}),
    ],
)
def test_a_run_in_pieces_ends_with_the_same_bits(
    model, settings, world, parts, config, tmp_path, small_shards
):
    config = replace(config, **settings)
    start = {name: each.clone() for name, each in parts.transformer.state_dict().items()}
    first = {name: each.clone() for name, each in parts.image_tokenizer.state_dict().items()}
    torch.set_num_threads(1)

    def run(folder, callbacks):
        parts.transformer.load_state_dict(start)
        parts.image_tokenizer.load_state_dict(first)
        if model == "vqgan":
            module, batches = vqgan_run(world, parts, config)
        else:
            module, batches = uvit_run(world, parts, config, tmp_path / "cache")
        steps = fit(module, batches, config, folder, callbacks)
        return steps, {name: each.clone() for name, each in module.state_dict().items()}

    steps, whole = run(tmp_path / "whole", [])
    assert steps == config.max_steps
    trained, part = ("vqgan", first) if model == "vqgan" else ("uvit", start)
    moved = [name for name in part if not torch.equal(whole[f"{trained}.{name}"], part[name])]
    assert len(moved) > len(part) / 2
    for name in moved:  # the average has moved too, and not as far
        average = whole[f"average.module.{name}"]
        assert not torch.equal(average, part[name]), name
        assert not torch.equal(average, whole[f"{trained}.{name}"]), name
    assert run(tmp_path / "pieces", [Stop(after=4)])[0] == 4
    steps, pieces = run(tmp_path / "pieces", [])
    assert steps == config.max_steps
    assert whole.keys() == pieces.keys()
    changed = [name for name in whole if not torch.equal(whole[name], pieces[name])]
    assert changed == []


def test_a_finished_run_is_not_trained_again(world, parts, config, tmp_path):
    module, batches = vqgan_run(world, parts, config)
    fit(module, batches, config, tmp_path)
    before = {name: each.clone() for name, each in module.vqgan.state_dict().items()}

    def draw_part(step, _):
        raise AssertionError(f"step {step} was drawn")

    assert fit(module, draw_part, config, tmp_path) == config.max_steps
    assert all(torch.equal(before[n], each) for n, each in module.vqgan.state_dict().items())


def test_fewer_steps_than_are_behind_it_are_refused(world, parts, config, tmp_path):
    module, batches = vqgan_run(world, parts, config)
    fit(module, batches, replace(config, max_steps=2), tmp_path)
    with pytest.raises(UserError, match=r"2 steps behind it.*max_steps=1"):
        fit(module, batches, replace(config, max_steps=1), tmp_path)


def test_minutes_are_those_of_one_piece_and_seconds_those_of_all(world, parts, config, tmp_path):
    """Under Lightning's own limit the second piece would be over before it begins."""
    often = replace(config, max_minutes=0.0)
    module, batches = vqgan_run(world, parts, config)
    seconds = [0.0]
    for step in (1, 2, 3):
        assert fit(module, batches, often, tmp_path) == step
        seconds.append(seconds_trained(tmp_path))
    assert seconds == sorted(set(seconds))


def test_a_loss_that_is_no_number_ends_the_run_before_a_checkpoint(world, parts, config, tmp_path):
    module, batches = vqgan_run(world, parts, config)
    with torch.no_grad():
        module.vqgan.decoder.head.bias.fill_(float("nan"))
    with pytest.raises(FloatingPointError, match=r"training\.learning_rate"):
        fit(module, batches, replace(config, checkpoint_every=1), tmp_path)
    assert not list(tmp_path.rglob("*.ckpt"))


def test_a_gradient_that_is_no_number_ends_the_run_with_whole_weights(
    world, parts, config, tmp_path
):
    module, batches = vqgan_run(world, parts, config)
    module.vqgan.decoder.head.bias.register_hook(
        lambda gradient: gradient * (float("nan") if module.global_step == 2 else 1)
    )
    with pytest.raises(FloatingPointError, match=r"the gradient's norm is nan at step 3"):
        fit(module, batches, replace(config, checkpoint_every=1), tmp_path)
    assert len(list(tmp_path.rglob("*.ckpt"))) == 2
    assert all(each.isfinite().all() for each in trained_state(tmp_path).values())


def test_a_device_is_told_to_lightning_in_its_words():
    assert placed_on("cpu") == {"accelerator": "cpu", "devices": 1}
    assert placed_on("cuda") == {"accelerator": "gpu", "devices": [0]}
    assert placed_on("cuda:2") == {"accelerator": "gpu", "devices": [2]}


def test_ctrl_c_ends_a_training_as_an_interruption(world, parts, config, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        fit(*vqgan_run(world, parts, config), config, tmp_path, [Interrupt()])


@pytest.mark.parametrize("after", [2, 3, 4, 6])
def test_the_progress_bar_of_a_run_that_goes_on_counts_all_its_steps(
    after, world, parts, config, tmp_path
):
    module, batches = vqgan_run(world, parts, config)
    fit(module, batches, config, tmp_path, [Stop(after)])
    seen = []

    class Look(lightning.Callback):
        def on_train_batch_end(self, trainer, *_):
            bar = trainer.progress_bar_callback.train_progress_bar
            seen.append((bar.initial, bar.total, bar.n))

    fit(module, batches, replace(config, max_steps=9), tmp_path, [Look()])
    assert [(initial, total) for initial, total, _ in seen] == [(after, 9)] * (9 - after)
    assert seen[-1][2] == 9
