"""Which experiments exist: the headers of `conf/exp`, read as text so that listing is instant."""

import re
from pathlib import Path
from typing import NamedTuple

from src.errors import UserError

ROOT = Path(__file__).resolve().parent.parent
CONF = ROOT / "conf"
RECORDS = ROOT / "experiments"
EMBEDDED_MODEL = RECORDS / "glyphs_uvit" / "model"  # shipped with the repository

HEADER_WORDS = ("Question", "Command", "Expect", "Cost")
KINDS = ("experiment", "command")  # the one asks and has a record, the other is a tool


class Header(NamedTuple):
    """What a file of `conf/exp` says about itself before any of it is composed."""

    name: str
    kind: str  # one of KINDS
    task: str
    question: str
    command: str
    expect: str
    cost: str


def read_header(path: Path) -> Header:
    """The header of one experiment file; raises UserError naming whatever it lacks."""
    text = path.read_text(encoding="utf-8")
    said = {word.lower(): _said(text, word) for word in HEADER_WORDS}
    keys = {key: _value(text, key) for key in ("name", "kind", "task")}
    for key, value in (said | keys).items():
        if not value:
            raise UserError(f"{path}: the header lacks '{key}'.")
    if keys["kind"] not in KINDS:
        raise UserError(f"{path}: kind is '{keys['kind']}', and has to be {' or '.join(KINDS)}.")
    return Header(**keys, **said)


def experiments(folder: Path = CONF / "exp") -> list[Header]:
    """Every experiment and command there is: `first_light` first, then by kind and name."""
    headers = [read_header(path) for path in folder.glob("*.yaml")]
    return sorted(headers, key=lambda header: (header.name != "first_light", header[1::-1]))


def own_grid(name: str) -> dict[str, str]:
    """What an experiment's file sweeps over, `hydra.sweeper.params`: {"seed": "1,2"}, or {}."""
    path = CONF / "exp" / f"{name}.yaml"
    text = path.read_text(encoding="utf-8")
    if "sweeper:" not in text:
        return {}
    import yaml  # late: the list of experiments needs none

    params = yaml.safe_load(text).get("hydra", {}).get("sweeper", {}).get("params", {})
    return {str(key): str(values) for key, values in params.items()}


def _said(text: str, word: str) -> str:
    """What follows `# Word:`, with its continuation lines (`#` and at least two blanks)."""
    match = re.search(rf"^# {word}:[ \t]*(.*(?:\n#[ \t]{{2,}}.*)*)", text, re.MULTILINE)
    if match is None:
        return ""
    return " ".join(line.lstrip("#").strip() for line in match[1].splitlines()).strip()


def _value(text: str, key: str) -> str:
    match = re.search(rf"^{key}:[ \t]*([^\s#]+)", text, re.MULTILINE)
    return match[1] if match else ""
