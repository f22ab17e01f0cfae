"""The table and the picture of one generation: all of its time, nothing twice."""

import json
from dataclasses import replace

import pytest

from src.evaluation.latency_config import LatencyConfig
from src.evaluation.time_shares import PARTS, Share
from src.report.profile_figure import profile_figure
from src.tasks.inputs import open_model
from src.tasks.profile import measure, run

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture
def quick(config):
    return config("profile", latency=LatencyConfig(num_rounds=2))


def test_the_parts_add_up_to_the_whole_and_so_do_their_kinds(quick):
    rows, shares, floors = measure(quick, open_model(quick), "w", is_small=True)
    found = {each.subject: each.value for each in rows if each.name == "share of the time"}
    assert sum(found[part] for part in PARTS) == pytest.approx(1.0)
    for part in PARTS:
        inside = [value for name, value in found.items() if name.startswith(f"{part}: ")]
        assert sum(inside) == pytest.approx(found[part])
    whole, floor, above = rows[:3]
    assert 1000 * sum(floors.values()) == pytest.approx(floor.value)
    assert above.value == pytest.approx(1000 * whole.value / floor.value)
    assert set(floors) < set(PARTS)
    assert len(shares) == len(found) - len(PARTS)


def test_the_bars_of_each_line_fill_it():
    shares = [Share("U-ViT", "attention", 3.0), Share("decoder", "convolutions", 1.0)]
    axes = profile_figure(shares, {"U-ViT": 1.0, "decoder": 0.5}, "title").axes[0]
    by_line = {}
    for bar in axes.patches:
        line = round(bar.get_y() + bar.get_height() / 2)
        by_line[line] = by_line.get(line, 0.0) + bar.get_width()
    assert by_line == pytest.approx({0: 100, 1: 100, 2: 37.5})


def test_the_run_leaves_record_and_figure(quick, tmp_path):
    run(replace(quick, output_dir=str(tmp_path)), tmp_path)
    assert (tmp_path / "profile.png").is_file()
    record = json.loads((tmp_path / "record.json").read_text(encoding="utf-8"))
    assert record["measurements"][0]["name"] == "seconds"
