"""Curves over guidance show every number with its interval, and one against another."""

import pytest

from src.evaluation.measurement import Measurement
from src.report.guidance_curves import guidance_curves

FID = {1.5: 43.6, 4.0: 39.3, 8.0: 49.1}
CLIP = {1.5: 24.2, 4.0: 26.0, 8.0: 25.7}


def found() -> dict[float, list[Measurement]]:
    return {
        scale: [
            Measurement("FID", FID[scale], 10_000, num_reference=5000, is_higher_better=False),
            Measurement("CLIP", CLIP[scale], 10_000, CLIP[scale] - 0.1, CLIP[scale] + 0.1),
        ]
        for scale in FID
    }


def test_every_number_has_a_panel_with_its_best_value_filled():
    fid, clip, _ = guidance_curves(found(), "aMUSEd").axes
    assert list(fid.lines[0].get_xdata()) == [1.5, 4, 8]
    assert list(fid.lines[0].get_ydata()) == [43.6, 39.3, 49.1]
    assert (list(fid.lines[1].get_xdata()), list(fid.lines[1].get_ydata())) == ([4], [39.3])
    assert (list(clip.lines[1].get_xdata()), list(clip.lines[1].get_ydata())) == ([4], [26.0])
    assert fid.get_title(loc="left") == "FID ↓"
    assert clip.get_title(loc="left") == "CLIP ↑"
    assert fid.get_title(loc="right") == "n = 10,000 vs 5,000"
    assert len(clip.collections) == 1, "the interval of CLIP"
    assert len(fid.collections) == 0, "this distance has none"


def test_the_last_panel_sets_one_number_against_the_other():
    trade = guidance_curves(found()).axes[-1]
    assert list(trade.lines[0].get_xdata()) == list(FID.values())
    assert list(trade.lines[0].get_ydata()) == list(CLIP.values())
    assert [text.get_text() for text in trade.texts] == ["1.5", "4", "8"]


def test_a_single_number_has_a_panel_alone():
    assert len(guidance_curves({2.0: found()[4.0][:1]}).axes) == 1


def test_no_guidance_at_all_has_its_place_too():
    axes = guidance_curves({0.0: found()[1.5], 4.0: found()[4.0]}).axes[0]
    assert axes.get_xscale() == "linear"
    assert [text.get_text() for text in axes.get_xticklabels()] == ["0", "4"]


def test_other_numbers_at_one_guidance_are_refused():
    some = found()
    some[4.0] = some[4.0][:1]
    with pytest.raises(ValueError, match="the same numbers"):
        guidance_curves(some)
    with pytest.raises(ValueError, match="has to be one"):
        guidance_curves({})
