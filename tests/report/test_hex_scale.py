"""Colour maps as web colours."""

from src.report.hex_scale import hex_scale


def test_a_scale_runs_from_the_lower_end_to_the_upper_one():
    viridis = hex_scale("viridis", 9)
    assert (viridis[0], viridis[-1]) == ("#440154", "#fde725")
    assert len(set(viridis)) == 9
