"""A recorded generation drawn again from its seeds, and held against its record bit for bit."""

import torch

from src.amused import Amused
from src.errors import UserError
from src.filling import Asked, How, fill, rows_from
from src.generation import Generation
from src.interpret.ask_again import canvas_before, check_same_model, trace_of
from src.interpret.trace_file import SavedTrace
from src.sampler.passes import seeded_passes


def replay(saved: SavedTrace, amused: Amused) -> Generation:
    """Run the model again as the file says, an edit from the tokens that it kept.

    The pictures are those of the tokens alone: the file has no pixels to put them into.
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
    how = How(num_top=None if thought is None else thought.top_ids.shape[-1])
    passes = seeded_passes(recipe.seeds, amused.pictures_per_pass)
    asked = Asked(rows_from(amused.text_encoder, recipe), recipe, passes, how)
    start = canvas_before(saved.trace, 1, amused.transformer.mask_token_id)
    with torch.no_grad():
        trace = fill(amused, asked, start)
    token_ids = trace.token_ids[-1]
    images = amused.decode_tokens(token_ids)
    return Generation(images, token_ids, recipe.seeds, trace, recipe)


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
