"""What becomes of the picture? A drawing patched in every step with what another drawing held.

The same noise draws the clean prompt's picture, the corrupt one's, and the corrupt one's with parts
of the clean one's passes put in its place, step by step. The canvases go apart as tokens do, so
from the second step on a part comes from another canvas than it is put into: a patch says what it
carries, but its effect is not separated from what an earlier step did. `interpret.patching`
measures at one canvas, where it is.

Dimensions: height, width (in tokens), patches.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from src.amused import Amused
from src.errors import UserError, shown
from src.interpret.capture import Change, capture, replaced
from src.interpret.patching import Patch, changed_words, patched_text


class PatchedPictures(NamedTuple):
    """On one noise; distances are Hamming's: the share of tokens that differ, 0..1."""

    names: tuple[str, ...]  # of the patches
    clean: Int[Tensor, "height width"]
    corrupt: Int[Tensor, "height width"]
    token_ids: Int[Tensor, "patches height width"]  # of the corrupt prompt, patched

    @property
    def from_clean(self) -> Float[Tensor, "patches"]:
        return (self.token_ids != self.clean).float().mean(dim=(1, 2))

    @property
    def from_corrupt(self) -> Float[Tensor, "patches"]:
        return (self.token_ids != self.corrupt).float().mean(dim=(1, 2))

    @property
    def apart(self) -> float:
        """How far apart the two unpatched pictures are."""
        return float((self.clean != self.corrupt).float().mean())


@torch.no_grad()
def patched_pictures(
    amused: Amused,
    clean: str,
    corrupt: str,
    patches: Mapping[str, Patch],
    seed: int,
    **drawing: Any,
) -> PatchedPictures:
    """Draw both prompts, and the corrupt one with each patch from the clean one.

    drawing: more for `Amused.generate`, such as num_steps. What the model says without the prompt
        is never patched.
    Raises UserError as `patching.changed_words` and `Amused.generate`, and for no patches.
    """
    if not patches:
        raise UserError(f"patches={shown(patches)} is empty; name one or more.")
    changed_words(amused, clean, corrupt)
    texts = [amused.encode_prompts(prompt) for prompt in (clean, corrupt)]
    settings = {"seeds": [seed], "record": False, **drawing}

    def drawn(told: Any) -> Int[Tensor, "height width"]:
        return amused.generate(told, **settings).token_ids[0].cpu()

    sites = {site for patch in patches.values() for site in patch.sites}
    with capture(amused, sites) as held:
        clean_ids = drawn(texts[0])
    found, size = [], amused.pictures_per_pass
    for patch in patches.values():
        changes = {name: _put_each(held[name], size) for name in patch.sites}
        with replaced(amused, changes):
            found.append(drawn(patched_text(texts[1], texts[0], patch)))
    return PatchedPictures(tuple(patches), clean_ids, drawn(texts[1]), torch.stack(found))


def _put_each(source: list[Tensor], size: int) -> Change:
    """In each step the prompted rows, the last `size` ones, as they were in the same step."""

    def change(held: Tensor, call: int) -> Tensor:
        new = held.clone()
        new[-size:] = source[call][-size:].to(held)
        return new

    return change
