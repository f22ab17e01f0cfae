"""The notebooks as a static site: each executed page, and one that leads to them in reading order.

A page is what JupyterLab shows, as one HTML file with its pictures inside: no network, no kernel.
"""

import hashlib
import re
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import NamedTuple

from src.report.page import STYLE

MADE_FROM = "made-from"  # the name under which a page says what it was made from
MARKED = re.compile(r"\*\*(Question|Time)\.\*\*\s+(.+?)(?=\n\n|\Z)", re.DOTALL)


class Chapter(NamedTuple):
    """What the first cell of a notebook says of it."""

    name: str  # of the file, without its ending
    title: str
    question: str
    time: str


def read_chapter(path: Path) -> Chapter:
    """Title, question and time as the first cell states them."""
    import nbformat

    first = nbformat.read(path, as_version=4).cells[0].source
    said = {key: " ".join(text.split()) for key, text in MARKED.findall(first)}
    title = first.splitlines()[0].lstrip("# ")
    return Chapter(path.stem, title, said.get("Question", ""), said.get("Time", ""))


def made_from(path: Path, code_hash: str, read: Sequence[Path]) -> str:
    """A hash of the notebook, its code and the files it may read: the same means the same page."""
    digest = hashlib.sha256(path.read_bytes() + code_hash.encode())
    for each in sorted(read):
        digest.update(each.name.encode() + each.read_bytes())
    return digest.hexdigest()[:16]


def is_current(page: Path, source: str) -> bool:
    """Whether a page was made from just this."""
    return page.is_file() and mark(source) in page.read_text(encoding="utf-8")


def mark(source: str) -> str:
    return f'<meta name="{MADE_FROM}" content="{source}">'


def notebook_page(executed, chapter: Chapter, source: str) -> str:
    """One executed notebook as HTML; `executed` is nbformat's node."""
    from nbconvert import HTMLExporter

    exporter = HTMLExporter(template_name="lab", embed_images=True)
    exporter.mathjax_url = exporter.require_js_url = exporter.jquery_url = ""
    exporter.widget_renderer_url = ""
    html, _ = exporter.from_notebook_node(executed)
    html = re.sub(r"<title>.*?</title>", f"<title>{escape(chapter.title)}</title>", html)
    return html.replace("<head>", f"<head>{mark(source)}", 1)


def index_page(chapters: Sequence[Chapter]) -> str:
    """The first page: what each notebook asks, in reading order."""
    entries = [
        f'<h2><a href="{escape(each.name)}.html">{escape(each.title)}</a></h2>\n'
        f'<p>{escape(each.question)}</p>\n<p class="note">{escape(each.time)}</p>'
        for each in chapters
    ]
    return "\n".join(
        [
            '<!doctype html>\n<html lang="en">\n<meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            "<title>aMUSEd, looked into</title>",
            f"<style>\n{STYLE.read_text(encoding='utf-8')}</style>",
            '<p class="name">notebooks</p>',
            "<h1>A masked image model, looked into</h1>",
            *entries,
            "</html>\n",
        ]
    )
