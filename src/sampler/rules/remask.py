"""The ancestral sampler with remasking: a settled token may be hidden again.

Dimensions: seq (tokens of one image, row by row).
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from src.sampler.one_picture import FOR_CHOICE, FOR_REMASK, Choice, Draws, Seen, draw_codes
from src.sampler.plan import StepPlan

OWN_ETA = {"cap": 0.05, "rescale": 0.05, "confidence": 1.0, "loop": 0.05}
REMASKS = True  # the loop asks also where nothing is hidden at the moment


def decide(seen: Seen, draws: Draws, now: StepPlan) -> Choice:
    """Throw a coin for every position: hidden ones settle, settled ones hide again.

    With a the share settled, before (t) and after (s) the step, and sigma the chance to hide again,
    a hidden position settles with (a_s - (1 - sigma) a_t) / (1 - a_t): the marginals stay right for
    any sigma from 0 to min(1, (1 - a_s) / a_t) that all positions share. By confidence, hidden ones
    have none of it and do not settle the faster: a little more stays hidden than the schedule says.
    sigma = 0 is the plain ancestral step, whose counts are binomial.
    Source: Wang et al. 2025, ReMDM (arXiv 2503.00307).
    """
    settled_before, settled_after = 1 - now.ratio_before, 1 - now.ratio_after
    is_settled = ~seen.is_masked & ~seen.is_given
    sigma = _sigma(seen, is_settled, now)
    hides_again = is_settled & (draws.uniform(FOR_REMASK) < sigma)
    if settled_before < 1:
        kept = (1 - sigma) * settled_before
        settles = (settled_after - kept) / (1 - settled_before)  # (seq,)
    else:
        settles = torch.zeros_like(sigma)
    stays = seen.is_masked & (draws.uniform(FOR_CHOICE) >= settles)
    is_hidden = stays | hides_again
    return Choice(draw_codes(seen, draws, now), is_hidden, int(is_hidden.sum()))


def _sigma(seen: Seen, is_settled: Bool[Tensor, "seq"], now: StepPlan) -> Float[Tensor, "seq"]:
    """The chance of each position to hide again, by strategy; float64.

    cap: min(eta, largest). rescale: eta x largest. confidence: eta x largest, shared out by a
    softmax over minus the probability that each settled token was drawn with, and none for hidden
    ones; about one token a step, with eta 1 as published. loop: cap while the loop runs, else 0.
    """
    remask, settled_before = now.config.remask, 1 - now.ratio_before
    eta = OWN_ETA[remask.strategy] if remask.eta is None else remask.eta
    largest = min(1.0, now.ratio_after / settled_before) if settled_before > 0 else 1.0
    flat = torch.ones(len(seen.token_ids), dtype=torch.float64, device=seen.token_ids.device)
    if remask.strategy == "cap":
        return flat * min(eta, largest)
    if remask.strategy == "rescale":
        return flat * eta * largest
    if remask.strategy == "loop":
        runs = remask.loop_from < now.progress <= remask.loop_to
        return flat * (min(eta, largest) if runs else 0.0)
    if not is_settled.any():
        return flat * 0.0
    doubt = (-seen.confidence.double().exp()).masked_fill(~is_settled, -torch.inf)
    return eta * largest * doubt.softmax(dim=0)
