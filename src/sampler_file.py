"""A sampler's settings in a file: what the autotuner found, and `sampler=from_file` follows.

The file is JSON, `{"sampler": {...}}` with the keys of SamplerConfig; whatever else stands in it
(how it was found, on what) is for readers.
"""

import json
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from src.errors import UserError, cut, nearest
from src.sampler.config import SamplerConfig, check_sampler
from src.whole_files import write_whole

OF_THE_CHECKPOINT = ("guidance_scale", "schedule")  # None until a checkpoint is opened


def read_sampler(config: SamplerConfig) -> SamplerConfig:
    """The settings of `config.path`, or `config` itself where it names no file.

    Raises UserError for a file that is missing or no JSON, for a key there is not, a value of
    another type or an impossible one, and for a setting given beside the file.
    """
    if config.path is None:
        return config
    place = f"sampler.path={config.path}"
    told = _told(Path(config.path), place)
    names = [entry.name for entry in fields(SamplerConfig) if entry.name != "path"]
    for key in told:
        if key not in names:
            raise UserError(f"{place} has the key {cut(key)!r}; {nearest(key, names)}")
    blank = SamplerConfig(**dict.fromkeys(OF_THE_CHECKPOINT), path=config.path)
    for name in names:
        if getattr(config, name) != getattr(blank, name):
            raise UserError(
                f"sampler.{name} is given beside {place}, which says everything; leave one out."
            )
    try:
        merged = OmegaConf.merge(OmegaConf.structured(blank), told)
    except OmegaConfBaseException as error:
        raise UserError(f"{place}: {str(error).splitlines()[0]}") from error
    chosen: Any = OmegaConf.to_object(merged)
    try:
        check_sampler(chosen)
    except UserError as error:
        raise UserError(f"{place}: {error}") from error
    return chosen


def write_sampler(path: Path, config: SamplerConfig, notes: dict[str, Any]) -> None:
    """The settings that differ from aMUSEd's, and `notes` of where they come from; whole or not."""
    told, usual = asdict(config), asdict(SamplerConfig())
    differing = {key: value for key, value in told.items() if value != usual[key] and key != "path"}
    text = json.dumps({"sampler": differing, **notes}, indent=1, allow_nan=False)
    write_whole(path, f"{text}\n".encode())


def _told(path: Path, place: str) -> dict[str, Any]:
    if not path.is_file():
        raise UserError(f"{place} is no file; give one that the autotuner has written.")
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UserError(f"{place} is no JSON text; give a file of the autotuner.") from error
    if not isinstance(told, dict) or not isinstance(told.get("sampler"), dict):
        raise UserError(
            f'{place} says nothing of a sampler; give a file with {{"sampler": {{...}}}}.'
        )
    return told["sampler"]
