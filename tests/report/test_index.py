"""The index of experiments: made of records, and honest about what is stale or was never run."""

from src.evaluation.measurement import Measurement
from src.experiments import Header
from src.report.index import Row, index
from src.report.record import Record

HEADER = Header(
    "steps", "experiment", "evaluate", "how few steps?", "python ...", "unknown", "1 min"
)


def record(**changes) -> Record:
    measurements = [
        Measurement("FD[glyph-clip]", 1.23456, 500, num_reference=1000),
        Measurement("FD[glyph-clip]", 0.5, 500, subject="real scenes", num_reference=1000),
    ]
    fields = {
        "name": "steps",
        "command": "python ...",
        "measurements": measurements,
        "config_difference": {},
        "config_hash": "",
        "weights": {},
        "data_hash": "",
        "seeds": {},
        "device": "cpu",
        "seconds": 1.0,
        "code": {},
        "code_used": {},
        "settings": {},
        "recorded": "2026-01-02 03:04 UTC",
    }
    return Record(**fields | changes)


def row_of(text: str) -> str:
    return next(line for line in text.splitlines() if line.startswith("| [steps]"))


def test_a_number_stands_with_its_sample_count_and_without_its_yardsticks():
    row = row_of(index([Row(HEADER, record(), [])]))
    assert "FD[glyph-clip]: 1.23, n = 500 vs 1,000" in row
    assert "0.50" not in row
    assert "| 2026-01-02 | current |" in row


def test_what_was_counted_keeps_its_digits_and_is_no_picture():
    counted = [
        Measurement("U-ViT, parameters", 603537664.0, 1, subject="amused_256"),
        Measurement("seconds a picture", 13.456, 5, subject="ours"),
        Measurement("U-ViT, MB in float32", 2414.150656, 1, subject="amused_256"),
    ]
    row = row_of(index([Row(HEADER, record(measurements=counted), [])]))
    assert "parameters, amused_256: 603,537,664<br>" in row
    assert "seconds a picture, ours: 13.46, n = 5<br>" in row
    assert "MB in float32, amused_256: 2,414.15 |" in row
    assert "pictures" not in row


def test_two_subjects_of_one_measurement_are_told_apart():
    both = [
        Measurement("right", 0.9, 10, subject="after the round trip", is_share=True),
        Measurement("right", 1.0, 10, subject="real scenes", is_share=True),
    ]
    row = row_of(index([Row(HEADER, record(measurements=both), [])]))
    assert "right, after the round trip: 90.0 %" in row
    assert "right, real scenes: 100.0 %" in row


def test_a_stale_record_is_shown_as_stale_with_the_reason():
    row = row_of(index([Row(HEADER, record(), ["the code has changed: src"])]))
    assert "stale: the code has changed: src" in row
    assert "current" not in row


def test_what_was_never_run_and_what_cannot_be_measured_here_say_so():
    assert "not measured yet" in index([Row(HEADER, None, [])])
    unmeasured = record(measurements=[], not_measured="not measured here: needs a GPU")
    assert "not measured here: needs a GPU" in index([Row(HEADER, unmeasured, [])])


def test_commands_are_listed_apart():
    text = index([Row(HEADER._replace(name="doctor", kind="command"), None, [])])
    assert "- `python ...`: how few steps?" in text
    assert "| [doctor]" not in text
