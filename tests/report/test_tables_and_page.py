"""Table and page: every number with its yardsticks and sample count, no markup taken literally."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from src.evaluation.measurement import Measurement
from src.report.page import page, write_page
from src.report.record import Record
from src.report.tables import cell_text, markdown_table, rows, terminal_table

MEASUREMENTS = [
    Measurement("whole scene right: two objects", 0.9, 500, 0.87, 0.92, is_share=True),
    Measurement("whole scene right: two objects", 1.0, 500, subject="real scenes", is_share=True),
    Measurement(
        "FD[glyph-clip]", 1.25, 500, num_reference=1000, is_higher_better=False, note="few pictures"
    ),
]


@pytest.fixture
def record():
    return Record(
        name="first_light",
        command="python -m src.run +exp=first_light 'prompts=[\"<b>\"]'",
        measurements=MEASUREMENTS,
        config_difference={},
        config_hash="",
        weights={"model": "0123456789ab"},
        data_hash="",
        seeds={"pictures": [0]},
        device="cpu",
        seconds=1.5,
        code={},
        code_used={},
        settings={},
    )


def test_a_row_is_a_number_and_a_column_a_subject():
    head, cells = rows(MEASUREMENTS)
    assert head == ["", "generated pictures", "real scenes", "sample"]
    assert cells[0] == [
        "whole scene right: two objects",
        "90.0 % (87.0 to 92.0)",
        "100.0 %",
        "500",
    ]
    assert cells[1] == ["FD[glyph-clip]", "1.25", "", "500 vs 1,000"]


def test_the_terminal_shows_the_features_a_distance_is_named_by():
    printed = io.StringIO()
    Console(file=printed, width=100).print(terminal_table(MEASUREMENTS))
    assert "FD[glyph-clip]" in printed.getvalue()
    assert "500 vs 1,000" in printed.getvalue()


def test_many_subjects_stand_below_each_other_in_a_terminal():
    of_guidance = [
        Measurement(name, 10.0 * scale, 400, subject=f"guidance {scale}")
        for scale in range(1, 13)
        for name in ("FD[glyph-clip]", "CLIP logits[glyph-clip]")
    ]
    printed = io.StringIO()
    Console(file=printed, width=100).print(terminal_table(of_guidance))
    lines = [" ".join(line.split()) for line in printed.getvalue().splitlines()]
    assert "guidance 12 120.00 120.00 400" in lines
    assert any("FD[glyph-clip]" in line for line in lines)


def test_the_page_shows_numbers_figures_and_the_command_as_text(record, tmp_path):
    page = write_page(record, [Path("steps.png")], tmp_path, "is 1 < 2?").read_text()
    assert "<td>90.0 %<small>87.0 to 92.0</small><small>n = 500</small></td>" in page
    assert "<td>1.25<small>n = 500 vs 1,000</small></td>" in page
    assert 'src="steps.png"' in page
    assert "is 1 &lt; 2?" in page
    assert "&lt;b&gt;" in page
    assert "<b>" not in page
    assert "0123456789ab" in page


def test_an_arrow_says_which_way_is_better_and_a_note_is_not_lost(record):
    text = page(record, [], "why?")
    assert "whole scene right: two objects ↑" in text
    assert "FD[glyph-clip] ↓" in text
    assert "FD[glyph-clip]: few pictures" in text


def test_every_number_on_the_page_has_its_sample_count(record):
    text = page(record, [], "why?")
    assert text.count("n = ") == len(record.measurements)


def test_the_page_needs_nothing_but_its_figures(record):
    text = page(record, ["steps.png"], "why?")
    assert "<script" not in text
    assert "http" not in text
    assert "prefers-color-scheme: dark" in text


def test_a_page_without_numbers_says_why(record):
    record.measurements, record.not_measured = [], "not measured here: needs a GPU"
    assert "not measured here: needs a GPU" in page(record, [], "why?")


def test_the_markdown_table_has_as_many_cells_in_every_line():
    lines = markdown_table(MEASUREMENTS).splitlines()
    assert len(lines) == 4
    assert {line.count("|") for line in lines} == {5}
    assert lines[2] == "| whole scene right: two objects | 90.0 % (87.0 to 92.0) | 100.0 % | 500 |"


def test_a_distance_outside_its_own_interval_says_what_was_taken_off():
    found = Measurement("FD[x]", 3.25, 500, 0.0, 1.79, num_reference=9, bias=2.354)
    assert cell_text(found) == "3.25 (less a bias of 2.35: 0.00 to 1.79)"
    assert "less a bias of 2.35" in markdown_table([found])
    assert cell_text(MEASUREMENTS[0]) == "90.0 % (87.0 to 92.0)"
    assert cell_text(None) == ""
