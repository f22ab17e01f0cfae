"""Probes are drawn beside what chance alone reads."""

import pytest

from src.interpret.linear_probe import Probe
from src.report.linear_probe import probe_figure
from src.report.look import png_bytes


def test_three_lines_over_the_sites():
    probes = {"layers.0": Probe(0.8, 0.3, 0.4, 50, 60), "layers.1": Probe(0.9, 0.35, 0.4, 50, 60)}
    figure = probe_figure(probes, "the object")
    lines = {line.get_label(): list(line.get_ydata()) for line in figure.axes[0].lines}
    assert lines == {
        "probe": [0.8, 0.9],
        "on shuffled labels": [0.3, 0.35],
        "the commonest class": [0.4, 0.4],
    }
    texts = [tick.get_text() for tick in figure.axes[0].get_xticklabels()]
    assert texts == ["layers.0", "layers.1"]
    assert png_bytes(figure)
    with pytest.raises(ValueError, match="no probes"):
        probe_figure({}, "the object")
