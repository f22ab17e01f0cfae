"""experiments/report/README.md: every reported figure beside ours, written from the records."""

from collections.abc import Mapping, Sequence
from itertools import groupby

from src.report.beside import Beside
from src.report.record import Record
from src.report.reported import number
from src.report.tables import markdown_table

TITLE = """\
# The report's figures, beside ours

Written by `python -m src.run +exp=report` from the records beside this folder, never by hand.
Reported: aMUSEd's technical report (arXiv 2401.01808). How a figure is known: "raw data" stands in
its authors' repositories, "computed" follows from their settings, "second hand" is what others
tell of the report. A number of ours that was made in another way has no verdict, only what differs.
A record is stale when its settings, its weights or the code have moved on since it was made.
"""
HEAD = ("reported figure", "reported", "known from", "ours", "difference", "verdict")
BESIDES = {  # experiments whose records answer to no reported figure, and why
    "report_latency": "Our own times. The report has none of a processor or beside diffusers.",
    "bench_generate": "The whole pipeline beside diffusers and the floor. The report has neither.",
    "evaluate": "The shipped glyph model, seen by its own CLIP. The report has no such model.",
}


def report_page(
    rows: Sequence[Beside],
    records: Mapping[str, Record],
    figures: Mapping[str, str],
    stale: Mapping[str, Sequence[str]] | None = None,
) -> str:
    """The whole page.

    Args:
        records: by experiment, of those that have one.
        figures: file name in the page's folder: what it shows.
        stale: why a record is not of today's code, by its name in `records`; none = current.
    """
    origins = {name: _origin(each, (stale or {}).get(name, ())) for name, each in records.items()}
    parts = [TITLE, _summary(rows)]
    parts += [f"![{what}]({file})\n" for file, what in figures.items()]
    for section, group in groupby(rows, key=lambda row: row.figure.section):
        parts.append(_section(section, list(group), origins))
    for experiment, why in BESIDES.items():
        for name, record in records.items():
            if name.partition("/")[0] == experiment:
                parts.append(_besides(name, record, why, origins[name]))
    return "\n".join(parts)


def _summary(rows: Sequence[Beside]) -> str:
    compared = [row for row in rows if row.ours is not None and not row.differs]
    within = sum(row.figure.is_within(row.ours.value) for row in compared)
    other = sum(row.ours is not None and bool(row.differs) for row in rows)
    return (
        f"{len(rows)} figures: {len(compared)} compared, {within} of them within their tolerance; "
        f"{other} beside a number that was made in another way; "
        f"{len(rows) - len(compared) - other} not measured here.\n"
    )


def _section(name: str, rows: Sequence[Beside], origins: Mapping[str, str]) -> str:
    sources = dict.fromkeys(row.figure.source for row in rows)
    notes = dict.fromkeys(row.figure.note for row in rows if row.figure.note)
    shared = _shared(rows)
    lines = [f"## {name[0].upper()}{name[1:]}\n", f"Reported in: {'; '.join(sources)}."]
    if shared:
        lines.append(f"All with {_in_words(shared)}.")
    lines += ["", _line(HEAD), _line(["---", "--:", "---", "--:", "--:", "---"])]
    lines += [_line(_cells(row, shared)) for row in rows]
    measured = {row.figure.experiment for row in rows if row.ours is not None}
    ours = [told for name, told in origins.items() if name.partition("/")[0] in measured]
    lines += ["", *(f"Note: {note}." for note in notes), *ours]
    return "\n".join(lines) + "\n"


def _shared(rows: Sequence[Beside]) -> dict:
    """The conditions that all of a section have in common."""
    first, *others = (row.figure.conditions for row in rows)
    return {
        key: value
        for key, value in first.items()
        if all(key in each and each[key] == value for each in others)
    }


def _cells(row: Beside, shared: Mapping) -> list[str]:
    figure = row.figure
    own = {key: value for key, value in figure.conditions.items() if key not in shared}
    name = ", ".join(text for text in (figure.quantity, _in_words(own)) if text)
    ours = "" if row.ours is None else f"{number(row.ours.value)} {figure.unit}".strip()
    if row.ours is not None and row.ours.low is not None and row.ours.high is not None:
        ours += f" ({number(row.ours.low)} to {number(row.ours.high)})"
    if row.ours is not None and row.ours.num_samples > 1:
        ours += f", n = {row.ours.samples}"
    difference = "" if row.differs else row.difference
    value = f"{number(figure.value)} {figure.unit}".strip()
    return [name, value, figure.known, ours, difference, row.verdict]


def line_of(row: Beside) -> str:
    """A row for the terminal: "peak memory, recipe ...: reported 6.5 GB; ..."."""
    name, value, known, ours, difference, verdict = _cells(row, {})
    told = [
        f"reported {value} ({known})",
        *([", ".join(filter(None, (f"ours {ours}", difference)))] if ours else []),
        verdict,
    ]
    return f"{name}: {'; '.join(told)}"


def _in_words(conditions: Mapping) -> str:
    return ", ".join(f"{key} {value}" for key, value in conditions.items())


def _besides(name: str, record: Record, why: str, origin: str) -> str:
    notes = dict.fromkeys(each.note for each in record.measurements if each.note)
    told = "".join(f"\nNote: {note}.\n" for note in notes)
    head = f"## Measured besides: {name}"
    return f"{head}\n\n{why}\n\n{markdown_table(record.measurements)}\n{origin}\n{told}"


def _origin(record: Record, stale: Sequence[str]) -> str:
    """Which command gave a record, when and where, and whether it is stale."""
    state = f" Stale: {'; '.join(stale)}." if stale else ""
    return f"By `{record.command}`, {record.recorded}, {record.device}.{state}"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"
