"""Rows that cannot be trained on: why, how many, and the point where there are too many.

The list is a file of the run, one JSON object a line, so that a resumed run knows it and a person
can mend the data.
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from src.errors import UserError
from src.whole_files import write_whole

FILE_NAME = "bad_rows.jsonl"
FEWEST = 20  # rows; a share of fewer says nothing yet


class BadRowError(Exception):
    """A row of the data that no model can learn from. Its text says why, in a few words."""


class Refusal(NamedTuple):
    """One bad row of a table."""

    row: int  # its number in the table, from 0
    place: str  # its file's name where it has one
    reason: str


def write_refusals(refusals: Iterable[Refusal], path: Path) -> None:
    """Replace the list at `path`: sorted, a JSON object a line."""
    entries = (each._asdict() for each in sorted(refusals))
    lines = (json.dumps(entry, ensure_ascii=False) + "\n" for entry in entries)
    write_whole(path, "".join(lines))


class BadRows:
    """The bad rows met so far, sorted, each once, and the share of them that is still borne.

    The share is that of the rows met by this process: good ones leave no list behind, so a resumed
    run that counted the listed ones would find too many bad.
    """

    def __init__(self, path: Path, max_ratio: float):
        """Go on with the list at `path` where there is one."""
        self.path, self.max_ratio = Path(path), max_ratio
        self.refusals: dict[int, Refusal] = {}
        self.rows_met: set[int] = set()
        self.bad_met: set[int] = set()
        if self.path.is_file():
            lines = self.path.read_text(encoding="utf-8").splitlines()
            self.refusals = {each.row: each for each in (Refusal(**json.loads(x)) for x in lines)}

    def note(self, rows: list[int], refusals: list[Refusal]) -> None:
        """Count rows that were good and rows that were bad; write the list if it has grown.

        Raises:
            UserError: more than `max_ratio` of the rows met so far are bad.
        """
        new = {each.row: each for each in refusals if each.row not in self.refusals}
        self.bad_met.update(each.row for each in refusals)
        self.rows_met.update(rows, self.bad_met)
        self.refusals |= new
        if new:
            write_refusals(self.refusals.values(), self.path)
            self._check()

    def _check(self) -> None:
        num_bad, num_met = len(self.bad_met), max(len(self.rows_met), FEWEST)
        if num_bad > self.max_ratio * num_met:
            example = min(self.refusals.values())
            place = f" ({example.place})" if example.place else ""
            raise UserError(
                f"{num_bad} of the {len(self.rows_met)} rows met so far are bad, more than "
                f"data.max_bad_ratio={self.max_ratio:g}; for example row "
                f"{example.row}{place}: {example.reason}. All of them: {self.path}."
            )
