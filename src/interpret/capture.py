"""Read the numbers of named sites while the model runs, or put others in their place.

Reading changes no number. A site is named as `interpret.sites` says; nothing else is kept.

    with capture(amused, "layers.*.text_attention.weights") as captured:
        amused.generate(prompt, seeds=0)
    captured["layers.0.text_attention.weights"][0]  # of the first step

Dimensions: batch, seq or words, heads, keys.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from itertools import count
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from src.amused import Amused
from src.errors import UserError, shown
from src.interpret.sites import Site, find_sites
from src.transformer.blocks import Attention
from src.transformer.kept import Kept, bare, through

Captured = dict[str, list[Tensor]]  # of each site what it held, an entry each time it ran
Change = Callable[[Tensor, int], Tensor]  # what a site holds, the how manieth time (from 0) -> new


@contextmanager
def capture(
    amused: Amused,
    names: Any,
    keep: Callable[[Tensor], Tensor] | None = None,
) -> Iterator[Captured]:
    """Keep what the named sites hold, on the CPU, while the context is open.

    names: one name or several, as `find_sites` takes them.
    keep: what of it, such as a mean over the heads, where all would fill the memory; None = all.
    Raises UserError for a name that no site has.
    """
    sites = find_sites(amused, names)
    captured: Captured = {site.name: [] for site in sites}

    def store(name: str, held: Tensor) -> None:
        held = held.detach()
        captured[name].append((held if keep is None else keep(held)).cpu().clone())

    with ExitStack() as stack:
        for site in sites:
            stack.callback(_read(site, partial(store, site.name)).remove)
        yield captured


@contextmanager
def replaced(amused: Amused, changes: Mapping[str, Any]) -> Iterator[None]:
    """Let the model go on with what each change makes of its site, while the context is open.

    Raises UserError for a name that no site has, for `.weights`, which are only read, for a change
    that is no function, and, where the model runs, for one that gives no tensor of the same shape.
    """
    with ExitStack() as stack:
        for name, change in changes.items():
            if not callable(change):
                raise UserError(
                    f"the change of {shown(name)} is {shown(change)}; give a function of what the "
                    "site holds and the number of the call, as lambda held, call: 0 * held."
                )
            for site in find_sites(amused, name):
                stack.callback(_write(site, change).remove)
        yield


def attention_weights(
    attention: Attention,
    states: Float[Tensor, "batch seq dim"],
    context: Float[Tensor, "batch keys context"] | Kept,
) -> Float[Tensor, "batch heads seq keys"]:
    """softmax(Q K^T / sqrt(width)), in float32: what the fused kernel computes and does not say."""
    query = attention.query(states).unflatten(-1, (attention.heads, -1)).transpose(1, 2)
    key = bare(through(attention.key, context)).unflatten(-1, (attention.heads, -1)).transpose(1, 2)
    scores = query.float() @ key.float().transpose(-1, -2) / query.shape[-1] ** 0.5
    return scores.softmax(dim=-1)


def _read(site: Site, store: Callable[[Tensor], None]) -> RemovableHandle:
    if site.kind == "heads":

        def on_input(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            store(inputs[0].unflatten(-1, (site.module.heads, -1)))

        return site.module.out.register_forward_pre_hook(on_input)

    def on_output(module: nn.Module, inputs: Any, named: dict[str, Any], output: Any) -> None:
        if site.kind == "output":
            store(_states(output))
        elif isinstance(module, Attention):
            store(attention_weights(module, *inputs))
        else:
            store(_clip_weights(module, inputs[0] if inputs else named["hidden_states"]))

    return site.module.register_forward_hook(on_output, with_kwargs=True)


def _write(site: Site, change: Change) -> RemovableHandle:
    calls = count()
    if site.kind == "weights":
        raise UserError(
            f"{site.name} can only be read: replace {site.name.removesuffix('weights')}heads, what "
            "the heads read by them."
        )
    if site.kind == "heads":

        def on_input(module: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
            heads = inputs[0].unflatten(-1, (site.module.heads, -1))
            return (_changed(site.name, change, heads, next(calls)).flatten(-2), *inputs[1:])

        return site.module.out.register_forward_pre_hook(on_input)

    def on_output(module: nn.Module, inputs: Any, output: Any) -> Any:
        new = _changed(site.name, change, _states(output), next(calls))
        return (new, *output[1:]) if isinstance(output, tuple) else new

    return site.module.register_forward_hook(on_output)


def _changed(name: str, change: Change, held: Tensor, call: int) -> Tensor:
    new = change(held, call)
    if not isinstance(new, Tensor):
        raise UserError(
            f"the change of {name} gives {shown(new)}; give back a tensor of the shape "
            f"{tuple(held.shape)}."
        )
    if new.shape != held.shape:
        raise UserError(
            f"the change of {name} gives the shape {tuple(new.shape)} where it holds "
            f"{tuple(held.shape)}; give as many numbers back."
        )
    return new.to(held)


def _states(output: Any) -> Tensor:
    """transformers' modules may give a tuple, the states first."""
    return output[0] if isinstance(output, tuple) else output


def _clip_weights(
    attention: nn.Module, states: Float[Tensor, "batch words dim"]
) -> Float[Tensor, "batch heads words words"]:
    """Of CLIP's causal self-attention, in float32."""
    query, key = (
        projection(states).unflatten(-1, (attention.num_heads, -1)).transpose(1, 2).float()
        for projection in (attention.q_proj, attention.k_proj)
    )
    scores = query @ key.transpose(-1, -2) * attention.scale
    is_later = torch.ones(scores.shape[-2:], dtype=torch.bool, device=scores.device).triu(1)
    return scores.masked_fill(is_later, -torch.inf).softmax(dim=-1)
