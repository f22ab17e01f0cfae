"""What is to be seen of a branch after each step, laid out so that showing a step is a look-up.

Dimensions: states (0 = the start, then one a step), steps, seq (tokens of one image, row by row),
top (of the likeliest codes).
"""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from src.errors import UserError
from src.interpret.branch import Branch, last_asked

HIDDEN, KEPT, GIVEN, PINNED = range(4)  # what a token is after a step
NOTHING_YET = -1  # no code was drawn at this position


class Seen(NamedTuple):
    """Everything that a slider, a hover or a click asks about, without the model."""

    token_ids: Int[Tensor, "states seq"]  # kept or last drawn; NOTHING_YET before that
    states: Int[Tensor, "states seq"]  # HIDDEN, KEPT, GIVEN or PINNED
    asked: Int[Tensor, "states seq"]  # the last step so far that drew here; 0 = none did
    probability: Float[Tensor, "states seq"]  # 0..1, of that code when drawn; 0 where nobody's
    entropy: Float[Tensor, "states seq"]  # nats, when last drawn
    rank: Int[Tensor, "states seq"]  # of the code, when last drawn; 1 = the likeliest, 0 = nobody's
    top_ids: Int[Tensor, "steps seq top"]
    top_probs: Float[Tensor, "steps seq top"]  # 0..1; all 0 where the step drew nothing


class Token(NamedTuple):
    """One token after one step, as a hover shows it."""

    token_id: int
    state: int
    asked: int
    probability: float
    entropy: float
    rank: int
    top: list[tuple[int, float]]  # codes and their probabilities when last drawn, likeliest first


class Differing(NamedTuple):
    """Where two branches hold different codes; a position is in one of the two or in neither."""

    kept: Bool[Tensor, " seq"]  # both branches have settled on their code
    guesses: Bool[Tensor, " seq"]  # still hidden in one or both: what was last drawn, no more


def seen(branch: Branch) -> Seen:
    """Lay a branch out; raises UserError where its opinions were not recorded."""
    trace, opinion = branch.trace, branch.trace.opinion
    if opinion is None:
        raise UserError("this branch keeps no opinions: generate it with num_top=8, or any number.")
    asked = last_asked(branch)
    states = _states(branch)
    start = torch.where(trace.is_given, trace.drawn_ids[0], NOTHING_YET)
    is_nobodys = (states == GIVEN) | (states == PINNED) | (asked == 0)
    at = (asked[1:] - 1).clamp(min=0)  # asked is 0 at the start, where all is 0

    def when_asked(field: Tensor) -> Tensor:
        values = field.flatten(1).gather(0, at).masked_fill(asked[1:] == 0, 0)
        return torch.cat([torch.zeros_like(values[:1]), values])

    probability = torch.cat([torch.zeros(1, asked.shape[1]), trace.confidence.flatten(1).exp()])
    top_ids, top_log_probs = opinion.top_ids.flatten(1, 3), opinion.top_log_probs.flatten(1, 3)
    was_asked = asked[1:] == torch.arange(1, len(asked))[:, None]  # (steps, seq)
    return Seen(
        token_ids=torch.cat([start.view(1, -1), trace.drawn_ids.flatten(1)]),
        states=states,
        asked=asked,
        probability=probability.masked_fill(is_nobodys, 0.0),
        entropy=when_asked(opinion.entropy),
        rank=when_asked(opinion.rank).masked_fill(is_nobodys, 0),
        top_ids=top_ids,
        top_probs=top_log_probs.exp().masked_fill(~was_asked[..., None], 0.0),
    )


def token_at(seen: Seen, step: int, index: int) -> Token:
    """What a hover over position `index` (row by row) shows after `step`."""
    asked = int(seen.asked[step, index])
    top = []
    if asked:
        ids, probs = seen.top_ids[asked - 1, index], seen.top_probs[asked - 1, index]
        top = [(int(code), float(prob)) for code, prob in zip(ids, probs, strict=True) if code >= 0]
    return Token(
        token_id=int(seen.token_ids[step, index]),
        state=int(seen.states[step, index]),
        asked=asked,
        probability=float(seen.probability[step, index]),
        entropy=float(seen.entropy[step, index]),
        rank=int(seen.rank[step, index]),
        top=top,
    )


def differing(one: Seen, other: Seen, step: int) -> Differing:
    """Where two branches differ after a step; the shorter one stays at its end."""
    first, second = (min(step, len(each.token_ids) - 1) for each in (one, other))
    is_other = one.token_ids[first] != other.token_ids[second]
    is_guess = (one.states[first] == HIDDEN) | (other.states[second] == HIDDEN)
    return Differing(is_other & ~is_guess, is_other & is_guess)


def _states(branch: Branch) -> Int[Tensor, "states seq"]:
    """After each step; a pin shows from the step after its edit on, after the last one at once."""
    trace, width = branch.trace, branch.grid[1]
    hidden = torch.cat([~trace.is_given[None], trace.is_masked]).flatten(1)
    states = torch.where(hidden, HIDDEN, KEPT)
    states[:, trace.is_given.flatten()] = GIVEN
    for after_step, edits in branch.history:
        since = min(after_step + 1, branch.num_steps)
        for row, column in edits.hidden:
            at = row * width + column
            states[since:, at] = torch.where(hidden[since:, at], HIDDEN, KEPT)
        for row, column in edits.pinned:
            states[since:, row * width + column] = PINNED
    return states
