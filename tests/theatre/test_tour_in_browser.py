"""JupyterLab in a real browser opens the tour, runs it to its end, and shows its figures."""

import pytest

from src.experiments import ROOT
from tests.browser.jupyter import wait_until

pytestmark = pytest.mark.browser
TOUR = ROOT / "notebooks" / "01_tour.ipynb"
NUM_FIGURES = 5


def test_the_tour_runs_and_its_figures_are_there(lab):
    page = lab.open(TOUR)
    lab.run_all(page)
    outputs = page.locator(".jp-OutputArea-output")
    assert "every claim holds" in "\n".join(outputs.all_inner_texts())
    figures = page.locator(".jp-OutputArea-output img")
    wait_until(lambda: figures.count() == NUM_FIGURES, f"there are {figures.count()} figures")
    widths = figures.evaluate_all("all => all.map(each => each.naturalWidth)")
    assert min(widths) > 400  # each is drawn, and none is an empty frame
    page.close()
