"""Processes that share the weights out among them learn what one process learns."""

from dataclasses import replace

import pytest
import torch

from src.amused import Amused
from src.errors import UserError
from src.report.curves import read_curves
from src.training.check import check_training
from src.training.checkpoint import averaged_weights
from src.training.config import StrategyConfig, TrainingConfig
from src.training.fit import fit
from src.training.health import HealthMonitor
from src.training.health_callback import Health
from src.training.health_config import HealthConfig
from src.training.samples import SamplePictures, Shown
from tests.training.test_fit import Stop, uvit_run
from tests.training.test_ranks import in_processes

FSDP = StrategyConfig("fsdp")
SHARED = {"batch_size": 4, "num_devices": 2, "strategy": FSDP}


@pytest.fixture
def learn(world, parts, config, tmp_path, monkeypatch):
    """Train pieces one after the other; the losses of all steps, the weights, what was checked."""
    monkeypatch.setattr("src.training.token_cache.SHARD_SIZE", 64)
    uvit_run(world, parts, config, tmp_path / "cache")

    def run(name, *pieces, check=lambda module: None):
        folder = tmp_path / name
        for last, dealt in pieces:
            settings = replace(config, max_steps=12, checkpoint_every=100, **dealt)

            def work(settings=settings, last=last) -> None:
                module, batches = uvit_run(world, parts, settings, tmp_path / "cache")
                health = HealthConfig(probe_every=3)
                uvit = parts.transformer
                codes = uvit.config.codebook_size
                monitor = HealthMonitor(codes, uvit.mask_token_id, 0.1, health)
                system = Amused(module.averaged, parts.image_tokenizer, parts.text_encoder)
                told = [
                    Health(monitor),
                    SamplePictures(Shown(["a red heart"] * 2, 2.0), system, 5, folder),
                    *([Stop(last)] if last < 12 else []),
                ]
                fit(module, batches, settings, folder, told, device="cpu")
                check(module)

            in_processes(work, settings.num_devices)
        curves = read_curves(sorted(folder.glob("csv_from_*/metrics.csv")))
        return list(curves["loss"].values), averaged_weights(folder, "uvit")

    return run


def holds_half(module) -> None:
    whole = sum(p.numel() for p in module.uvit.parameters())
    here = sum(p.to_local().numel() for p in module.uvit.parameters())
    averages = sum(p.to_local().numel() for p in module.averaged.parameters())
    state = [each for each in module.optimizers().state.values()]
    moments = sum(each["exp_avg"].to_local().numel() for each in state)
    assert here == averages == moments
    assert here < 0.6 * whole


@pytest.mark.parametrize("changes", [{}, {"batch_size": 2, "accumulation": 2}, {"ema_decay": 0.0}])
def test_weights_averages_and_optimizer_are_shared_and_the_losses_those_of_one(learn, changes):
    losses, weights = learn("one", (12, changes | {"batch_size": 8, "accumulation": 1}))
    shared_losses, shared = learn("shared", (12, SHARED | changes), check=holds_half)
    assert shared_losses == pytest.approx(losses, rel=1e-5)
    for name, tensor in weights.items():
        assert torch.allclose(shared[name], tensor, atol=1e-4), name


def test_a_run_goes_on_as_another_strategy_and_back(learn):
    losses, _ = learn("one", (12, {"batch_size": 8}))
    there, ddp = SHARED, SHARED | {"strategy": StrategyConfig()}
    mixed, _ = learn("mixed", (4, {"batch_size": 8}), (6, there), (9, ddp), (12, there))
    assert mixed == pytest.approx(losses, rel=1e-5)


@pytest.mark.parametrize(
    "changes",
    [
        {"num_devices": 1},
        {"optimizer": "muon"},
        {"method": "lora"},
        {"precision": "16-mixed"},
        {"compile": True},
        {"strategy": StrategyConfig("zero")},
    ],
)
def test_what_needs_whole_weights_is_refused(changes):
    shared = TrainingConfig(num_devices=2, strategy=FSDP)
    check_training(shared)
    (key,) = changes
    with pytest.raises(UserError, match=key):
        check_training(replace(shared, **changes))
