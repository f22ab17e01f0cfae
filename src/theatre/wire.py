"""A branch as it goes to the browser: once, whole, in small JSON and raw bytes.

Every array is sent little-endian, state by state and position by position, under its name in
`Seen`; counts and ids as int32, probabilities and nats as float32.
"""

from typing import Any

import numpy as np
import torch

from src.interpret.branch import told_by
from src.theatre.changes import Change
from src.theatre.stage import Node


def facts(node: Node, number: int) -> dict[str, Any]:
    """All of a branch but its arrays and pictures."""
    branch, sampler = node.branch, node.branch.recipe.sampler
    steps = range(branch.num_steps + 1)
    prompts = [told_by(branch.recipe, branch.until(step)).recipe.prompts[0] for step in steps]
    seed = told_by(branch.recipe, branch.history).recipe.seeds[0]  # in force at the end
    return {
        "number": number,
        "parent": node.parent,
        "after_step": node.after_step,
        "words": node.words,
        "prompts": prompts,  # what is said when the next step begins, a state each
        "seed": str(seed),  # as text: a browser's numbers end at 2^53
        "num_steps": branch.num_steps,
        "guidance_scale": sampler.guidance_scale,
        "schedule": sampler.schedule,
        "sampler": sampler.name,
        "grid": list(branch.grid),
        "num_top": node.seen.top_ids.shape[-1],
        "token_ids": branch.token_ids.flatten().tolist(),
    }


def arrays(node: Node) -> dict[str, bytes]:
    """What `seen` found, as raw bytes."""
    return {name: raw(field) for name, field in node.seen._asdict().items()}


def raw(field: torch.Tensor) -> bytes:
    """The numbers of a tensor in four bytes each."""
    kind = np.dtype("<f4" if field.is_floating_point() else "<i4")
    return field.contiguous().numpy().astype(kind).tobytes()


def plain(change: Change) -> dict[str, Any]:
    """A change that was asked for."""
    row, column = change.position or (None, None)
    return {
        "kind": change.kind,
        "row": row,
        "column": column,
        "code": change.code,
        "prompt": change.prompt,
    }
