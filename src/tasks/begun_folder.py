"""A folder of pictures belongs to what it was begun with; `asked.json` in it says what that was."""

import json
import warnings
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from src.errors import UserError
from src.experiments import ROOT
from src.report.code_at_start import code_at_start
from src.tasks.own_share import one_by_one
from src.whole_files import write_whole

ASKED = "asked.json"
DRAWS = "generate"  # the task that does nothing but draw; its code is that of pictures


class OtherCode(UserWarning):
    """Pictures of a folder were drawn by other code than those that follow."""


def claim(folder: Path, asked: dict[str, Any], device: str, locks: Path | None = None) -> None:
    """Write what is asked for, or compare it with what the folder was begun with.

    Other code is told and goes on: most of it changes no picture, and nobody can know.

    Args:
        asked: all that decides the pictures, in plain data.
        device: "cuda:1"; its kind counts, since a seed draws other tokens on another kind.
        locks: where shares of the folder are taken; whoever took the first one has called
            `forget_unused`, and what is there since binds all, drawn or not. None = no shares.

    Raises:
        UserError: pictures of something else, or of another kind of device, are there or begun.
    """
    kind, code = device.partition(":")[0], code_at_start(DRAWS, ROOT).used
    with nullcontext() if locks is None else one_by_one(locks):
        if locks is None:
            forget_unused(folder)
        path = folder / ASKED
        if not path.is_file():
            content = asked | {"device": kind, "code": code}
            write_whole(path, json.dumps(content, indent=1) + "\n")
            return
        begun = _read(path)
    begun_on, begun_by = begun.pop("device", None), begun.pop("code", None)
    _refuse_other(folder, begun, json.loads(json.dumps(asked)))
    if begun_on != kind:
        raise UserError(
            f"{folder} is drawn on {begun_on or 'an unknown device'}, and this is {kind}, where "
            f"the same seeds draw other pictures: give device={begun_on or kind}, or move the "
            "folder away to draw all of them anew."
        )
    if begun_by != code:
        changed = {
            room for room in {*code, *(begun_by or {})} if _of(begun_by, room) != _of(code, room)
        }
        warnings.warn(
            f"{folder} holds pictures drawn by other code ({', '.join(sorted(changed))}): move it "
            "away if the change touches what is drawn.",
            OtherCode,
            stacklevel=3,
        )


def forget_unused(folder: Path) -> None:
    """A beginning that left no picture binds nobody."""
    if not _has_pictures(folder):
        (folder / ASKED).unlink(missing_ok=True)


def _has_pictures(folder: Path) -> bool:
    return any(folder.rglob("*.png"))


def _refuse_other(folder: Path, begun: dict[str, Any], asked: dict[str, Any]) -> None:
    """Raise UserError unless both are the same."""
    if begun == asked:
        return
    if _has_pictures(folder):
        raise UserError(
            f"{folder} holds pictures of other prompts, seeds, settings or weights: move it away "
            "to draw these."
        )
    changed = sorted(
        key
        for key in {*begun, *asked}
        if (key in begun, begun.get(key)) != (key in asked, asked.get(key))
    )
    raise UserError(
        f"Another share of {folder} was begun with another {', '.join(changed)}: give all shares "
        "the same, or another output_dir."
    )


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(content, dict):
            raise ValueError("it holds no object")
    except ValueError as error:
        raise UserError(f"{path} is damaged ({error}): move its folder away.") from error
    return content


def _of(code: dict[str, str] | None, room: str) -> str | None:
    return (code or {}).get(room)
