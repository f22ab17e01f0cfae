"""Read and write a model's settings in the published layout: a flat JSON object beside its weights.

Imports no torch, so that settings can be composed and checked before anything heavy is loaded.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, TypeVar, get_args, get_origin

from src.errors import UserError, nearest

Settings = TypeVar("Settings")


def read_settings(kind: type[Settings], published: Mapping[str, Any], place: str) -> Settings:
    """Turn a published JSON object into the dataclass `kind`; keys it lacks keep their defaults.

    place: where the object came from, for the error's sentence (a file, a preset).

    Keys that begin with an underscore describe the file, not the model, and are left out. Raises
    UserError for a key the dataclass lacks and for a value of the wrong type.
    """
    given = {key: value for key, value in published.items() if not key.startswith("_")}
    declared = {field.name: field.type for field in fields(kind)}
    for key, value in given.items():
        if key not in declared:
            raise UserError(f"{place} has the unknown setting '{key}': {nearest(key, declared)}")
        _check_type(key, value, declared[key], place)
    return kind(**given)


def check_complete(published: Mapping[str, Any], required: tuple[str, ...], place: str) -> None:
    """Raise UserError for the first key that every published file has and this one has lost."""
    for key in required:
        if key not in published:
            raise UserError(f"{place} lacks '{key}', which every such file has: copy it again.")


def write_settings(settings: Any, class_name: str, library_version: str) -> dict[str, Any]:
    """The published JSON object of `settings`, with the class and version that can open it."""
    header = {"_class_name": class_name, "_diffusers_version": library_version}
    return header | dict(sorted(asdict(settings).items()))


def read_preset(folder: Path, name: str, noun: str) -> dict[str, Any]:
    """The JSON object `folder/NAME.json`; raises UserError, with the known names, if there is none.

    noun: what the folder holds, for the error's sentence ("transformer preset").
    """
    known = [path.stem for path in folder.glob("*.json")]
    if name not in known:
        raise UserError(f"There is no {noun} '{name}': {nearest(name, known)}")
    return json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))


def check_types(settings: Any, place: str) -> None:
    """Raise UserError for the first value whose type is not the one its field declares."""
    for field in fields(settings):
        _check_type(field.name, getattr(settings, field.name), field.type, place)


def check_positive(settings: Any, names: tuple[str, ...], place: str) -> None:
    """Raise UserError for the first of the named numbers that is not above zero."""
    for name in names:
        value = getattr(settings, name)
        if value is not None and value <= 0:
            raise UserError(f"{place} has {name} = {value}, which should be above 0.")


def check_at_most(settings: Any, limits: Mapping[str, int], place: str) -> None:
    """Raise UserError for the first of the named numbers that is larger than any model's."""
    for name, most in limits.items():
        value = getattr(settings, name)
        if value > most:
            raise UserError(f"{place} has {name} = {value}, which should be {most:,} or less.")


def _check_type(name: str, value: Any, kind: Any, place: str) -> None:
    if not _is_a(value, kind):
        raise UserError(f"{place} has {name} = {value!r}, which should be {_in_words(kind)}.")


def _is_a(value: Any, kind: Any) -> bool:
    if isinstance(kind, UnionType):
        return any(_is_a(value, choice) for choice in get_args(kind))
    if get_origin(kind) is list:
        (item,) = get_args(kind)
        return isinstance(value, list) and all(_is_a(entry, item) for entry in value)
    if kind is float:  # a whole number may stand for a fraction, but True may not stand for 1
        return isinstance(value, int | float) and not isinstance(value, bool)
    return isinstance(value, kind) and (kind is bool or not isinstance(value, bool))


def _in_words(kind: Any) -> str:
    if isinstance(kind, UnionType):
        return " or ".join(_in_words(choice) for choice in get_args(kind))
    if get_origin(kind) is list:
        (item,) = get_args(kind)
        return f"a list, each entry {_in_words(item)}"
    return {
        int: "a whole number",
        float: "a number",
        bool: "true or false",
        str: "a text",
        NoneType: "null",
    }[kind]
