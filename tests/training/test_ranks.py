"""Two processes that share a training do what one does with the same global batch."""

import os
import socket
import traceback
from dataclasses import replace

import pytest
import torch
from lightning.fabric.utilities.rank_zero import rank_zero_only

from src.report.curves import read_curves
from src.training.bad_rows import name_of_list
from src.training.checkpoint import trained_state
from src.training.fit import fit
from src.training.run_identity import run_identity
from tests.training.test_fit import uvit_run

NUM_STEPS = 30


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def in_processes(work, num_ranks: int, status: int = 0) -> None:
    """Fork processes as torchrun would start them, each with one thread; how all of them end."""
    port, children = free_port(), []
    for rank in range(num_ranks):
        child = os.fork()
        if child:
            children.append(child)
            continue
        ended = 1
        try:
            torch.set_num_threads(1)
            if num_ranks > 1:
                told = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": num_ranks}
                told |= {"LOCAL_WORLD_SIZE": num_ranks, "GROUP_RANK": 0}
                told |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
                told |= {"TORCHELASTIC_RUN_ID": "test"}
                os.environ.update({key: str(value) for key, value in told.items()})
                rank_zero_only.rank = rank
            work()
            ended = 0
        except SystemExit as error:
            ended = error.code
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(ended)
    found = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    assert found == [status] * num_ranks


@pytest.fixture
def learn(world, parts, config, tmp_path, monkeypatch):
    """Train on cached tokens, dealt out in some way; the loss of every step and the weights."""
    monkeypatch.setattr("src.training.token_cache.SHARD_SIZE", 64)
    uvit_run(world, parts, config, tmp_path / "cache")  # encoded once, before processes race

    def run(name: str, **changes) -> tuple[list[float], dict]:
        settings = replace(config, max_steps=NUM_STEPS, checkpoint_every=7, **changes)
        folder = tmp_path / name

        def work() -> None:
            module, batches = uvit_run(world, parts, settings, tmp_path / "cache")
            fit(module, batches, settings, folder, device="cpu")

        in_processes(work, settings.num_devices)
        curves = read_curves(sorted(folder.glob("csv_from_*/metrics.csv")))
        return list(curves["loss"].values), trained_state(folder)

    return run


@pytest.mark.parametrize(
    "dealt",
    [
        {"batch_size": 4, "num_devices": 2},
        {"batch_size": 2, "num_devices": 2, "accumulation": 2},
        {"batch_size": 2, "accumulation": 4},
    ],
    ids=["two processes", "two processes in parts", "parts"],
)
@pytest.mark.parametrize(("precision", "rel"), [("32-true", 1e-5), ("64-true", 1e-9)])
def test_the_loss_curve_is_that_of_one_process_with_the_same_global_batch(
    learn, dealt, precision, rel
):
    losses, weights = learn("one", batch_size=8, precision=precision)
    shared_losses, shared_weights = learn("shared", **dealt, precision=precision)
    assert len(losses) == len(shared_losses) == NUM_STEPS
    assert shared_losses == pytest.approx(losses, rel=rel)
    assert losses[-1] < losses[0] - 0.05  # it did learn something
    for name, tensor in weights.items():
        assert torch.allclose(shared_weights[name], tensor, atol=1e-4), name


def test_upstreams_mean_over_ranks_is_another_curve(learn):
    losses, _ = learn("one", batch_size=8)
    other, _ = learn("other", batch_size=1, accumulation=8, loss_mean="per_rank")
    assert other != pytest.approx(losses, rel=1e-4)


def test_a_run_goes_on_with_another_number_of_processes(learn, config, world):
    """It is the global batch that decides what a run learns."""
    one = run_identity(world.config, replace(config, batch_size=8), seed=0)
    two = run_identity(world.config, replace(config, batch_size=4, num_devices=2), seed=0)
    other = run_identity(world.config, replace(config, batch_size=4), seed=0)
    assert one == two != other


def test_every_process_keeps_a_list_of_its_own():
    assert name_of_list(0) == "bad_rows.jsonl"
    assert name_of_list(1) == "bad_rows_rank1.jsonl"
