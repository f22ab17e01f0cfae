"""Write a checkpoint in the published layout: whole files or none."""

import errno
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor

from src.checkpoint.checksums import read_checksums, write_checksums
from src.checkpoint.folder import INDEX_FILE, PIPELINE_CLASSES, Place, settings_name, weights_name
from src.errors import UserError
from src.whole_files import told_in_a_sentence, usual_mode

INDEX = {
    "_class_name": PIPELINE_CLASSES[0],
    "_diffusers_version": "0.25.0.dev0",  # the release that first read this layout
    "scheduler": ["diffusers", "AmusedScheduler"],
    "text_encoder": ["transformers", "CLIPTextModelWithProjection"],
    "transformer": ["diffusers", "UVit2DModel"],
    "vqvae": ["diffusers", "VQModel"],
}


@contextmanager
def new_checkpoint(path: Place) -> Iterator[Path]:
    """Yield an empty folder to fill; when the block ends, its files stand at `path` with checksums.

    They are written beside `path` first, so a full disk or an interruption leaves there what was
    there before. Files of `path` that have no successor stay, such as another variant's weights.

    Raises UserError if the place cannot be written to.
    """
    if not isinstance(path, str | Path) or not str(path).strip():  # "" would be the working folder
        raise UserError(f"a checkpoint was to be written to {path!r}: give the name of a folder")
    path = Path(path).expanduser()
    with told_in_a_sentence(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists() and not path.is_dir():
            raise OSError(errno.EEXIST, "exists and is no folder")
        draft = Path(tempfile.mkdtemp(prefix=f".{path.name}-", dir=path.parent))
        try:
            yield draft
            old = read_checksums(path)
            kept = {name: digest for name, digest in old.items() if (path / name).is_file()}
            write_checksums(draft, kept)
            _open_to_others(draft)
            _move_into_place(draft, path)
        finally:
            shutil.rmtree(draft, ignore_errors=True)


def write_index(draft: Path, tokenizer_class: str, notes: Mapping[str, Any] | None = None) -> None:
    """model_index.json: which class opens which folder.

    notes: of our own; their keys begin with an underscore, and other readers skip them.
    """
    index = {**INDEX, "tokenizer": ["transformers", tokenizer_class], **(notes or {})}
    write_json(draft / INDEX_FILE, index)


def write_settings(draft: Path, part: str, settings: Mapping[str, Any]) -> None:
    """A part's configuration file."""
    write_json(draft / part / settings_name(part), settings)


def write_tensors(
    draft: Path, part: str, tensors: Mapping[str, Tensor], dtype: torch.dtype, variant: str | None
) -> None:
    """A part's weights by their published names, stored as `dtype`."""
    path = draft / part / weights_name(part, variant)
    path.parent.mkdir(parents=True, exist_ok=True)
    ready = {name: t.detach().to("cpu", dtype).contiguous() for name, t in tensors.items()}
    try:
        save_file(ready, path, metadata={"format": "pt"})
    except SafetensorError as error:  # hides the disk's own error in its text
        code = errno.ENOSPC if "No space" in str(error) else errno.EIO
        raise OSError(code, str(error)) from error


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def _open_to_others(draft: Path) -> None:
    """The usual mode for all: temporary folders and safetensors' files are private otherwise."""
    for path in (draft, *draft.rglob("*")):
        path.chmod(usual_mode(0o777 if path.is_dir() else 0o666))


def _move_into_place(draft: Path, path: Path) -> None:
    if not path.exists():
        os.replace(draft, path)
        return
    files = [file for file in draft.rglob("*") if file.is_file()]
    for file in sorted(files, key=lambda file: file.name == INDEX_FILE):  # the index comes last
        target = path / file.relative_to(draft)
        target.parent.mkdir(parents=True, exist_ok=True)
        os.replace(file, target)
