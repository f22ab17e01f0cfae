"""The report's page: every reported figure, ours where measured, nothing else claimed."""

from dataclasses import replace

import pytest

from src.evaluation.measurement import Measurement
from src.report.beside import beside
from src.report.look import png_bytes
from src.report.report_figures import latency_figure, quality_figure
from src.report.report_page import line_of, report_page
from src.report.reported import number, reported
from tests.report.test_beside import AUTHORS, distance, record, timed


def rows(records=None):
    return [beside(each, records or {}) for each in reported()]


def table_lines(page: str) -> list[str]:
    lines = [line for line in page.splitlines() if line.startswith("| ")]
    return [line for line in lines if not line.startswith(("| ---", "| reported figure"))]


def test_every_figure_has_its_line_with_value_and_origin():
    lines = table_lines(report_page(rows(), {}, {}))
    assert len(lines) == len(reported())
    for line, figure in zip(lines, reported(), strict=True):
        _, value, known, *_ = (cell.strip() for cell in line.strip("|").split("|"))
        assert value == f"{number(figure.value)} {figure.unit}".strip()
        assert known == figure.known


def test_without_records_nothing_is_claimed():
    page = report_page(rows(), {}, {})
    assert all("not measured here" in line for line in table_lines(page))
    assert f"{len(reported())} figures: 0 compared, 0 of them within" in page
    assert "Measured besides" not in page


def test_two_lines_of_a_section_are_never_the_same():
    for line in (lines := table_lines(report_page(rows(), {}, {}))):
        assert lines.count(line) == 1, line


def test_only_what_was_measured_is_counted():
    records = {"report_quality_256": record([distance("FD[inception]")], **AUTHORS)}
    page = report_page(rows(records), records, {})
    assert "1 compared, 1 of them within their tolerance; 0 beside a number" in page
    assert sum("not measured here" in line for line in table_lines(page)) == len(reported()) - 1


def test_numbers_of_another_kind_are_counted_apart_and_have_no_difference():
    records = {"report_latency": timed("random weights", "cpu, 2 threads", model="amused_256")}
    page = report_page(rows(records), records, {})
    assert "0 compared, 0 of them within their tolerance; 2 beside a number" in page
    (first, _) = (line for line in table_lines(page) if "not the same thing" in line)
    assert first.split("|")[5].strip() == "", "no difference of two things"
    assert "## Measured besides: report_latency" in page


def test_every_record_stands_with_its_date_and_what_has_moved_on_since():
    sizes = record([Measurement("U-ViT, parameters", 603537664.0, 1, subject="amused_256")])
    sizes.recorded = "2026-01-02 03:04 UTC"
    records = {"report_parameters": sizes}
    origin = "By `python -m src.run +exp=x`, 2026-01-02 03:04 UTC, cpu, 2 threads."
    (of_current,) = (
        line
        for line in report_page(rows(records), records, {}).splitlines()
        if line.startswith("By ")
    )
    assert of_current == origin
    stale = {"report_parameters": ["the code has changed: transformer"]}
    page = report_page(rows(records), records, {}, stale)
    assert page.count(f"{origin} Stale: the code has changed: transformer.") == 1
    of_sizes = page[page.index("## Parameters") : page.index("## File sizes")]
    assert "Stale" in of_sizes


def test_all_times_that_were_kept_stand_on_the_page():
    records = {
        "report_latency": timed("random weights", "cpu, 2 threads", model="amused_256"),
        "report_latency/a": timed("random weights", "NVIDIA H100", model="amused_256"),
    }
    page = report_page(rows(records), records, {})
    assert "## Measured besides: report_latency\n" in page
    assert "## Measured besides: report_latency/a\n" in page


def test_how_the_published_curves_were_made_is_marked_as_inferred():
    page = report_page(rows(), {}, {})
    of_curves = page[page.index("## Quality against") : page.index("## Time of a picture")]
    (note,) = (line for line in of_curves.splitlines() if line.startswith("Note: "))
    assert "inferred" in note
    assert "captions first" in of_curves


def test_a_line_of_the_terminal_says_all_of_it():
    (row,) = (each for each in rows() if each.figure.section == "quantization")
    assert "reported 800 MB (second hand); not measured here" in line_of(row)


def test_curves_hold_the_reported_points_and_ours_only_if_the_same_thing():
    plain = quality_figure(rows()).axes[0]
    assert [len(line.get_xdata()) for line in plain.lines] == [11, 11]
    assert min(plain.lines[0].get_ydata()) == 39.29915
    same = record([distance("FD[inception]", 39.5)], **AUTHORS)
    fid = quality_figure(rows({"report_quality_256": same})).axes[0]
    assert [list(line.get_ydata()) for line in fid.lines if len(line.get_xdata()) == 1] == [[39.5]]
    other = record([distance("FD[glyph-clip]", 39.5)], **AUTHORS)
    assert len(quality_figure(rows({"report_quality_256": other})).axes[0].lines) == 2


def test_the_trade_of_fid_for_clip_has_every_guidance():
    trade = quality_figure(rows()).axes[3]
    assert [len(line.get_xdata()) for line in trade.lines] == [11, 11]
    assert trade.lines[0].get_xdata()[3] == 26.0217
    assert trade.lines[0].get_ydata()[3] == 39.29915


def test_times_stand_on_one_axis_with_what_differs_in_the_name():
    ours = timed("random weights", "cpu, 2 threads", model="amused_256")
    figure = latency_figure(rows(), [ours])
    names = [text.get_text() for text in figure.axes[0].get_yticklabels()]
    assert names[-1] == "ours, cpu 2 threads, random weights"
    assert len(names) == 15 + 1
    assert len(figure.axes[0].lines) == 30 + 1
    other = timed("random weights", "NVIDIA H100", model="me/amused-512")
    figure = latency_figure(rows(), [ours, other])
    names = [text.get_text() for text in figure.axes[0].get_yticklabels()]
    assert names[-2:] == [
        "x: ours, aMUSEd-256, 12 steps, cpu 2 threads",
        "x: ours, amused-512, 12 steps, NVIDIA H100",
    ]
    long = timed("random weights", "cpu, 2 threads", model="a-name-that-needs-room-to-its-left")
    figure = latency_figure(rows(), [ours, long])
    figure.canvas.draw()
    edges = [text.get_window_extent().x0 for text in figure.axes[0].get_yticklabels()]
    assert min(edges) > 0


@pytest.mark.parametrize("draw", [quality_figure, lambda each: latency_figure(each, [])])
def test_a_figure_drawn_twice_is_the_same_file(draw):
    assert png_bytes(draw(rows())) == png_bytes(draw(rows()))


def test_intervals_and_counts_stand_beside_ours():
    sure = replace(distance("FD[inception]"), low=39.0, high=40.0)
    assert isinstance(sure, Measurement)
    records = {"report_quality_256": record([sure], **AUTHORS)}
    assert "39.5 (39 to 40), n = 10,000 vs 5,000" in report_page(rows(records), records, {})
