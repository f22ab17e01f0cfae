"""Reveal positions spread evenly over the picture, along a Halton sequence.

Dimensions: seq (tokens of one image, row by row).
"""

import torch

from src.sampler.halton_order import halton_order
from src.sampler.one_picture import FOR_ORDER, Choice, Draws, Seen, draw_codes, keep_highest
from src.sampler.plan import StepPlan
from src.sampler.sending import sent


def decide(seen: Seen, draws: Draws, now: StepPlan) -> Choice:
    """Keep the next positions of the sequence, which each picture enters at a place of its own.

    Positions drawn together lie far apart, so that drawing them independently costs least. The
    published schedule is arccos; its code rounds the revealed count down, every sampler here the
    hidden one, so a step may reveal one token more. Source: Besnier et al. 2025 (arXiv 2503.17076).
    """
    device = seen.token_ids.device
    seq = len(seen.token_ids)
    order = sent(torch.tensor(halton_order(*seen.grid)), device)  # (seq,) positions, first to last
    entry = (draws.of_picture(FOR_ORDER)[0] * seq).long()
    turn = (torch.arange(seq, device=device) - entry) % seq
    place = torch.empty_like(order).scatter(0, order, turn)  # (seq,) when each comes
    score = -seen.at_hidden(place).double()
    return keep_highest(draw_codes(seen, draws, now), score, seen, now)
