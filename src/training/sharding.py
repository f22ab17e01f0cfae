"""A model's weights shared out to the processes of a training (FSDP2), for cards too small for all.

Every process holds a part of every weight, of its average and of the optimizer's numbers; a layer's
weights are gathered when it runs and given back at once, the root's too, so that between two passes
all of them are parts.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from lightning.pytorch.strategies import ModelParallelStrategy, ParallelStrategy
from torch import Tensor, nn
from torch.distributed.checkpoint.state_dict import (
    StateDictOptions,
    get_optimizer_state_dict,
    set_model_state_dict,
    set_optimizer_state_dict,
)
from torch.distributed.device_mesh import DeviceMesh
from torch.distributed.fsdp import FSDPModule, fully_shard
from torch.distributed.tensor import DTensor
from torch.nn.utils import get_total_norm
from torch.optim import Optimizer

from src.training.config import TrainingConfig


def strategy_of(config: TrainingConfig, num_ranks: int):
    """Lightning's strategy: one process, the whole model in each (ddp), or parts of it (fsdp)."""
    if num_ranks == 1:
        return "auto"
    return "ddp" if config.strategy.name == "ddp" else SharedWeights(num_ranks)


class SharedWeights(ModelParallelStrategy):
    """Shared weights, and checkpoints in one file that any other strategy can go on with.

    Lightning's own numbers an optimizer's states in the order of the model's parameters; torch goes
    by the optimizer's groups, and so does what one process saves. It also reads files by itself,
    where here our plugin reads them.
    """

    def __init__(self, num_ranks: int):
        super().__init__(num_ranks, tensor_parallel_size=1, save_distributed_checkpoint=False)

    def optimizer_state(self, optimizer: Optimizer) -> dict[str, Any]:
        """As torch's `state_dict` of the whole, on the first process; nothing on the others."""
        optimizer = getattr(optimizer, "_optimizer", optimizer)  # Lightning wraps it
        options = StateDictOptions(full_state_dict=True, cpu_offload=True)
        whole = get_optimizer_state_dict(self.model, optimizer, options=options)
        if not self.is_global_zero:
            return {}
        number = {name: place for place, name in enumerate(self._names(optimizer))}
        return _renamed(whole, number)

    def load_checkpoint(self, checkpoint_path, weights_only: bool | None = None) -> dict[str, Any]:
        """Every process takes its parts out of the file."""
        checkpoint = ParallelStrategy.load_checkpoint(self, checkpoint_path, weights_only)
        options = StateDictOptions(full_state_dict=True)
        set_model_state_dict(self.model, checkpoint["state_dict"], options=options)
        for optimizer, state in zip(self.optimizers, checkpoint["optimizer_states"], strict=True):
            name = dict(enumerate(self._names(optimizer)))
            named = _renamed(state, name)
            set_optimizer_state_dict(self.model, optimizer, named, options=options)
        return checkpoint

    def _names(self, optimizer: Optimizer) -> list[str]:
        """The parameters' names in the order in which torch numbers them."""
        name = {parameter: name for name, parameter in self.model.named_parameters()}
        return [name[each] for group in optimizer.param_groups for each in group["params"]]


def _renamed(state: dict[str, Any], new: dict) -> dict[str, Any]:
    groups = [
        group | {"params": [new[each] for each in group["params"]]}
        for group in state["param_groups"]
    ]
    return {"state": {new[key]: each for key, each in state["state"].items()}} | {
        "param_groups": groups
    }


def share_weights(model: nn.Module, layers: Iterable[nn.Module], mesh: DeviceMesh) -> None:
    """Leave each process its part of the model's weights, layer by layer; in place."""
    for layer in layers:
        fully_shard(layer, mesh=mesh)
    fully_shard(model, mesh=mesh, reshard_after_forward=True)


def is_shared(model: nn.Module) -> bool:
    """Whether each process holds only its part: all of them have to run it, or none."""
    return isinstance(model, FSDPModule)


@contextmanager
def gathered(model: nn.Module) -> Iterator[None]:
    """Have shared weights whole inside the block, also for methods other than `forward`.

    All processes enter, and all run the model in it alike: torch counts its uses.
    """
    parts = [each for each in model.modules() if is_shared(each)]
    for part in parts:
        part.set_reshard_after_forward(False, recurse=False)
        part.unshard()
    try:
        yield
    finally:
        for part in parts:
            part.set_reshard_after_forward(True, recurse=False)
            part.reshard()


@torch.no_grad()
def gradient_norm(module: nn.Module) -> Tensor:
    """Norm of all gradients of a module, those of other processes' parts included; a scalar."""
    gradients = [each.grad for each in module.parameters() if each.grad is not None]
    norm = get_total_norm(gradients)
    return norm.full_tensor() if isinstance(norm, DTensor) else norm
