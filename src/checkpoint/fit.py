"""Put a file's tensors into a module, all of them and nothing else."""

from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from src.errors import UserError

Renamed = Callable[[Mapping[str, Tensor]], dict[str, Tensor]]

# Transformers before 4.31 saved this table of 0, 1, 2, ...; it is made, not learned.
IGNORED_ENDINGS = (".position_ids",)


def fit(
    module: nn.Module,
    tensors: Mapping[str, Tensor],
    path: Path,
    dtype: torch.dtype,
    to_published: Renamed,
    from_published: Renamed,
) -> None:
    """Make the tensors, as `dtype`, the module's own; it may have been built on the meta device.

    tensors: by their published names; path: the file they came from, for the message.
    to_published, from_published: rename a state dict of this kind of module.

    Raises UserError when a tensor is missing, is one too many, or has another shape.
    """
    given = {name: t for name, t in tensors.items() if not name.endswith(IGNORED_ENDINGS)}
    _check(given, to_published(module.state_dict()), path)
    state = {name: t.to(dtype) for name, t in from_published(given).items()}
    module.load_state_dict(state, assign=True)


def _check(given: Mapping[str, Tensor], wanted: Mapping[str, Tensor], path: Path) -> None:
    remedy = "the two are not of one checkpoint; copy both again"
    if missing := sorted(wanted.keys() - given.keys()):
        raise UserError(
            f"{path} lacks {_some(missing)}, which the configuration beside it asks for: {remedy}"
        )
    if extra := sorted(given.keys() - wanted.keys()):
        raise UserError(
            f"{path} holds {_some(extra)}, for which the configuration beside it has no place: "
            f"{remedy}"
        )
    for name, tensor in given.items():
        if tensor.shape != wanted[name].shape:
            raise UserError(
                f"{path} holds '{name}' with shape {tuple(tensor.shape)}, and the configuration "
                f"beside it asks for {tuple(wanted[name].shape)}: {remedy}"
            )


def _some(names: list[str]) -> str:
    rest = f" and {len(names) - 1} more" if len(names) > 1 else ""
    return f"'{names[0]}'{rest}"
