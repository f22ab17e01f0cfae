"""People's pictures as samples: a function of seed and number; bad rows are replaced."""

import datasets
import numpy as np
import pytest
from PIL import Image

from src.data.bad_rows import BadRows, Refusal
from src.data.captioned import CaptionedPictures
from src.data.config import PicturesConfig
from src.data.source import PictureSource
from src.errors import UserError
from tests.data.test_decode import ramp, written

GOOD = written(Image.fromarray(ramp(60, 40)))


def pictures(contents, captions=None, *, seed=0, **changes) -> CaptionedPictures:
    """Samples of 32 pixels of a table in memory."""
    captions = captions or [f"picture {index}" for index in range(len(contents))]
    rows = [{"bytes": content, "path": None} for content in contents]
    table = datasets.Dataset.from_dict(
        {"image": rows, "text": captions, "width": [None, 640.0] * (len(rows) // 2)}
    )
    config = PicturesConfig(path="memory", **changes)
    return CaptionedPictures(PictureSource(table, config, None), config, 32, seed)


def test_a_sample_is_the_same_in_any_order_and_an_epoch_holds_every_row_once():
    forward = pictures([GOOD] * 10)
    samples = [forward.sample(number) for number in range(30)]
    for number in (29, 3, 17):
        again = pictures([GOOD] * 10).sample(number)
        assert (again.picture == samples[number].picture).all()
        assert again.row == samples[number].row
        assert again.micro_cond == samples[number].micro_cond
    for epoch in range(3):
        rows = {each.row for each in samples[10 * epoch : 10 * epoch + 10]}
        assert rows == set(range(10))
    assert all(each.caption == f"picture {each.row}" for each in samples)


def test_original_size_and_corner_are_told_with_width_before_height_and_top_before_left():
    stream = pictures([GOOD] * 4, original_width_column="width")
    crops = [stream.sample(number) for number in range(40)]
    assert {each.micro_cond.original_width for each in crops} == {60, 640}
    assert {each.micro_cond.original_height for each in crops} == {40}
    assert {each.micro_cond.aesthetic_score for each in crops} == {6.0}
    assert {each.micro_cond.crop_top for each in crops} == {0}
    assert len({each.micro_cond.crop_left for each in crops}) > 5  # 48 pixels wide, 32 are kept
    whole = np.asarray(Image.fromarray(ramp(60, 40)).resize((48, 32), Image.Resampling.BILINEAR))
    for each in crops:
        left = int(each.micro_cond.crop_left)
        assert (each.picture == whole[:, left : left + 32]).all()


def test_a_centre_crop_is_always_the_same():
    stream = pictures([GOOD] * 2, crop="center")
    assert {stream.sample(number).micro_cond.crop_left for number in range(6)} == {8}


def test_a_bad_row_is_replaced_by_the_same_row_every_time_and_the_others_stay():
    contents = [GOOD, b"damaged", GOOD, GOOD, None, GOOD, GOOD, GOOD]
    stream, whole = pictures(contents), pictures([GOOD] * 8)
    samples = [stream.sample(number) for number in range(80)]
    reasons = {}
    for number, sample in enumerate(samples):
        meant = whole.sample(number).row
        assert sample.row == meant or meant in (1, 4)
        assert sample.row not in (1, 4)
        assert bool(sample.refused) == (meant in (1, 4))
        assert pictures(contents).sample(number).row == sample.row
        reasons |= {each.row: each.reason for each in sample.refused}
    assert reasons[4] == "no picture"
    assert "not a readable picture" in reasons[1]
    replacements = {sample.row for sample in samples if sample.refused}
    assert len(replacements) > 3  # not always the same one


@pytest.mark.parametrize("caption", [None, "", "  \n"])
def test_a_row_without_caption_is_bad(caption):
    stream = pictures([GOOD] * 2, [caption, "a ramp"])
    refused = {each for number in range(4) for each in stream.sample(number).refused}
    assert {each.row for each in refused} == {0}
    assert all("caption" in each.reason for each in refused)


def test_a_very_long_caption_is_kept_whole():
    assert len(pictures([GOOD] * 2, ["long " * 2000] * 2).sample(0).caption) == 9_999


def test_a_run_can_stop_at_the_first_bad_row_and_always_does_if_all_are_bad():
    stream = pictures([GOOD, b"damaged"], bad_rows="stop")
    with pytest.raises(UserError, match="row 1 of memory is bad: not a readable picture"):
        [stream.sample(number) for number in range(2)]
    with pytest.raises(UserError, match="None of the rows tried of memory can be trained on"):
        pictures([b"damaged"] * 4).sample(0)


def test_the_list_of_bad_rows_is_sorted_whole_and_continued(tmp_path):
    bad = [Refusal(7, "b.png", "empty"), Refusal(2, "ü.png", "no picture")]
    rows = BadRows(tmp_path / "bad_rows.jsonl", max_ratio=0.5)
    rows.note(list(range(10, 20)), bad)
    rows.note([3], bad)
    lines = (tmp_path / "bad_rows.jsonl").read_text(encoding="utf-8").splitlines()
    assert lines == [
        '{"row": 2, "place": "ü.png", "reason": "no picture"}',
        '{"row": 7, "place": "b.png", "reason": "empty"}',
    ]
    again = BadRows(tmp_path / "bad_rows.jsonl", max_ratio=0.5)
    again.note([], [Refusal(5, "", "empty")])
    assert sorted(again.refusals) == [2, 5, 7]


def test_a_resumed_run_judges_the_rows_it_meets_itself(tmp_path):
    """2 % are bad, 5 % borne: no piece of a long run may end over what was listed before it."""
    for piece in range(3):
        rows = BadRows(tmp_path / "bad_rows.jsonl", max_ratio=0.05)
        for row in range(2000 * piece, 2000 * (piece + 1)):
            rows.note([row], [Refusal(row, "", "empty")] if row % 50 == 25 else [])
    assert len(rows.refusals) == 120
    many = [Refusal(row, "", "empty") for row in range(6000, 6600)]
    with pytest.raises(UserError, match="640 of the 2600 rows met so far are bad"):
        rows.note([], many)


def test_too_large_a_share_of_bad_rows_stops_the_run_and_names_the_list(tmp_path):
    rows = BadRows(tmp_path / "bad_rows.jsonl", max_ratio=0.1)
    rows.note(list(range(100)), [Refusal(row, "", "empty") for row in range(100, 111)])
    with pytest.raises(UserError, match=r"12 of the 112 rows .*max_bad_ratio=0.1; .* row 100:"):
        rows.note([], [Refusal(111, "", "empty")])
    assert len((tmp_path / "bad_rows.jsonl").read_text().splitlines()) == 12
