"""page.html: what a run asked, what came out, its figures, and how to get it again.

The figures lie beside the page; apart from them it needs nothing, no network and no script.
"""

from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path

from src.evaluation.measurement import Measurement
from src.report.record import Record
from src.report.tables import comparison
from src.whole_files import write_whole

STYLE = Path(__file__).with_name("page.css")
FILE_NAME = "page.html"


def write_page(record: Record, figures: Sequence[Path], folder: Path, question: str) -> Path:
    """Write the page beside its figures, whole or not at all (UserError), and return its path."""
    path = Path(folder) / FILE_NAME
    write_whole(path, page(record, [figure.name for figure in figures], question))
    return path


def page(
    record: Record,
    figures: Sequence[str],
    question: str,
    facts: Sequence[tuple[str, object]] = (),
) -> str:
    """The whole page; `figures` are file names in its folder, `facts` what it was made with too."""
    lines = [
        '<!doctype html>\n<html lang="en">\n<meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{escape(record.name)}</title>",
        f"<style>\n{STYLE.read_text(encoding='utf-8')}</style>",
        f'<p class="name">{escape(record.name)}</p>',
        f"<h1>{escape(question)}</h1>",
        f"<pre>{escape(record.command)}</pre>",
        f'<p class="meta">{escape(_when_and_where(record))}</p>',
        *_numbers(record),
        *(["<h2>What it looks like</h2>"] if figures else []),
        *map(_figure, figures),
        "<h2>What it was made with</h2>",
        *_facts([*facts, *_made_with(record)]),
        "<details><summary>Settings that are not defaults, and versions</summary>",
        *_facts([*record.config_difference.items(), *record.versions.items()]),
        "</details>\n</html>",
    ]
    return "\n".join(lines) + "\n"


def _numbers(record: Record) -> list[str]:
    """The table, a number a row and what it was measured on a column; notes below."""
    if not record.measurements:
        return [f'<p class="note">{escape(record.not_measured or "No numbers.")}</p>']
    subjects, rows = comparison(record.measurements)
    notes = dict.fromkeys(
        f"{each.name}: {each.small_print}" for each in record.measurements if each.small_print
    )
    return [
        "<h2>What came out</h2>",
        '<div class="wide"><table>',
        _row("th", ["", *map(escape, subjects)]),
        *(_row("td", [_name(name, found), *map(_cell, found)]) for name, found in rows),
        "</table></div>",
        '<p class="note">Small below a value: the interval around it, and how many pictures it '
        "was measured on. Arrows say which way is better.</p>",
        *(f'<p class="note">{escape(note)}</p>' for note in notes),
    ]


def _name(name: str, found: Sequence[Measurement | None]) -> str:
    """What was measured, with an arrow that points where better is."""
    is_higher_better = next(each for each in found if each).is_higher_better
    return f"{escape(name)} {'↑' if is_higher_better else '↓'}"


def _cell(measurement: Measurement | None) -> str:
    """A value above its interval and its sample count; empty where nothing was measured."""
    if measurement is None:
        return ""
    value, _, interval = measurement.text.partition(" (")
    said = [interval.removesuffix(")")] if interval else []
    said.append(f"n = {measurement.samples}")
    if measurement.bias is not None:
        said.append(f"too large by about {measurement.bias:.2f}")
    return escape(value) + "".join(f"<small>{escape(text)}</small>" for text in said)


def _figure(file_name: str) -> str:
    name = Path(file_name).stem.replace("_", " ")
    return (
        f"<figure><figcaption>{escape(name)}</figcaption>"
        f'<a href="{escape(file_name)}"><img src="{escape(file_name)}" alt="{escape(name)}"></a>'
        "</figure>"
    )


def _when_and_where(record: Record) -> str:
    parts = (record.recorded, record.device, f"{record.seconds:.0f} seconds")
    return " · ".join(part for part in parts if part)


def _made_with(record: Record) -> list[tuple[str, object]]:
    commit = record.commit or "not a git checkout"
    return [
        *((f"weights of {model}", digest) for model, digest in record.weights.items()),
        *((f"seeds of {what}", seeds) for what, seeds in record.seeds.items()),
        ("data", record.data_hash or "none"),
        ("commit", f"{commit}{', with changes' if record.is_dirty else ''}"),
        *((f"tree hash of {part}", digest) for part, digest in record.code.items()),
    ]


def _facts(pairs: Iterable[tuple[str, object]]) -> list[str]:
    lines = [f"<dt>{escape(name)}</dt><dd>{escape(str(said))}</dd>" for name, said in pairs]
    return ["<dl>", *lines, "</dl>"] if lines else []


def _row(tag: str, cells: Sequence[str]) -> str:
    return "<tr>" + "".join(f"<{tag}>{text}</{tag}>" for text in cells) + "</tr>"
