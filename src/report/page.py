"""page.html: what a run asked, what came out, its figures, and how to get it again."""

from collections.abc import Sequence
from html import escape
from pathlib import Path

from src.report.record import Record
from src.report.tables import rows
from src.whole_files import write_whole

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; color: #1f2430; max-width: 62rem; margin: 2rem auto;
       padding: 0 1rem; }
h1 { font-size: 1.4rem; } img { max-width: 100%; margin: 1rem 0; image-rendering: auto; }
table { border-collapse: collapse; margin: 1rem 0; } th, td { padding: .3rem .8rem;
       border-bottom: 1px solid #d7dbe2; text-align: right; } td:first-child { text-align: left; }
code { background: #eef0f4; padding: .1rem .3rem; } dl { color: #6b7280; }
"""


def write_page(record: Record, figures: Sequence[Path], folder: Path, question: str) -> Path:
    """Write the page beside its figures, whole or not at all (UserError), and return its path."""
    head, cells = rows(record.measurements)
    lines = [
        f"<!doctype html><html lang=en><meta charset=utf-8><title>{escape(record.name)}</title>",
        f"<style>{STYLE}</style>",
        f"<h1>{escape(record.name)}: {escape(question)}</h1>",
        f"<p><code>{escape(record.command)}</code></p>",
        "<table>",
        _row("th", head),
        *(_row("td", line) for line in cells),
        "</table>",
        *(f'<p><img src="{escape(path.name)}" alt="{escape(path.stem)}"></p>' for path in figures),
        "<dl>",
        *(f"<dt>{escape(name)}</dt><dd>{escape(str(said))}</dd>" for name, said in _facts(record)),
        "</dl></html>",
    ]
    path = folder / "page.html"
    write_whole(path, "\n".join(lines) + "\n")
    return path


def _row(tag: str, cells: Sequence[str]) -> str:
    return "<tr>" + "".join(f"<{tag}>{escape(text)}</{tag}>" for text in cells) + "</tr>"


def _facts(record: Record) -> list[tuple[str, object]]:
    weights = ", ".join(f"{model} {digest}" for model, digest in record.weights.items())
    return [
        ("weights", weights),
        ("seeds", record.seeds),
        ("device", record.device),
        ("seconds", record.seconds),
        ("commit", f"{record.commit}{' with changes' if record.is_dirty else ''}"),
        ("recorded", record.recorded),
    ]
