"""Prompts from a file, in the layouts that published prompt sets come in.

Text: a prompt a line. A table with a column of prompts: .csv, whose cells may be quoted, or .tsv,
where a quotation mark is a letter like others, as in PartiPrompts. JSON lines (.jsonl): texts, as
the authors' COCO prompts, or objects that hold one, as GenEval's.
"""

import csv
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from src.errors import UserError, cut, is_encodable, shown

LONGEST_FILE = 10 * 2**20  # bytes; more is surely not a list of prompts
PROMPT_COLUMNS = ("prompt", "caption", "text")  # in lower case, the first that is there counts
GROUP_COLUMNS = ("category", "tag", "group")
TABLES = {
    ".csv": {"delimiter": ","},
    ".tsv": {"delimiter": "\t", "quoting": csv.QUOTE_NONE},
}
MOST_NAMED = 5  # bad lines in one sentence


class Prompt(NamedTuple):
    text: str
    group: str  # what the file sorts it under: "Animals" (PartiPrompts), "counting" (GenEval), ""


class _BadLineError(Exception):
    """A line that holds no prompt. Its text says why, in a few words."""


def read_prompt_set(path: Path, key: str = "prompts_file") -> list[Prompt]:
    """The prompts of a file in its order.

    Lines of text and cells of a table lose the blanks around them, and empty lines of text are
    left out; a text in JSON stays as it is, since the authors drew with theirs unchanged.

    Args:
        key: the setting that named the file, for sentences about it.

    Raises:
        UserError: no file, not UTF-8, no prompt, or bad lines; those are told by their number.
    """
    place = f"{key}={cut(str(path))}"
    lines = _lines(path, place)
    read = _reader(path, lines, place)
    prompts, bad = [], []
    for number, line_prompt in read:
        try:
            prompts.append(_checked(line_prompt()))
        except _BadLineError as error:
            bad.append(f"line {number} {error}")
    if bad:
        more = f"; and {len(bad) - MOST_NAMED} more lines" if len(bad) > MOST_NAMED else ""
        raise UserError(f"{place} has bad lines: {'; '.join(bad[:MOST_NAMED])}{more}.")
    if not prompts:
        raise UserError(f"{place} has no prompts; write one a line.")
    return prompts


def _lines(path: Path, place: str) -> list[str]:
    try:
        if not path.is_file():
            raise UserError(f"{place} is not a file; give a text file, a prompt a line.")
        if path.stat().st_size > LONGEST_FILE:
            raise UserError(f"{place} is larger than 10 MiB; is it a list of prompts?")
        # only line feeds end a line: a prompt in JSON may hold signs that Python ends lines at
        return path.read_text(encoding="utf-8-sig").split("\n")
    except UnicodeDecodeError as error:
        raise UserError(
            f"{place} is not text in UTF-8 (byte {error.start}); save it as UTF-8."
        ) from error
    except OSError as error:
        raise UserError(f"{place} cannot be read: {error.strerror}.") from error


def _reader(path: Path, lines: list[str], place: str) -> Iterator[tuple[int, Callable]]:
    """The number of every line that should hold a prompt, and what reads it."""
    suffix = path.suffix.lower()
    if suffix in TABLES:
        return _table(lines, TABLES[suffix], place)
    if suffix == ".jsonl":
        return _each(lines, _from_json)
    return _each("\n".join(lines).splitlines(), lambda line: Prompt(line.strip(), ""))


def _each(lines: list[str], read: Callable[[str], Prompt]) -> Iterator[tuple[int, Callable]]:
    for number, line in enumerate(lines, start=1):
        if line.strip():
            yield number, lambda line=line: read(line)


def _from_json(line: str) -> Prompt:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise _BadLineError("is no JSON") from error
    if isinstance(row, str):
        return Prompt(row, "")
    if not isinstance(row, dict):
        raise _BadLineError("is neither a text nor an object in JSON")
    prompt, group = (_column(names, row) for names in (PROMPT_COLUMNS, GROUP_COLUMNS))
    if prompt is None:
        raise _BadLineError(f"has none of {', '.join(PROMPT_COLUMNS)}")
    if not isinstance(row[prompt], str):
        raise _BadLineError(f"has {shown(row[prompt])} for a {prompt}, which is not text")
    told = row[group] if group else ""
    return Prompt(row[prompt], told if isinstance(told, str) else "")


def _table(lines: list[str], layout: dict, place: str) -> Iterator[tuple[int, Callable]]:
    rows = csv.reader((f"{line}\n" for line in lines), **layout)
    head = next(rows, [])
    prompt, group = (_column(names, head) for names in (PROMPT_COLUMNS, GROUP_COLUMNS))
    if prompt is None:
        raise UserError(
            f"{place} has no column named {' or '.join(PROMPT_COLUMNS)} in its first line; it has "
            f"{cut(', '.join(head)) or 'none'}."
        )

    def read(row: list[str]) -> Prompt:
        if len(row) != len(head):
            raise _BadLineError(f"has {len(row)} columns, and the first line {len(head)}")
        cells = dict(zip(head, row, strict=True))
        return Prompt(cells[prompt].strip(), cells[group].strip() if group else "")

    first = rows.line_num + 1  # a quoted cell may hold line feeds
    try:
        for row in rows:
            if row:
                yield first, lambda row=row: read(row)
            first = rows.line_num + 1
    except csv.Error as error:
        raise UserError(f"{place} cannot be read from line {first} on: {error}.") from error


def _column(names: tuple[str, ...], there: list[str] | dict) -> str | None:
    """The first of the known names, however it is capitalised."""
    found = {str(name).strip().lower(): name for name in reversed(list(there))}
    return next((found[name] for name in names if name in found), None)


def _checked(prompt: Prompt) -> Prompt:
    if not prompt.text.strip():
        raise _BadLineError("has an empty prompt")
    if not is_encodable(prompt.text):
        raise _BadLineError(f"has {shown(prompt.text)}, which is not text in UTF-8")
    return prompt
