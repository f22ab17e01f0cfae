"""From overrides to a checked RunConfig: Hydra composes, and what it refuses becomes a sentence."""

import copy
import itertools
import re
import types
import typing
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from typing import Any, NamedTuple

from hydra import compose, initialize_config_dir
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf, flag_override
from omegaconf.errors import (
    ConfigAttributeError,
    ConfigKeyError,
    OmegaConfBaseException,
    ValidationError,
)
from yaml import YAMLError

from src.config import RunConfig, check, key_types
from src.errors import UserError, cut, nearest, shown
from src.experiments import CONF, experiments
from src.sampler_file import read_sampler
from src.task_settings import CHAIN_KEYS, OF_THE_RUN, READ_BY
from src.training.check import check_key_read

ConfigStore.instance().store(name="schema", node=RunConfig)

# the only code that a file may name
TARGETS = ("hydra.", "hydra_plugins.", "src.", "logging.", "colorlog.")
TYPE_WORDS = {int: "a whole number", float: "a number", bool: "true or false", str: "text"}
LIST_WORDS = {
    int: "whole numbers, as in [1,2]",
    float: "numbers, as in [1.5,2]",
    str: "texts, as in [a,b]",
}
HYDRA_KEYS = ("hydra.run.dir", "hydra.sweep.dir", "hydra.sweep.subdir", "hydra.verbose")  # of use
KEY_ERRORS = (ConfigAttributeError, ConfigKeyError)
PROMPT_KEYS = ("prompts", "negative_prompts")


class Composed(NamedTuple):
    config: RunConfig  # resolved, checked, plain dataclasses
    tree: DictConfig  # the same with interpolations, and Hydra's own part under `hydra`


def composed(overrides: list[str]) -> Composed:
    """Compose, resolve and check one run; raises UserError and touches nothing on disk."""
    parsed = [_parsed(text) for text in overrides]
    for override in parsed:
        _check_override(override)
    chosen = [text for text in overrides if text.startswith("+exp=")]
    if not chosen:
        raise UserError("No experiment was chosen: add +exp=NAME (python -m src.run lists them).")
    if len(chosen) > 1:
        raise UserError(f"{' and '.join(chosen)} are several experiments; -m +exp=A,B runs each.")
    _check_order(overrides)
    try:
        with _own_hydra(), initialize_config_dir(config_dir=str(CONF), version_base="1.3"):
            tree = compose("config", overrides=overrides, return_hydra_config=True)
        _refuse_foreign_code(OmegaConf.to_container(tree, resolve=False), "")
        config = OmegaConf.to_object(job_part(tree))
        config.sampler = read_sampler(config.sampler)
    except (HydraException, OmegaConfBaseException, YAMLError, RecursionError) as error:
        raise UserError(_sentence(error, parsed)) from error
    if f"+exp={config.name}" not in overrides:
        raise UserError(f"name='{config.name}' has to be the experiment's: leave it out.")
    check(config)
    _check_uses(parsed, config.task)
    _check_is_of_experiment(parsed, config)
    return Composed(config, tree)


def job_part(tree: DictConfig) -> DictConfig:
    """The composed tree without Hydra's own settings, what a task sees of it."""
    part = copy.deepcopy(tree)
    with flag_override(part, ["struct", "readonly"], False):
        del part["hydra"]
    return part


def jobs_of(overrides: list[str]) -> Iterator[list[str]]:
    """The overrides of every job of a sweep: `key=a,b` is two of them."""
    choices = []
    for override in map(_parsed, overrides):
        if override.is_sweep_override():
            prefix = override.input_line.partition("=")[0]
            choices.append([f"{prefix}={value}" for value in override.sweep_string_iterator()])
        else:
            choices.append([override.input_line])
    for job in itertools.product(*choices):
        yield list(job)


@contextmanager
def _own_hydra() -> Iterator[None]:
    """Composing inside a run that Hydra has started must not disturb that one."""
    shared = GlobalHydra.instance()
    outer, shared.hydra = shared.hydra, None
    try:
        yield
    finally:
        shared.hydra = outer


def _parsed(text: str) -> Override:
    try:
        return OverridesParser.create().parse_override(text)
    except ValueError as error:  # Python reads no number of more than 4,300 digits
        key = cut(text.partition("=")[0])
        raise UserError(f"The value of {key} has thousands of digits; give fewer.") from error
    except HydraException as error:
        key = cut(text.partition("=")[0])
        why = cut(str(error).splitlines()[0])
        raise UserError(
            f"""Cannot read the value of {key} ({why}); quote the whole argument and every """
            f"""text in it, as in 'prompts=["a red heart, small"]'."""
        ) from error


def _check_override(override: Override) -> None:
    """Refuse unknown names before Hydra sees them, with the nearest known one."""
    key, sign = override.key_or_group, "+" if override.is_add() else ""
    value = None if override.is_delete() else override.value()
    if override.is_sweep_override():
        is_text = key_types().get(key) in (str, str | None)
        quote = f""", or quote the text: '{key}="..."'""" if is_text else ""
        raise UserError(f"{key} has several values; add -m to run each of them{quote}.")
    if "_target_" in override.input_line:
        raise UserError(f"'{override.input_line}' names code to run; settings are plain data.")
    if override.is_delete():
        raise UserError(f"'{override.input_line}' takes a key away; every key is needed.")
    if key == "exp":
        names = [header.name for header in experiments()]
        if value not in names:
            raise UserError(f"There is no experiment '{value}'; {nearest(str(value), names)}")
        if not sign:
            raise UserError(f"An experiment is added with a plus: +exp={value}.")
    elif key == "on" and not sign:
        raise UserError(f"What an experiment is run on is added with a plus: +on={value}.")
    elif key in _groups():
        options = [str(path.relative_to(CONF / key))[:-5] for path in (CONF / key).rglob("*.yaml")]
        if value not in options:
            raise UserError(f"{key}={value} is unknown; {nearest(str(value), options)}")
    elif key in PROMPT_KEYS:
        _check_prompt_list(key, value)
    elif value == "???":  # OmegaConf's sign for a value that somebody else has to give
        raise UserError(f"{key}=??? stands for a value that is missing; write it out.")
    elif key == "hydra.verbose" and not isinstance(value, bool):
        raise UserError(f"hydra.verbose={value} names no log of this program; give true or false.")
    elif not key.startswith(("hydra.", "hydra/")):
        known = key_types()
        if re.sub(r"\[.*|\.\d+$", "", key) not in known:
            raise UserError(f"There is no key '{key}'; {_nearest_key(key, known)}")
        if sign:
            raise UserError(f"The key '{key}' exists: write it without the plus.")


def _check_order(overrides: list[str]) -> None:
    """Of two files that are added, the later one wins: `+on=` says more about an experiment."""
    added = [text.partition("=")[0] for text in overrides if text.startswith(("+exp=", "+on="))]
    if "+on" in added[:-1]:
        raise UserError("+on= is given once, and after +exp=NAME.")


def _groups() -> set[str]:
    """Where a choice of file is made: {"data", "training", "training/logger", ...}."""
    return {str(path.relative_to(CONF)) for path in CONF.rglob("*") if path.is_dir()}


def _check_uses(overrides: list[Override], task: str) -> None:
    """Refuse keys that the task never reads, and one model's keys for a run of all three."""
    for override in overrides:
        key = override.key_or_group
        if key.startswith("hydra") and override.is_add():
            raise UserError(f"Nothing here reads '{key}'; {nearest(key, HYDRA_KEYS)}")
        stage = re.split(r"[./]", key)[0]
        if key == "on" and "prompts_file" not in READ_BY[task]:
            line = cut(override.input_line)
            raise UserError(f"'{line}' has no effect: the task {task} takes no prompts of a file.")
        is_ours = stage in {entry.name for entry in fields(RunConfig)}
        if is_ours and stage not in (*READ_BY[task], *OF_THE_RUN):
            read = ", ".join(READ_BY[task]) or "no key"
            line = cut(override.input_line)
            raise UserError(f"'{line}' has no effect: the task {task} reads {read}.")
        is_handed_on = key in (*CHAIN_KEYS, "data", "exp") or key.startswith(("data.", "hydra"))
        if task == "train_all" and not is_handed_on:
            raise UserError(
                f"{key} cannot be set for all three models at once, only data and "
                f"{', '.join(CHAIN_KEYS)}; the rest stands in the three experiments' own files."
            )


def _check_is_of_experiment(overrides: list[Override], config: RunConfig) -> None:
    """Refuse another task or another model for an experiment, and keys that its model ignores."""
    for override in overrides:
        key, line, model = override.key_or_group, cut(override.input_line), config.training.model
        (own,) = [header for header in experiments() if header.name == config.name]
        if key in ("task", "kind") and getattr(config, key) != getattr(own, key):
            raise UserError(
                f"'{line}' is another {key} than that of the experiment {config.name}, which is "
                f"{getattr(own, key)}: leave it out, or choose another +exp=NAME."
            )
        if key in ("training", "training.model") and config.task == "train":
            trained = composed([f"+exp={config.name}"]).config.training.model
            if model != trained:
                raise UserError(
                    f"'{line}' trains a {model}, and the experiment {config.name} a {trained}: "
                    "leave it out, or choose another +exp=NAME."
                )
        check_key_read(key, line, config.task, model)


def _check_prompt_list(key: str, value: Any) -> None:
    if value is None and key == "negative_prompts":
        return
    if not isinstance(value, list):
        raise UserError(f"""{key} has to be a list of texts: '{key}=["a red heart"]'.""")
    for index, prompt in enumerate(value):
        if not isinstance(prompt, str) and type(prompt).__name__ != "QuotedString":
            raise UserError(f"{key}[{index}] is {shown(prompt)}; a prompt is text in quotes.")
        text = str(getattr(prompt, "text", prompt))
        if text == "???" or re.search(r"(?<!\\)\$\{", text):  # signs of OmegaConf's own
            raise UserError(
                f"{key}[{index}] is {shown(text)}, which settings read as a value to be filled in; "
                "put such a prompt into a text file, prompts_file=PATH, or write \\${ for ${."
            )


def _refuse_foreign_code(node: Any, place: str) -> None:
    """Hydra and logging build what `_target_`, `class` and `()` name: only their own is allowed."""
    if isinstance(node, dict):
        for key, value in node.items():
            is_code = key in ("_target_", "class", "()")
            if is_code and not (isinstance(value, str) and value.startswith(TARGETS)):
                raise UserError(f"{place}{key}={value} names code to run, which is not allowed.")
            _refuse_foreign_code(value, f"{place}{key}.")
    elif isinstance(node, list):
        for index, value in enumerate(node):
            _refuse_foreign_code(value, f"{place}{index}.")


def _sentence(error: BaseException, overrides: list[Override]) -> str:
    """The innermost reason of a refusal, in our words where it is a key or a type."""
    chain = [error]
    while chain[-1].__cause__ is not None:
        chain.append(chain[-1].__cause__)
    if any(isinstance(link, RecursionError) for link in chain):
        return "The configuration refers to itself in a loop (${...}); write one value out."
    reason = next((link for link in chain if getattr(link, "full_key", None)), chain[-1])
    message = str(reason).splitlines()[0]
    place = re.match(r"In '([^']+)':? ?", str(error))
    where = f"conf/{place[1]}.yaml: " if place else ""
    message = message.removeprefix(place[0] if place else "")
    key = getattr(reason, "full_key", None)
    known = key_types()
    bare = re.sub(r"\[.*$", "", str(key))
    if key and bare in known and isinstance(reason, ValidationError):
        value = re.search(r"'(.*?)'", message)
        typed = [each.input_line for each in overrides if each.key_or_group == key]
        given = "null" if "not Optional" in message else value and value[1]
        given = given or (typed and typed[-1].partition("=")[2])
        ending = f"; '{cut(given)}' is not." if given else "."
        return f"{where}{bare} has to be {_type_words(known[bare])}{ending}"
    if key and is_dataclass(known.get(bare)):
        inner = f"{bare}.{fields(known[bare])[0].name}"
        return f"{where}{bare} is a group of settings: set each by its name, as {inner}=..."
    if key and bare.startswith("hydra") and isinstance(reason, KEY_ERRORS):
        return f"{where}Hydra has no setting '{key}'; {nearest(str(key), HYDRA_KEYS)}"
    if key and bare not in known and isinstance(reason, KEY_ERRORS):
        return f"{where}there is no key '{key}'; {_nearest_key(str(key), known)}"
    return f"{where}{key}: {message}" if key else f"{where}{message}"


def _nearest_key(key: str, known: dict[str, Any]) -> str:
    """Compare with whole keys, and with last parts for who left the stage out."""
    by_last_part = {name.rpartition(".")[2]: name for name in known}
    if key.rpartition(".")[2] in by_last_part:
        return f"did you mean '{by_last_part[key.rpartition('.')[2]]}'?"
    stage = key.rpartition(".")[0]
    siblings = [name for name in known if name.rpartition(".")[0] == stage]
    return nearest(key, siblings or [name for name in known if "." not in name])


def _type_words(annotation: Any) -> str:
    if isinstance(annotation, types.UnionType):
        inner = [kind for kind in typing.get_args(annotation) if kind is not types.NoneType]
        comma = "," if typing.get_origin(inner[0]) is list else ""
        return f"{_type_words(inner[0])}{comma} or null"
    if typing.get_origin(annotation) is list:
        return f"a list of {LIST_WORDS[typing.get_args(annotation)[0]]}"
    return TYPE_WORDS.get(annotation, "a group of settings")
