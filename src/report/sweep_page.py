"""The page of an ablation in words: what was asked, what came out, what can be said and what not.

Every sentence about a result follows from the numbers by src/report/answers.py; none is typed.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from src.evaluation.measurement import Measurement
from src.report.answers import (
    Compared,
    Measure,
    about_many,
    can_be_concluded,
    cannot_be_concluded,
)
from src.report.interactions import Interaction, in_words
from src.report.tables import turned_rows

FILE_NAME = "README.md"


class Findings(NamedTuple):
    """A sweep, compared with its baseline."""

    measure: Measure
    baseline: Compared
    compared: list[Compared]  # the other cells
    measurements: list[Measurement]  # of all cells
    confidence: float
    interactions: Sequence[Interaction] = ()  # of two factors
    trainings: int = 1  # that every setting was tried in, one a seed


def conclusions(findings: Findings) -> dict[str, list[str]]:
    """Sentences by heading."""
    told = findings.compared, findings.baseline, findings.measure
    can, cannot = can_be_concluded(*told), cannot_be_concluded(*told, findings.trainings)
    for each in findings.interactions:
        sentences = can if each.difference.is_decided else cannot
        sentences.append(in_words(each, findings.measure))
    return {"What can be concluded": can, "What cannot be concluded": cannot}


def page(
    name: str,
    header: Mapping[str, str],
    findings: Findings,
    figures: Sequence[str],
    command: str,
    origin: str,
) -> str:
    """The page as markdown; `figures` lie in its folder, `origin` says when and on what."""
    family = about_many(findings.compared, findings.confidence, len(findings.interactions))
    lines = [
        f"# {name}",
        "",
        f"**Question.** {_sentence(header['question'])}",
        "",
        f"**What was run.** `{command}`, {origin}.",
        "",
        f"**Expected beforehand.** {_sentence(header['expect'])}",
        "",
        f"Compared by {findings.measure.name}, picture by picture with the same prompts and seeds, "
        f"against `{findings.baseline.label}` "
        f"({findings.measure.level(findings.baseline.level)}). "
        f"{family} {_intervals(findings.trainings)}",
    ]
    for heading, sentences in conclusions(findings).items():
        lines += ["", f"## {heading}", "", *(f"- {sentence}" for sentence in sentences)]
    lines += ["", "## Numbers", "", cells_table(findings.measurements).rstrip()]
    for figure in figures:
        lines += ["", f"![{figure.partition('.')[0]}]({figure})"]
    lines += [
        "",
        "Written from the record by the run itself; `table.parquet` in the sweep's folder holds "
        "the same numbers, and every cell its pictures' own values.",
    ]
    return "\n".join(lines) + "\n"


def cells_table(measurements: Sequence[Measurement]) -> str:
    """A row a cell, a column a number."""
    head, cells = turned_rows(measurements)
    lines = [head, ["---", *["--:"] * (len(head) - 1)], *cells]
    return "".join(f"| {' | '.join(text.replace('|', '/') for text in line)} |\n" for line in lines)


def _intervals(trainings: int) -> str:
    """What the intervals are, and what the effect size is of."""
    if trainings == 1:
        return (
            "The intervals are percentiles of 10,000 resamples of the pictures; Cohen's d is of "
            "the paired differences."
        )
    return (
        f"Every setting was trained with the same {trainings} seeds. The intervals are for other "
        "trainings and other prompts than these (crossed random effects, Satterthwaite's degrees "
        "of freedom); Cohen's d is of the differences of the prompts, averaged over trainings."
    )


def _sentence(text: str) -> str:
    capital = text[:1].upper() + text[1:]
    return capital if capital.endswith((".", "?")) else f"{capital}."
