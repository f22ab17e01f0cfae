"""A generation in a file: what the model thought in every step, and how to draw it again.

The file is safetensors: opened in part, by any language, and never executed. Its tensors, exact,
in the smallest whole numbers that hold them (steps, batch, height, width, top as in `Trace`):

    drawn_ids      steps batch height width       a code at every position, kept or just drawn
    is_masked      steps batch height width       1 = still hidden after the step
    confidence     steps batch height width       nats, float32, of the code when it was drawn
    is_given       batch height width             1 = known from the start
    num_scheduled, num_passes    steps batch
    entropy, margin, divergence, rank    steps batch height width;
    top_ids, top_log_probs    steps batch height width top    of `Opinion`, where it was recorded
    corrector_margin    steps batch height width    nats, where a corrector ran (`Canvas.margin`)

Its header has JSON texts: `format`, `version`, `recipe` (prompts, seeds, sampler, size and
micro-conditions of every picture), `weights_hash`, `dtype`, `mask_token_id` and `versions`.
"""

import json
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import safetensors.torch
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from src.amused import Amused
from src.errors import UserError, shown
from src.generation import Generation
from src.interpret.trace_checks import COUNTS, check_header, check_tensors
from src.recipe import Recipe, recipe_from
from src.sampler.opinion import Opinion
from src.sampler.trace import Trace
from src.whole_files import write_whole

FORMAT, VERSION = "amused trace", 1
PACKAGES = ("torch", "numpy")


class SavedTrace(NamedTuple):
    """What a file of this format holds."""

    trace: Trace
    recipe: Recipe
    weights_hash: str
    dtype: str  # of the weights: "float32"
    versions: dict[str, str]  # of the packages it was made with


def save_trace(path: Any, generation: Generation, amused: Amused) -> None:
    """Write a recorded generation, whole or not at all.

    Raises UserError where it has no trace, and where there can be no file.
    """
    write_whole(_checked_path(path), trace_bytes(generation, amused))


def trace_bytes(generation: Generation, amused: Amused, **also: Any) -> bytes:
    """The content of such a file. `also`: more for its header, in plain data."""
    trace = generation.trace
    if trace is None:
        raise UserError("this generation kept no trace; generate it with record=True.")
    if trace.num_steps != generation.recipe.sampler.num_steps:
        raise UserError(
            f"this trace has {trace.num_steps} of {generation.recipe.sampler.num_steps} steps, as "
            "edits in upstream's mode have, and no file can name the others; edit with mode=exact."
        )
    tensors = {
        **{key: _smallest(getattr(trace, key)) for key in ("drawn_ids", *COUNTS)},
        "is_masked": trace.is_masked.byte(),
        "is_given": trace.is_given.byte(),
        "confidence": trace.confidence,
    }
    if trace.opinion is not None:
        for key, field in trace.opinion._asdict().items():
            tensors[key] = field if field.is_floating_point() else _smallest(field)
    if trace.corrector_margin is not None:
        tensors["corrector_margin"] = trace.corrector_margin
    header = {
        "format": FORMAT,
        "version": VERSION,
        "recipe": generation.recipe.as_plain(),
        "weights_hash": amused.weights_hash,
        "dtype": str(amused.dtype).removeprefix("torch."),
        "mask_token_id": amused.transformer.mask_token_id,
        "versions": {package: version(package) for package in PACKAGES},
        **also,
    }
    return safetensors.torch.save(
        {key: tensor.contiguous() for key, tensor in tensors.items()},
        metadata={key: json.dumps(value) for key, value in header.items()},
    )


def load_trace(path: Any) -> SavedTrace:
    """Read a trace; raises UserError, naming the file, for what is none of this version."""
    path = _checked_path(path)
    if not path.is_file():
        raise UserError(
            f"there is no file {path}; give one that save_trace or +exp=observe has written."
        )
    try:
        with safe_open(str(path), "pt") as file:
            header = {key: json.loads(text) for key, text in (file.metadata() or {}).items()}
            tensors = {key: file.get_tensor(key) for key in file.keys()}
    except (OSError, SafetensorError, ValueError) as error:
        raise UserError(
            f"{path} is no trace, or a damaged one: give a file that save_trace or +exp=observe "
            "has written."
        ) from error
    if header.get("format") != FORMAT:
        raise UserError(
            f"{path} is no trace, but another file of tensors: give one that save_trace or "
            "+exp=observe has written."
        )
    if header.get("version") != VERSION:
        raise UserError(
            f"{path} is a trace of version {shown(header.get('version'))} and this is the code of "
            f"version {VERSION}: draw it again with its prompt and seed, which its header names."
        )
    try:
        recipe = recipe_from(header["recipe"])
        check_header(header)
        check_tensors(tensors, header["mask_token_id"], recipe)
        trace = _trace(tensors, header["mask_token_id"])
        return SavedTrace(
            trace, recipe, header["weights_hash"], header["dtype"], header["versions"]
        )
    except KeyError as error:
        raise UserError(f"{path} is a damaged trace: it lacks {error}; draw it again.") from error
    except UserError as error:
        raise UserError(f"{path} is a damaged trace: {error}; draw it again.") from error


def _checked_path(path: Any) -> Path:
    if not isinstance(path, str | Path) or not str(path) or path == Path():
        raise UserError(f"path={shown(path)} names no file; give one, as 'one.safetensors'.")
    return Path(path)


def _trace(tensors: dict[str, Tensor], mask_token_id: int) -> Trace:
    is_masked = tensors["is_masked"].bool()
    drawn_ids = tensors["drawn_ids"].long()
    opinion = None
    if "entropy" in tensors:
        fields = {key: tensors[key] for key in Opinion._fields}
        whole = {
            key: field.long() for key, field in fields.items() if not field.is_floating_point()
        }
        opinion = Opinion(**{**fields, **whole})
    return Trace(
        token_ids=drawn_ids.masked_fill(is_masked, mask_token_id),
        drawn_ids=drawn_ids,
        is_masked=is_masked,
        confidence=tensors["confidence"],
        num_masked=is_masked.flatten(2).sum(dim=2),
        is_given=tensors["is_given"].bool(),
        opinion=opinion,
        corrector_margin=tensors.get("corrector_margin"),
        **{key: tensors[key].long() for key in COUNTS},
    )


def _smallest(whole: Tensor) -> Tensor:
    """Whole numbers in the smallest type that holds them all."""
    kinds = (torch.int8, torch.int16, torch.int32)
    low, high = (int(end) for end in whole.aminmax()) if whole.numel() else (0, 0)
    for kind in kinds:
        limits = torch.iinfo(kind)
        if limits.min <= low and high <= limits.max:
            return whole.to(kind)
    return whole
