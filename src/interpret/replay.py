"""A recorded generation drawn again from its seeds, and held against its record bit for bit."""

import torch

from src.amused import Amused, Generation
from src.errors import UserError
from src.interpret.ask_again import check_same_model, trace_of
from src.interpret.trace_file import SavedTrace


def replay(saved: SavedTrace, amused: Amused) -> Generation:
    """Run the model again as the file says.

    Raises UserError where that cannot give the same: other weights, another precision, or a record
    that names no seeds or prompts.
    """
    recipe, dtype = saved.recipe, str(amused.dtype).removeprefix("torch.")
    if recipe.seeds is None or recipe.prompts is None or recipe.negative_prompts is None:
        raise UserError(
            "this trace was drawn from a generator or from encoded text, which no file can name; "
            "record it with prompts and seeds to replay it."
        )
    if saved.dtype != dtype:
        raise UserError(
            f"the trace was drawn in {saved.dtype} and this model is in {dtype}: open it with "
            f"dtype=torch.{saved.dtype}."
        )
    check_same_model(amused, saved)
    thought = saved.trace.opinion
    return amused.generate(
        recipe.prompts,
        recipe.negative_prompts,
        seeds=recipe.seeds,
        micro_cond=recipe.micro_cond,
        negative_micro_cond=recipe.negative_micro_cond,
        height=recipe.height,
        width=recipe.width,
        sampler=recipe.sampler,
        num_top=None if thought is None else thought.top_ids.shape[-1],
    )


def differences(saved: SavedTrace, again: Generation) -> list[str]:
    """The fields in which a replay is not its record to the last bit; empty = it is."""
    one, other = saved.trace, trace_of(again)
    always = [name for name in one._fields if name not in ("opinion", "corrector_margin")]
    pairs = {name: (getattr(one, name), getattr(other, name)) for name in always}
    if one.corrector_margin is not None and other.corrector_margin is not None:
        pairs["corrector_margin"] = (one.corrector_margin, other.corrector_margin)
    if one.opinion is not None and other.opinion is not None:
        pairs |= {
            f"opinion.{name}": (getattr(one.opinion, name), getattr(other.opinion, name))
            for name in one.opinion._fields
        }
    return [name for name, (mine, theirs) in pairs.items() if not torch.equal(mine, theirs)]
