"""Every factor is varied by itself, beside a floor that grows as the arithmetic does."""

import json
from dataclasses import replace

import pytest

from src.evaluation.latency_config import LatencyConfig
from src.report.look import png_bytes
from src.report.scaling_figure import scaling_figure
from src.tasks import bench_scaling
from src.tasks.bench_scaling import PICTURES, SIDES, STEPS, WIDTHS, Ranges, measure, run
from src.tasks.inputs import open_model

pytestmark = pytest.mark.filterwarnings("ignore")
FEW = Ranges((1, 2), (1, 3), (256, 512), (256, 512), (2, 1))


@pytest.fixture
def quick(config, monkeypatch):
    monkeypatch.setattr(bench_scaling, "LAYERS", 1)
    monkeypatch.setattr(bench_scaling, "NUM_STEPS", 1)
    return config("bench_scaling", latency=LatencyConfig(num_rounds=2))


def test_each_factor_has_its_slope_and_its_floor(quick, monkeypatch):
    monkeypatch.setattr(bench_scaling, "peak_of", lambda _, side, seed: side * 10**6)
    measured, growths = measure(quick, open_model(quick), "w", FEW, is_small=True)
    assert [each.factor for each in growths] == [PICTURES, STEPS, SIDES, WIDTHS]
    slopes = [each for each in measured if each.name == "slope on logarithms"]
    assert [each.subject for each in slopes] == [PICTURES, STEPS, SIDES, WIDTHS]
    assert measured[0].name == "seconds a picture, 2 at once / 1"
    for growth in growths:
        few, many = growth.floors.values()
        assert few < many, growth.factor
    assert list(growths[2].seconds) == [256**2, 512**2]
    few, many = growths[2].floors.values()
    assert 3 < many / few < 9, "four times the tokens, and sixteen times the attention"
    memory = [each.value for each in measured if each.name.startswith("peak memory")]
    assert memory == [256, 512]
    figure = scaling_figure(growths, slopes)
    assert len(figure.axes) == 4
    assert png_bytes(figure) == png_bytes(scaling_figure(growths, slopes))


@pytest.mark.slow
def test_the_run_says_in_words_how_each_factor_grows(quick, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(bench_scaling, "Ranges", lambda: FEW._replace(sides=(256,), widths=(256,)))
    monkeypatch.setattr(bench_scaling, "slope", _slope_of_any)
    run(replace(quick, output_dir=str(tmp_path)), tmp_path)
    said = capsys.readouterr().out
    assert "steps: slope" in said
    assert "linear" in said
    record = json.loads((tmp_path / "record.json").read_text(encoding="utf-8"))
    peaks = [each for each in record["measurements"] if each["name"].startswith("peak memory")]
    assert 100 < peaks[0]["value"] < 5000
    assert (tmp_path / "scaling.png").is_file()


def _slope_of_any(growth):
    """A factor of one value has no slope: here it borrows that of another."""
    from src.evaluation.scaling import slope

    doubled = {1: next(iter(growth.seconds.values())), 2: next(iter(growth.seconds.values()))}
    return slope(growth if len(growth.seconds) > 1 else growth._replace(seconds=doubled))
