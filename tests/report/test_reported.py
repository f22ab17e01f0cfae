"""The report's figures: all there, none twice, each with its source and how it is known."""

import json

import pytest

from src.report.reported import FILE, KNOWN, Reported, number, reported

BY_SECTION = {
    "quality against guidance": 66,  # 2 models x 11 guidance values x 3 numbers
    "time of a picture": 60,  # 15 systems x 2 devices x 2 batch sizes
    "memory of a picture": 60,
    "time of a picture, other kernels": 48,
    "torch.compile": 12,
    "parameters": 20,
    "file sizes": 12,
    "memory of fine-tuning": 20,
    "recipes of fine-tuning": 23,
    "quantization": 1,
}


def found(section: str, **conditions) -> list[float]:
    return [
        each.value
        for each in reported()
        if each.section == section and conditions.items() <= each.conditions.items()
    ]


def test_every_table_and_curve_is_there_whole():
    counts = {}
    for each in reported():
        counts[each.section] = counts.get(each.section, 0) + 1
    assert counts == BY_SECTION


def test_some_figures_as_they_are_printed():
    quality = {
        each.quantity: each.value
        for each in reported()
        if each.conditions.get("guidance") == 10 and each.conditions["model"] == "amused_256"
    }
    assert quality == {"FID": 59.13854, "CLIP score": 25.319, "Inception score": 15.793239}
    at = {"model": "amused_512", "steps": 12, "batch": 8, "device": "A100"}
    assert found("time of a picture", **at) == [1.004467]
    compiled = {"model": "amused_256", "batch": 1, "attention": "flash, compiled"}
    assert found("torch.compile", **compiled) == [0.2121]
    at_once = {"recipe": "finetune_256_8bit", "accumulation": 16}
    assert found("memory of fine-tuning", **at_once) == [10.7]


def test_every_figure_says_where_it_is_from():
    for each in reported():
        assert each.source
        assert each.known in KNOWN
    hearsay = [each for each in reported() if each.known == "second hand"]
    assert {each.quantity for each in hearsay} == {
        "parameters",
        "memory of the whole model, 8-bit",
    }


def test_the_experiments_named_exist():
    from src.experiments import experiments

    names = {header.name for header in experiments()}
    assert {each.experiment for each in reported() if each.experiment} <= names


def test_no_source_is_without_a_figure():
    content = json.loads(FILE.read_text(encoding="utf-8"))
    assert {group["source"] for group in content["groups"]} == content["sources"].keys()


@pytest.mark.parametrize(
    ("kind", "tolerance", "value", "is_within", "text"),
    [
        ("share", 0.1, 11.0, True, "10 %"),
        ("share", 0.1, 11.1, False, "10 %"),
        ("amount", 0.5, 9.5, True, "0.5 s"),
        ("amount", 0.5, 9.4, False, "0.5 s"),
        ("amount", 0.0, 10.0, True, "exactly"),
        ("amount", 0.0, 10.001, False, "exactly"),
    ],
)
def test_a_tolerance_is_a_share_or_an_amount(kind, tolerance, value, is_within, text):
    figure = Reported("a", "time", 10.0, "s", "raw data", "b", tolerance, kind, None, {})
    assert figure.is_within(value) == is_within
    assert figure.tolerance_text == text


def test_how_a_figure_is_known_is_one_of_three():
    with pytest.raises(ValueError, match="how it is known"):
        Reported("a", "time", 10.0, "s", "hearsay", "b", 0.1, "share", None, {})


def test_counts_keep_all_their_digits():
    assert number(603537664) == "603,537,664"
    assert number(43.64503) == "43.645"
