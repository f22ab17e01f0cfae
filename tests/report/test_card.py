"""What a card shows: the pictures that fit their prompts best and worst, and how scores spread."""

import numpy as np
import pytest

from src.report.card import Shown, best_and_worst, score_curves, set_figure

FILES = [f"{number}.png" for number in range(5)]
PROMPTS = [f"prompt {number}" for number in range(5)]
SCORES = np.array([3.0, 9.0, -1.0, 9.0, 2.0])


def test_the_best_and_the_worst_come_in_order_and_of_equals_the_first():
    best, worst = best_and_worst(SCORES, FILES, PROMPTS, 3)
    assert [each.number for each in best] == [1, 3, 0]
    assert [each.number for each in worst] == [2, 4, 0]
    assert best[0] == Shown(1, "1.png", "prompt 1", 9.0)


def test_fewer_pictures_than_are_shown_stand_in_both():
    best, worst = best_and_worst(SCORES, FILES, PROMPTS, 8)
    assert (len(best), len(worst)) == (5, 5)


def test_a_row_is_named_and_every_picture_stands_above_its_caption():
    pictures = [np.full((4, 4, 3), 40 * number, np.uint8) for number in range(3)]
    rows = {"The first": [(each, f"caption {n}") for n, each in enumerate(pictures)]}
    figure = set_figure("SD 1.5", rows | {"The best": rows["The first"][:1]})
    assert len(figure.axes) == 4
    assert (figure.axes[1].images[0].get_array() == pictures[1]).all()
    said = [text.get_text() for text in figure.texts]
    assert {"SD 1.5", "The first", "The best", "caption 2"} <= set(said)
    with pytest.raises(ValueError, match="a picture in each"):
        set_figure("SD 1.5", rows | {"The best": []})


def test_score_curves_fall_from_all_pictures_to_one():
    axes = score_curves({"ours": SCORES, "theirs": SCORES[:2]}, "CLIP").axes[0]
    x, share = axes.lines[0].get_data()
    assert list(x) == [-1, 2, 3, 9, 9]
    assert list(share) == [100, 80, 60, 40, 20]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["ours", "theirs"]
    with pytest.raises(ValueError, match="no scores"):
        score_curves({}, "CLIP")
