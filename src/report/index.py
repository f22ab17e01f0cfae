"""experiments/README.md: one row an experiment, written from the records and never by hand."""

from collections.abc import Sequence
from typing import NamedTuple

from src.errors import UserError
from src.evaluation.measurement import Measurement
from src.experiments import Header
from src.report.record import Record

MOST_NUMBERS = 4  # in one row
TITLE = """\
# Experiments

Written by `python -m src.run +exp=index` from the headers of `conf/exp` and the records here.
A record is stale when its configuration, its weights or the code have moved on since it was made.
"""
BEGIN, END = "<!-- results: written by python -m src.run +exp=index -->", "<!-- results end -->"
HEAD = ("experiment", "question", "what came out", "recorded", "state", "cost")


class Row(NamedTuple):
    header: Header
    record: Record | None  # None: was not run yet
    stale_reasons: list[str]  # empty: the record is current


def index(rows: Sequence[Row]) -> str:
    """The whole file: experiments with their numbers, then the commands."""
    lines = [TITLE, _line(HEAD), _line(["---"] * len(HEAD))]
    lines += [_line(_cells(row)) for row in rows if row.header.kind == "experiment"]
    lines += ["", "Commands, which ask nothing and have no record:", ""]
    lines += [
        f"- `{row.header.command}`: {row.header.question}"
        for row in rows
        if row.header.kind == "command"
    ]
    return "\n".join(lines) + "\n"


def with_results(page: str, table: str) -> str:
    """The front page with the table between its two marks, which have to be there."""
    before, _, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not end:
        raise UserError(f"README.md lacks the marks '{BEGIN}' and '{END}' around its results.")
    return f"{before}{BEGIN}\n\n{table}\n{END}{after}"


def _cells(row: Row) -> list[str]:
    header, record = row.header, row.record
    name = f"[{header.name}]({header.name}/README.md)"
    if record is None:
        return [name, header.question, "not measured yet", "", "", header.cost]
    return [
        name,
        header.question,
        record.not_measured or "<br>".join(map(_number, _shown(record.measurements))),
        record.recorded.partition(" ")[0],
        f"stale: {'; '.join(row.stale_reasons)}" if row.stale_reasons else "current",
        header.cost,
    ]


def _shown(measurements: Sequence[Measurement]) -> list[Measurement]:
    """The first few numbers, without the yardsticks that stand beside them in the full table."""
    main = [each for each in measurements if each.subject == "generated pictures"]
    return list(main or measurements)[:MOST_NUMBERS]


def _number(measurement: Measurement) -> str:
    subject = "" if measurement.subject == "generated pictures" else f", {measurement.subject}"
    count = f", n = {measurement.samples}" if measurement.num_samples > 1 else ""
    return f"{measurement.name}{subject}: {measurement.text}{count}"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"
