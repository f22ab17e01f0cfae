"""A search as a figure says what its values are."""

import numpy as np
import pytest

from src.evaluation.tuning import Practice, measured_in
from src.report.tuning_figures import search_figure


@pytest.mark.parametrize(
    ("scenes", "named"), [([], "% of scene parts right"), (None, "CLIP score")]
)
def test_the_axis_is_named_after_who_judges(scenes, named):
    said = measured_in(Practice(["a"], [0], scenes))
    figure = search_figure({"searched": np.array([0.2, 0.3])}, "autotune", said)
    assert figure.axes[0].get_title(loc="left") == f"best value so far, {named}"
