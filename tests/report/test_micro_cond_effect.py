"""The probe, the sweeps and the shares as figures show what was computed."""

import pytest
import torch

from src.errors import UserError
from src.interpret.micro_cond_effect import Interactions, Sweep
from src.interpret.micro_cond_path import Shares
from src.report.micro_cond_effect import Probed, probe_figure, shares_figure, sweeps_figure

ROWS = [
    Probed("all five", "ours", 0.5, 0.4, 0.7),
    Probed("all five", "theirs", 0.0, -0.1, 0.1),
    Probed("score", "ours", 0.6, 0.5, 0.7),
    Probed("score", "theirs", 0.1, 0.0, 0.2),
]


def test_every_interval_is_drawn_where_it_lies():
    (axes,) = probe_figure(ROWS, "title").axes
    ours, theirs = axes.containers
    assert ours.lines[0].get_xdata().tolist() == [0.5, 0.6]
    ends = ours.lines[2][0].get_segments()[0][:, 0]
    assert ends.tolist() == pytest.approx([0.4, 0.7])
    assert theirs.get_label() == "theirs"
    assert [text.get_text() for text in axes.get_yticklabels()] == ["all five", "score"]
    with pytest.raises(UserError, match="no probe to draw"):
        probe_figure([], "title")


def test_all_sweeps_share_one_scale_from_0():
    moved = torch.tensor([[0.0, 0.5], [0.0, 2.0]]).double()
    names = ("crop_top", "aesthetic_score")
    sweeps = [Sweep(n, [0.0, 4.0], [0.5, 1.0], moved / k, moved) for k, n in enumerate(names, 1)]
    panels = sweeps_figure(sweeps, "title").axes
    assert len({axes.get_ylim() for axes in panels}) == 1
    assert panels[0].get_ylim()[0] == 0
    assert panels[1].lines[1].get_ydata().tolist() == [0, 1]
    assert panels[0].get_xlabel() == "told, pixels"
    with pytest.raises(UserError, match="no sweep to draw"):
        sweeps_figure([], "title")


def test_the_table_has_single_effects_on_its_diagonal():
    traced = Shares(torch.eye(5).double(), torch.ones(5).double())
    pairs = torch.ones(5, 5).double() - torch.eye(5).double()
    table = Interactions(-3 * torch.ones(5).double(), pairs)
    left, right = shares_figure(traced, table, "title").axes
    written = [text.get_text() for text in right.texts]
    assert written.count("-3.00") == 5
    assert written.count("+1.00") == 20
    assert right.images[0].get_clim() == (-3, 3)
    assert len(left.collections) == 5
