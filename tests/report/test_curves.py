"""Training curves are what was logged, over all pieces of a run."""

import numpy as np
import pytest

from src.errors import UserError
from src.report.curves import read_curves, running_mean, training_curves

FIRST = "epoch,loss,psnr,step\n0,4.0,,19\n0,3.0,20.5,39\n0,2.5,,59\n"
SECOND = "epoch,loss,psnr,step\n0,2.0,,59\n0,1.5,22.0,79\n"


@pytest.fixture
def files(tmp_path):
    for name, content in (("a.csv", FIRST), ("b.csv", SECOND)):
        (tmp_path / name).write_text(content)
    return [tmp_path / "a.csv", tmp_path / "b.csv"]


def test_the_pieces_of_a_resumed_run_join_and_the_later_piece_counts(files):
    curves = read_curves(files)
    assert set(curves) == {"loss", "psnr"}
    assert curves["loss"].steps.tolist() == [19, 39, 59, 79]
    assert curves["loss"].values.tolist() == [4.0, 3.0, 2.0, 1.5]
    assert curves["psnr"].steps.tolist() == [39, 79]


def test_every_quantity_has_a_panel_with_its_values_and_its_last_mean(files):
    figure = training_curves(read_curves(files), "A run")
    loss, psnr = figure.axes
    assert loss.get_title(loc="left") == "loss"
    assert loss.lines[0].get_ydata().tolist() == [4.0, 3.0, 2.0, 1.5]
    assert psnr.get_title(loc="right") == "22"
    assert "A run" in [text.get_text() for text in figure.texts]


def test_the_running_mean_follows_a_line_and_halves_noise():
    line = np.arange(50.0)
    np.testing.assert_allclose(running_mean(line, 5)[2:-2], line[2:-2])
    np.testing.assert_allclose(running_mean(np.ones(50), 5), 1)
    noise = np.random.default_rng(0).normal(size=10_000)
    assert running_mean(noise, 4).std() == pytest.approx(0.5, abs=0.02)


def test_a_missing_or_foreign_file_is_named(tmp_path):
    with pytest.raises(UserError, match=r"lost\.csv is no table of logged steps"):
        read_curves([tmp_path / "lost.csv"])
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    with pytest.raises(UserError, match=r"other\.csv is no table"):
        read_curves([tmp_path / "other.csv"])
    with pytest.raises(ValueError, match="no curves"):
        training_curves({})
