"""The report's page written from records: whole, the same twice, and nothing that was not run."""

import json
from dataclasses import asdict

import numpy as np
import pytest
from PIL import Image

from src.experiments import RECORDS
from src.tasks.report import FIGURES, write_report
from src.tasks.reported_rows import print_rows
from tests.report.test_beside import AUTHORS, distance, record

FILES = {"README.md", *FIGURES}


def put(folder, name: str, content) -> None:
    (folder / name).mkdir(parents=True)
    (folder / name / "record.json").write_text(json.dumps(asdict(content)), encoding="utf-8")


def test_the_same_records_give_the_same_bytes(tmp_path):
    put(tmp_path / "records", "report_quality_256", record([distance("FD[inception]")], **AUTHORS))
    pages = []
    for place in (tmp_path / "first", tmp_path / "again"):
        write_report(tmp_path / "records", place)
        assert {path.name for path in place.iterdir()} == FILES
        pages.append({path.name: path.read_bytes() for path in place.iterdir()})
    assert pages[0] == pages[1]
    write_report(tmp_path / "records", tmp_path / "first")
    assert {p.name: p.read_bytes() for p in (tmp_path / "first").iterdir()} == pages[0]


def test_a_new_record_changes_page_and_figure(tmp_path):
    before = write_report(tmp_path / "none", tmp_path / "page").read_text(encoding="utf-8")
    curves = (tmp_path / "page" / "quality.png").read_bytes()
    put(tmp_path / "records", "report_quality_256", record([distance("FD[inception]")], **AUTHORS))
    after = write_report(tmp_path / "records", tmp_path / "page").read_text(encoding="utf-8")
    assert "1 compared, 1 of them within" in after
    assert "1 compared" not in before
    assert (tmp_path / "page" / "quality.png").read_bytes() != curves


def test_a_record_of_other_code_or_another_command_is_shown_as_stale(tmp_path):
    made = record([distance("FD[inception]")], **AUTHORS)
    made.recorded = "2026-01-02 03:04 UTC"
    put(tmp_path / "records", "report_quality_256", made)
    page = write_report(tmp_path / "records", tmp_path / "page").read_text(encoding="utf-8")
    (told,) = (line for line in page.splitlines() if "2026-01-02 03:04 UTC" in line)
    assert "Stale: its command is refused today" in told
    made.command = "python -m src.run +exp=report_quality_256 data.path=COCO"
    path = tmp_path / "records" / "report_quality_256" / "record.json"
    path.write_text(json.dumps(asdict(made)), encoding="utf-8")
    page = write_report(tmp_path / "records", tmp_path / "page").read_text(encoding="utf-8")
    assert "Stale: the configuration has moved on" in page
    assert "the code has changed" in page


def test_the_committed_figures_are_of_the_committed_records(tmp_path):
    write_report(RECORDS, tmp_path)
    for name in FIGURES:
        drawn, committed = (
            np.asarray(Image.open(place / name)) for place in (tmp_path, RECORDS / "report")
        )
        assert np.array_equal(drawn, committed), f"{name}: python -m src.run +exp=report"


def test_the_committed_page_is_of_the_committed_records(tmp_path):
    written = write_report(RECORDS, tmp_path)
    committed = RECORDS / "report" / "README.md"
    assert written.read_text(encoding="utf-8") == committed.read_text(encoding="utf-8")


def test_parameters_are_compared_and_only_the_model_cards_differ(tmp_path):
    page = write_report(RECORDS, tmp_path).read_text(encoding="utf-8")
    beyond = [line for line in page.splitlines() if "NOT within" in line and "parameters" in line]
    assert len(beyond) == 2
    assert all("| raw data |" in line and "part all" in line for line in beyond)


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ("memory of fine-tuning", "reported 6.5 GB (raw data)"),
        ("quantization", "reported 800 MB (second hand)"),
    ],
)
def test_without_numbers_the_tables_say_so(section, said, tmp_path, capsys):
    print_rows(section, tmp_path, "none of them was measured")
    told = capsys.readouterr().out
    assert said in told
    assert told.splitlines()[-1] == "none of them was measured"
    assert all("not measured here" in line for line in told.splitlines()[:-1])


def test_memory_of_the_benchmark_is_taken_over(tmp_path, capsys):
    from src.evaluation.measurement import Measurement

    measured = Measurement("peak memory, GB, batch 1", 6.0, 3, subject="finetune_256_lora")
    put(tmp_path, "bench_recipes", record([measured], "NVIDIA H200"))
    print_rows("memory of fine-tuning", tmp_path, "missing")
    (line,) = (each for each in capsys.readouterr().out.splitlines() if "ours" in each)
    assert "finetune_256_lora, batch 1" in line
    assert "ours 6 GB, n = 3, -0.5 (-7.7 %); within the tolerance" in line


def test_bytes_of_quantized_weights_stand_beside_the_reported_memory(tmp_path, capsys):
    from src.evaluation.measurement import Measurement

    measured = Measurement("weights without the image encoder, MB", 960.0, 1, subject="int8")
    put(tmp_path, "report_quantized", record([measured]))
    print_rows("quantization", tmp_path, "missing")
    (line,) = capsys.readouterr().out.splitlines()
    assert "ours 960 MB" in line
    assert "not the same thing: of which model" in line
