"""A folder of pictures belongs to what it was begun with; `asked.json` in it says what that was."""

import json
import warnings
from pathlib import Path
from typing import Any

from src.errors import UserError
from src.experiments import ROOT
from src.report.code_at_start import code_at_start
from src.whole_files import write_whole

ASKED = "asked.json"
DRAWS = "generate"  # the task that does nothing but draw; its code is that of pictures


class OtherCode(UserWarning):
    """Pictures of a folder were drawn by other code than those that follow."""


def claim(folder: Path, asked: dict[str, Any], device: str) -> None:
    """Write what is asked for, or compare it with what the folder was begun with.

    Other code is told and goes on: most of it changes no picture, and nobody can know.

    Args:
        asked: all that decides the pictures, in plain data.
        device: "cuda:1"; its kind counts, since a seed draws other tokens on another kind.

    Raises:
        UserError: pictures of something else, or of another kind of device, are there.
    """
    path = folder / ASKED
    kind, code = device.partition(":")[0], code_at_start(DRAWS, ROOT).used
    if not path.is_file() or not any(folder.rglob("*.png")):
        content = asked | {"device": kind, "code": code}
        write_whole(path, json.dumps(content, indent=1) + "\n")
        return
    begun = _read(path)
    begun_on, begun_by = begun.pop("device", None), begun.pop("code", None)
    if begun != json.loads(json.dumps(asked)):
        raise UserError(
            f"{folder} holds pictures of other prompts, seeds, settings or weights: move it away "
            "to draw these."
        )
    if begun_on != kind:
        raise UserError(
            f"{folder} holds pictures drawn on {begun_on or 'an unknown device'}, and this is "
            f"{kind}, where the same seeds draw other ones: give device={begun_on or kind}, or "
            "move the folder away to draw all of them anew."
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
