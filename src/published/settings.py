"""Read and write a model's settings in the published layout: one flat JSON object beside its weights.

Imports no torch, so that settings can be composed and checked before anything heavy is loaded.
"""

from collections.abc import Mapping
from dataclasses import asdict, fields
from types import NoneType, UnionType
from typing import Any, TypeVar, get_args, get_origin

from src.errors import UserError, nearest

Settings = TypeVar("Settings")


def read_settings(kind: type[Settings], published: Mapping[str, Any], place: str) -> Settings:
    """Turn a published JSON object into the dataclass `kind`; what it does not name keeps its default.

    place: where the object came from, for the error's sentence (a file, a preset).

    Keys that begin with an underscore describe the file, not the model, and are left out. Raises
    UserError for a key the dataclass lacks and for a value of the wrong type.
    """
    given = {key: value for key, value in published.items() if not key.startswith("_")}
    known = {field.name for field in fields(kind)}
    for key in given:
        if key not in known:
            raise UserError(f"{place} has the unknown setting '{key}': {nearest(key, known)}")
    settings = kind(**given)
    check_types(settings, place)
    return settings


def write_settings(settings: Any, class_name: str, library_version: str) -> dict[str, Any]:
    """The published JSON object of `settings`, with the class and version that can open it."""
    header = {"_class_name": class_name, "_diffusers_version": library_version}
    return header | dict(sorted(asdict(settings).items()))


def check_types(settings: Any, place: str) -> None:
    """Raise UserError for the first value whose type is not the one its field declares."""
    for field in fields(settings):
        value = getattr(settings, field.name)
        if not _is_a(value, field.type):
            raise UserError(
                f"{place} has {field.name} = {value!r}, which should be {_in_words(field.type)}."
            )


def check_positive(settings: Any, names: tuple[str, ...], place: str) -> None:
    """Raise UserError for the first of the named numbers that is not above zero."""
    for name in names:
        value = getattr(settings, name)
        if value is not None and value <= 0:
            raise UserError(f"{place} has {name} = {value}, which should be above 0.")


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
