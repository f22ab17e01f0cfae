"""Settings of the evaluation: who looks at the pictures, and at how many of them."""

import json
import re
from dataclasses import dataclass
from pathlib import Path

from src.errors import UserError
from src.limits import between, check_seed, one_of, whole

EMBEDDED_CLIP = "experiments/glyphs_clip/model"  # relative to the repository's root
EMBEDDED_NAME = "glyph-clip"
PUBLISHED_CLIP = "openai/clip-vit-large-patch14"  # the authors' score, and CMMD but for the size
COMMIT = re.compile(r"[0-9a-f]{40}")  # what the hub's cache names a snapshot
EXTRACTORS = ("clip", "inception")  # evaluation.clip's picture tower, or the network of every FID


@dataclass
class EvaluationConfig:
    """What `evaluate` measures. The counts and seeds decide which prompts are drawn."""

    clip: str = EMBEDDED_CLIP  # folder of a transformers CLIPModel with its tokenizer, or a hub id
    clip_name: str = ""  # stands in FD[...]; empty = named after the folder
    extractor: str = "clip"  # of the distances, one of EXTRACTORS
    extractor_weights: str | None = None  # of Inception, a file; None = downloaded once
    prompts_per_kind: int = 500  # test prompts of each kind (one object, two, held out)
    num_reference: int = 1000  # real scenes that the Fréchet distance compares with
    prompt_seed: int = 20_000  # which test prompts
    reference_seed: int = 30_000  # which real scenes
    first_picture_seed: int = 0  # picture i of a kind is generated with this seed + i
    pictures_per_pass: int = 1  # drawn at once by `evaluate`; another number, other last bits
    num_processes: int = 1  # that draw for it, on one thread each; for a machine without a GPU
    batch_size: int = 64  # pictures per pass through the network; moves last digits
    confidence: float = 0.95  # of every interval


def features_name(config: EvaluationConfig) -> str:
    """The name a Fréchet distance carries in brackets: whose features it compares.

    A checkpoint's files often lie in `NAME/model`, so that folder's parent gives the name. The
    hub's cache calls a snapshot by its commit; its name is that of the repository.
    """
    if config.clip_name:
        return config.clip_name
    if Path(config.clip) == Path(EMBEDDED_CLIP):
        return EMBEDDED_NAME
    folder = Path(config.clip)
    if COMMIT.fullmatch(folder.name):
        return _repository(folder) or "clip"
    return folder.parent.name if folder.name == "model" else folder.name


def _repository(snapshot: Path) -> str:
    """The hub's name of a snapshot, from the cache's folders or what config.json was read from."""
    for above in snapshot.parents:
        if above.name.startswith("models--"):
            return above.name.split("--")[-1]
    try:
        told = json.loads((snapshot / "config.json").read_bytes())["_name_or_path"]
        return Path(told).name
    except (OSError, ValueError, TypeError, KeyError):
        return ""


def check_clip_name(config: EvaluationConfig) -> None:
    """Refuse a CLIP that would go by the name of the Inception network; raises UserError."""
    name = features_name(config)
    if name.lower().startswith(EXTRACTORS[1]):
        raise UserError(
            f"evaluation.clip={config.clip} would go by the name {name}, as the network that it is "
            "not: give another evaluation.clip_name=NAME."
        )


def check_evaluation(evaluation: EvaluationConfig) -> None:
    """Refuse what could not be measured; raises UserError."""
    one_of("evaluation.extractor", evaluation.extractor, EXTRACTORS)
    if evaluation.extractor_weights is not None and evaluation.extractor == "clip":
        raise UserError(
            "evaluation.extractor_weights has no effect with evaluation.extractor=clip, whose "
            "weights lie in evaluation.clip; give evaluation.extractor=inception."
        )
    check_clip_name(evaluation)
    whole("evaluation.prompts_per_kind", evaluation.prompts_per_kind, 2, 10**6)
    whole("evaluation.num_reference", evaluation.num_reference, 2, 10**6)
    whole("evaluation.pictures_per_pass", evaluation.pictures_per_pass, 1, 1024)
    whole("evaluation.num_processes", evaluation.num_processes, 1, 256)
    whole("evaluation.batch_size", evaluation.batch_size, 1, 10**5)
    for key in ("prompt_seed", "reference_seed", "first_picture_seed"):
        check_seed(f"evaluation.{key}", getattr(evaluation, key))
    between("evaluation.confidence", evaluation.confidence, 0.5, 0.9999)
