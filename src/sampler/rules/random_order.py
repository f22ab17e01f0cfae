"""Reveal positions in an order thrown for each picture, whatever the model thinks of them."""

from src.sampler.one_picture import FOR_ORDER, Choice, Draws, Seen, draw_codes, keep_highest
from src.sampler.plan import StepPlan


def decide(seen: Seen, draws: Draws, now: StepPlan) -> Choice:
    """Keep the next positions of the picture's own random order: the yardstick of all orders."""
    order = seen.at_hidden(draws.of_picture(FOR_ORDER))
    return keep_highest(draw_codes(seen, draws, now), order, seen, now)
