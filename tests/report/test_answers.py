"""The words follow from the numbers: nothing is called different whose interval holds 0."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.evaluation.measurement import Measurement
from src.evaluation.paired import PairedDifference
from src.report.answers import (
    MEASURES,
    Compared,
    about_many,
    can_be_concluded,
    cannot_be_concluded,
    sentence,
    side_by_side,
)
from src.report.sweep_page import Findings, conclusions, page

RIGHT, SCORE = MEASURES["right"], MEASURES["clip_score"]


def cell(
    label: str, mean: float, low: float, high: float, passes: float = 24.0, **more
) -> Compared:
    found = PairedDifference(mean, low, high, 0.975, 500, None, **more)
    return Compared(label, 0.9 + mean, found, passes, 0.1)


BASELINE = cell("num_steps=12", 0.0, -0.006, 0.006)


@given(st.floats(-1, 1), st.floats(0, 0.5), st.floats(0, 0.5))
def test_a_verdict_is_what_the_interval_says(mean, below, above):
    each = cell("x", mean, mean - below, mean + above)
    said = sentence(each, "base", RIGHT)
    assert ("is better than" in said) == (mean - below > 0)
    assert ("is worse than" in said) == (mean + above < 0)
    assert ("cannot be told from" in said) == (mean - below <= 0 <= mean + above)
    base = BASELINE._replace(label="base")
    can = " ".join(can_be_concluded([each], base, RIGHT))
    cannot = " ".join(cannot_be_concluded([each], base, RIGHT))
    assert (said in can) == each.difference.is_decided
    assert (said in cannot) != each.difference.is_decided


def test_a_share_is_told_in_points_with_its_discordant_pictures():
    each = cell("num_steps=4", -0.078, -0.108, -0.049, num_gained=6, num_lost=45)
    assert sentence(each, "num_steps=12", RIGHT) == (
        "`num_steps=4` is worse than `num_steps=12`: -7.8 points (-10.8 to -4.9; right here alone "
        "6, there alone 45 pictures)."
    )


def test_an_open_question_tells_what_remains_possible():
    each = cell("a", 0.12, -0.5, 0.74)
    assert sentence(each, "b", SCORE) == (
        "`a` cannot be told from `b`: +0.12 (-0.50 to +0.74). It may be worse by up to 0.50 and "
        "better by up to 0.74; larger differences are excluded."
    )


def test_the_cheapest_that_is_not_worse_is_named_with_what_it_may_cost():
    cells = [
        cell("2", -0.3, -0.4, -0.2, passes=4),
        cell("6", -0.004, -0.02, 0.01, passes=12),
        cell("8", 0.001, -0.01, 0.02, passes=16),
        cell("18", 0.0, -0.01, 0.02, passes=36),
    ]
    said = can_be_concluded(cells, BASELINE, RIGHT)[-1]
    assert "not shown to be worse is `6`: 12 passes a picture instead of 24" in said
    assert said.endswith("at a loss of at most 2.0 points.")
    better = cell("4", 0.03, 0.01, 0.05, passes=8)
    assert can_be_concluded([better, *cells], BASELINE, RIGHT)[-1].endswith(
        "`4`: 8 passes a picture instead of 24, and is better."
    )
    assert "cheapest" not in " ".join(can_be_concluded(cells[:1], BASELINE, RIGHT))


def test_nothing_found_is_said_so():
    cells = [cell("8", 0.001, -0.01, 0.02)]
    (said,) = can_be_concluded(cells, BASELINE, RIGHT)
    assert said == "No cell was shown to differ from `num_steps=12` in whole scenes right."


def test_the_highest_of_many_is_not_praised():
    cells = [cell("8", 0.01, -0.01, 0.02), cell("18", 0.02, -0.01, 0.04)]
    said = " ".join(cannot_be_concluded(cells, BASELINE, RIGHT))
    assert "`18` is the highest of 3 values (92.0 %)" in said
    assert "were not compared with each other" in said
    assert "500 prompts" in said


def test_many_comparisons_are_named():
    two = [cell("8", 0, -1, 1), cell("18", 0, -1, 1)]
    assert about_many(two, 0.95) == (
        "2 comparisons were made. Each interval is at 97.50 %, so that all of them together hold "
        "at 95 % (Bonferroni)."
    )
    assert about_many(two[:1], 0.95) == "One comparison, at 95 %."
    assert "nothing was compared" in about_many([], 0.95)


def number(value: float, low=None, high=None, **more) -> Measurement:
    return Measurement("FD[x]", value, more.pop("num", 500), low, high, **more)


@pytest.mark.parametrize(
    ("one", "other", "said"),
    [
        (
            number(1.0, 0.5, 1.5),
            number(3.0, 2.5, 3.5),
            "the intervals lie apart, and `b` is better.",
        ),
        (
            number(1.0, 0.5, 1.5, is_higher_better=False),
            number(3.0, 2.5, 3.5, is_higher_better=False),
            "the intervals lie apart, and `a` is better.",
        ),
        (number(1.0, 0.5, 2.6), number(3.0, 2.5, 3.5), "neither is shown to be better."),
        (number(1.0), number(3.0), "without an interval, so that nothing can be concluded."),
        (
            number(1.0, 0.5, 1.5, num_reference=9),
            number(3.0, 2.5, 3.5, num_reference=9, num=20),
            "distances of other sample counts do not compare.",
        ),
    ],
)
def test_numbers_without_pairs_are_told_by_their_intervals(one, other, said):
    assert side_by_side(one, other, ("a", "b")).endswith(said)


def test_the_page_holds_every_sentence_and_every_cell():
    cells = [cell("num_steps=4", -0.1, -0.2, -0.05), cell("num_steps=8", 0.0, -0.1, 0.1)]
    numbers = [
        Measurement("whole scene right: all prompts", 0.9, 500, 0.8, 0.95, each.label)
        for each in (BASELINE, *cells)
    ]
    findings = Findings(RIGHT, BASELINE, cells, numbers, 0.95)
    header = {"question": "how few steps?", "expect": "8"}
    text = page("ablate_steps", header, findings, ["effect.png"], "python -m src.run", "today")
    for sentences in conclusions(findings).values():
        for said in sentences:
            assert f"- {said}\n" in text
    assert "**Question.** How few steps?\n" in text
    assert "![effect](effect.png)" in text
    assert "| num_steps=8 |" in text
    assert "`num_steps=12` (90.0 %)" in text
