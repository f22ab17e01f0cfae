"""record.json: what was run, on what, and what came out, so that a number can be trusted later.

A record is of two things. Its identity is what the numbers depend on: the configuration (as far as
it differs from the defaults and can change a number), the weights and the data. Its code is the
git tree hash of `src` and `conf`, and the hash of every room that the task uses. When a setting
that the task reads, a weight, the data or a room used has moved on since, the record is stale.
"""

import hashlib
import json
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from fnmatch import fnmatch
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from src.errors import UserError
from src.evaluation.measurement import Measurement
from src.report.code_at_start import code_at_start
from src.report.code_used import code_used
from src.whole_files import write_whole

ROOT = Path(__file__).resolve().parents[2]
FILE_NAME = "record.json"
PACKAGES = (
    "torch",
    "torchvision",
    "lightning",
    "transformers",
    "torchmetrics",
    "clean-fid",
    "scipy",
    "numpy",
    "pillow",
    "matplotlib",
    "hydra-core",
    "safetensors",
)
# configuration keys that cannot change a number, as shell patterns
WITHOUT_EFFECT = (
    "kind",
    "task",
    "device",  # recorded by itself
    "output_dir",
    "save_record",
    "evaluation.batch_size",
    "shard.*",  # who draws which pictures
    "ablation.*",  # how finished cells are compared
    "training.num_workers",
    "training.num_threads",
    "training.max_minutes",
    "training.*_every",
    "training.image_tokenizer",  # a folder; what lay in it is part of the weights' hash
    "training.text_encoder",
)


@dataclass
class Record:
    """One run, in plain data. `measurements` is empty where a number could not be measured here."""

    name: str  # the experiment
    command: str  # what to type to get it again
    measurements: list[Measurement]
    config_difference: dict[str, Any]  # {"sampler.num_steps": 8}: all that is not a default
    config_hash: str  # of that difference
    settings: dict[str, Any]  # all that the task reads and that can change a number, defaults too
    weights: dict[str, str]  # {"model": hash, "glyph-clip": hash}
    data_hash: str
    seeds: dict[str, Any]  # {"pictures": [0, 1, 2], "prompts": 20000}
    device: str
    seconds: float
    code: dict[str, str]  # git tree hashes of src and conf, as they lay on disk
    code_used: dict[str, str]  # hash of what the task uses of each room
    commit: str | None = None  # None: not a git checkout
    is_dirty: bool | None = None  # whether src or conf differed from the commit
    versions: dict[str, str] = field(default_factory=dict)
    recorded: str = ""  # date and time, UTC
    not_measured: str = ""  # why there is no number, in words: "not measured here: needs a GPU"

    @property
    def identity(self) -> str:
        """Hash of all that the numbers depend on besides the code."""
        return _hash([self.config_hash, self.weights, self.data_hash])


def identity_of(
    config: Mapping[str, Any],
    defaults: Mapping[str, Any],
    weights: Mapping[str, str],
    data_hash: str,
) -> str:
    """The identity that a record of such a run will have."""
    difference = config_difference(config, defaults)
    return _hash([_hash(difference), dict(weights), data_hash])


def make_record(
    name: str,
    command: str,
    config: Mapping[str, Any],
    defaults: Mapping[str, Any],
    measurements: Sequence[Measurement],
    *,
    weights: Mapping[str, str],
    seeds: Mapping[str, Any],
    device: str,
    seconds: float,
    data_hash: str = "",
    not_measured: str = "",
    root: Path = ROOT,
) -> Record:
    """Gather a record of a run that has just ended.

    Args:
        config, defaults: the run's and the schema's settings as nested dictionaries; `task` in
            `config` names the file of src/tasks.
        weights: a hash for every model that took part.
        seconds: what the run took.
    """
    difference = config_difference(config, defaults)
    code = code_at_start(config["task"], root)
    return Record(
        name=name,
        command=command,
        measurements=list(measurements),
        config_difference=difference,
        config_hash=_hash(difference),
        settings=dotted(config),
        weights=dict(weights),
        data_hash=data_hash,
        seeds=dict(seeds),
        device=device,
        seconds=round(seconds, 2),
        code=dict(code.trees),
        code_used=dict(code.used),
        commit=code.commit,
        is_dirty=code.is_dirty,
        versions=_versions(),
        recorded=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        not_measured=not_measured,
    )


def write_record(record: Record, folder: Path) -> Path:
    """Write record.json, whole or not at all; raises UserError where that is impossible."""
    path = Path(folder) / FILE_NAME
    write_whole(path, json.dumps(asdict(record), indent=2, ensure_ascii=False) + "\n")
    return path


def read_record(path: Path) -> Record:
    """Read a record.json (or the one in a folder).

    Raises:
        UserError: no such file, no JSON, or keys that are not a record's.
    """
    path = Path(path) / FILE_NAME if Path(path).is_dir() else Path(path)
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
        measurements = [Measurement(**each) for each in entries.pop("measurements")]
        return Record(measurements=measurements, **entries)
    except FileNotFoundError as error:
        raise UserError(f"There is no record {path}; run its experiment first.") from error
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        known = ", ".join(entry.name for entry in fields(Record))
        raise UserError(f"{path} is no record ({error}); its keys are {known}.") from error


def stale_reasons(
    record: Record,
    config: Mapping[str, Any],
    defaults: Mapping[str, Any],
    weights: Mapping[str, str] | None = None,
    data_hash: str | None = None,
    root: Path = ROOT,
    used: Mapping[str, str] | None = None,
) -> list[str]:
    """Why a record no longer speaks of what is here, in words; empty = it is current.

    `weights` and `data_hash` are compared where given (hashing weights means opening them); `used`
    is `code_used` of the task where that is known already.
    """
    reasons = []
    now, then = dotted(config), record.settings
    new = config_difference(config, defaults).keys() - then.keys()  # at its default: as before it
    moved = {key for key, value in then.items() if now.get(key) != value} | new
    if moved:
        reasons.append(f"the configuration has moved on: {', '.join(sorted(moved))}")
    for model, digest in (weights or {}).items():
        if record.weights.get(model) != digest:
            reasons.append(f"the weights of {model} have changed")
    if data_hash is not None and data_hash != record.data_hash:
        reasons.append("the data has changed")
    used = used or code_used(config["task"], root)
    changed = {
        room for room in {*used, *record.code_used} if used.get(room) != record.code_used.get(room)
    }
    if changed:
        reasons.append(f"the code has changed: {', '.join(sorted(changed))}")
    return reasons


def config_difference(config: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """Settings that differ from the defaults and can change a number, by dotted key, sorted."""
    plain = dotted(defaults)
    return {key: value for key, value in dotted(config).items() if value != plain.get(key)}


def dotted(config: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """All settings that can change a number, as {"sampler.num_steps": 12, ...}, sorted."""
    settings = {}
    for name in sorted(config):
        key, value = prefix + name, config[name]
        if any(fnmatch(key, pattern) for pattern in WITHOUT_EFFECT):
            continue
        settings |= dotted(value, key + ".") if isinstance(value, Mapping) else {key: value}
    return settings


def _hash(content: Any) -> str:
    """First 12 hex digits of the SHA-256 of plain data, independent of the order of keys."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:12]


def _versions() -> dict[str, str]:
    versions = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            versions[package] = "not installed"
    return versions
