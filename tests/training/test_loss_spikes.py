"""A loss that jumps is told in words, once; noise, a falling loss and a resume are not."""

import warnings
from dataclasses import replace

import lightning
import pytest
import torch

from src.training.fit import fit
from src.training.loss_spikes import LEAST, WINDOW, LossSpikes, SpikeDetector
from tests.training.test_fit import Stop, uvit_run

NUM_STEPS, SPIKE = 40, 30


class HundredfoldRate(lightning.Callback):
    """The learning rate x 100 for three steps."""

    def on_before_optimizer_step(self, trainer, module, optimizer):
        if SPIKE <= trainer.global_step < SPIKE + 3:
            for group in optimizer.param_groups:
                group["lr"] = 100 * module.config.learning_rate


def alarms(losses) -> list[int]:
    detector = SpikeDetector()
    return [step for step, loss in enumerate(losses) if detector.update(loss)]


def test_a_jump_is_told_once_and_what_stays_is_the_new_level(rng):
    noise = torch.randn(400, generator=rng).mul(0.1).tolist()
    calm = [4 - 0.005 * step + each for step, each in enumerate(noise)]
    assert alarms(calm) == []
    assert alarms([*calm[:200], 9.0, *calm[201:]]) == [200]
    assert alarms(calm[:200] + [each + 4 for each in calm[200:]]) == [200]


def test_a_curve_without_noise_may_move_a_little():
    assert alarms([2.0] * 50 + [2.05] * 50) == []
    assert alarms([2.0] * 50 + [2.5] * 50) == [50]


def test_nothing_is_said_before_there_is_something_to_compare_with():
    assert alarms([2.0] * (LEAST - 1) + [9.0]) == []
    assert alarms([2.0] * LEAST + [9.0]) == [LEAST]


def test_the_window_is_bounded():
    detector = SpikeDetector()
    for _ in range(3 * WINDOW):
        detector.update(1.0)
    assert len(detector.losses) == WINDOW


@pytest.mark.parametrize(
    ("is_ill", "stops"),
    [(True, None), (True, SPIKE), (False, None)],
    ids=["in one piece", "resumed at the jump", "healthy"],
)
def test_a_rate_a_hundredfold_for_three_steps_is_told(
    stops, is_ill, world, parts, config, tmp_path, monkeypatch
):
    monkeypatch.setattr("src.training.token_cache.SHARD_SIZE", 64)
    torch.set_num_threads(1)
    settings = replace(config, max_steps=NUM_STEPS, checkpoint_every=100, learning_rate=1e-2)
    told = [HundredfoldRate()] if is_ill else []

    def run(callbacks) -> list[str]:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            module, batches = uvit_run(world, parts, settings, tmp_path / "cache")
            fit(module, batches, settings, tmp_path / "run", callbacks, "cpu")
        return [str(each.message) for each in caught if "the loss jumped" in str(each.message)]

    if stops:
        assert run([*told, Stop(stops)]) == []
    found = run(told)
    assert len(found) == is_ill
    for sentence in found:
        assert sentence.startswith(tuple(f"Step {SPIKE + late}:" for late in (1, 2, 3, 4)))
        assert "training.learning_rate=0.01" in sentence


def test_the_callback_keeps_its_window_in_checkpoints():
    first, second = LossSpikes(), LossSpikes()
    first.detector.losses = [1.0, 2.0]
    second.load_state_dict(first.state_dict())
    assert second.detector.losses == [1.0, 2.0]
