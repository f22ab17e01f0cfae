"""What a run was begun with, kept in its folder, so that it is continued by nothing else."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from src.adapters.config import LoraConfig
from src.data.config import DataConfig
from src.errors import UserError
from src.masking.config import MaskingConfig
from src.training.config import FREE_KEYS, OWN_KEYS, TrainingConfig
from src.training.tokenizer_config import TokenizerLossConfig
from src.whole_files import write_whole

IDENTITY = "identity.json"
BORNE = {"max_bad_ratio", "bad_rows"}  # what is done about bad rows may change on the way
NOT_STRANGE = {"run.log"}  # Hydra's, where a run is told to lie in its folder


def run_identity(
    world: DataConfig,
    training: TrainingConfig,
    seed: int,
    masking: MaskingConfig | None = None,
    parts: Mapping[str, str] | None = None,
    lora: LoraConfig | None = None,
) -> dict[str, Any]:
    """All that decides what a run learns, by dotted key; how long and how fast is not part of it.

    masking: where tokens are hidden. parts: the weights' hash of every model it builds on.
    lora: the adapter that learns, if one does.
    """
    strange = {key for model, keys in OWN_KEYS.items() if model != training.model for key in keys}
    left_out = strange | FREE_KEYS | {"accumulation", "num_devices", "num_nodes"}
    dealt = training.batch_size * training.accumulation * training.num_devices * training.num_nodes
    stages = {
        "data": {key: v for key, v in asdict(world).items() if key not in BORNE},
        "training": {key: v for key, v in asdict(training).items() if key not in left_out},
        "masking": asdict(masking) if masking else {},
        "lora": asdict(lora) if lora else {},
        "weights": dict(parts or {}),
    }
    flat = {f"{stage}.{key}": v for stage, values in stages.items() for key, v in values.items()}
    return flat | {"training.batch_size": dealt, "seed": seed}  # of a whole step


def claim_run(folder: Path, identity: Mapping[str, Any]) -> None:
    """Let a run's folder be continued only by what it was begun with.

    A key that the folder does not know, because it is younger than the run, stood at its default.
    Raises UserError that names the first difference, or a file that is not of a run.
    """
    path = folder / IDENTITY
    if not path.is_file():
        strange = sorted(each.name for each in folder.glob("[!.]*") if each.name not in NOT_STRANGE)
        if strange:
            raise UserError(
                f"{folder} holds {strange[0]} and is no run's folder: give an empty one, or a new "
                "name."
            )
        write_whole(path, json.dumps(identity, indent=2) + "\n")
        return
    stages = {
        "training": TrainingConfig(),
        "data": DataConfig(),
        "masking": MaskingConfig(),
        "tokenizer": TokenizerLossConfig(),
    }
    defaults = {
        f"{stage}.{key}": value
        for stage, settings in stages.items()
        for key, value in asdict(settings).items()
    }
    begun = defaults | json.loads(path.read_text(encoding="utf-8"))
    for key, value in json.loads(json.dumps(identity)).items():
        if begun.get(key) != value and key.endswith("content"):
            raise UserError(
                f"{folder} was begun when the data were others (their hash was {begun.get(key)} "
                f"and is {value}): bring those back, or move the folder away to begin anew."
            )
        if begun.get(key) != value:
            raise UserError(
                f"{folder} was begun with {key}={begun.get(key)} and is asked to go on with "
                f"{value}: give the same value, or move the folder away to begin anew."
            )
