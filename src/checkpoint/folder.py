"""A checkpoint in the published layout, opened for reading.

model_index.json, and a folder each for transformer, vqvae, text_encoder, tokenizer, scheduler.
Weights are read from safetensors only: a pickle can run code when it is opened. A transformer that
open-muse wrote is the exception, and is read elsewhere (`assembly.open_transformer`).
"""

from pathlib import Path
from typing import Any

from torch import Tensor

from src.checkpoint.checksums import verify
from src.checkpoint.read import read_json, read_tensors
from src.errors import UserError
from src.limits import plain_name

# what users hand in, looked at by the functions and not by annotation
Place = Any  # str or Path
Variant = Any  # str or None

INDEX_FILE = "model_index.json"
PIPELINE_CLASSES = ("AmusedPipeline", "AmusedImg2ImgPipeline", "AmusedInpaintPipeline")
WEIGHTS_STEM = {
    "transformer": "diffusion_pytorch_model",
    "vqvae": "diffusion_pytorch_model",
    "text_encoder": "model",
}
PICKLE_SUFFIXES = (".bin", ".pt", ".pth", ".ckpt", ".pkl")


def check_variant(variant: Variant) -> None:
    """Refuse what cannot be a part of a weight file's name; raises UserError."""
    if variant is not None:
        plain_name("variant", variant, "fp16")


def weights_name(part: str, variant: str | None = None) -> str:
    """The weight file of a part, as diffusers and transformers name it."""
    return f"{WEIGHTS_STEM[part]}{f'.{variant}' if variant else ''}.safetensors"


def settings_name(part: str) -> str:
    return "scheduler_config.json" if part == "scheduler" else "config.json"


class CheckpointFolder:
    """Reads one checkpoint; every fault is a UserError that names the file and the remedy.

    variant: which weight files to read: None for the plain ones, "fp16" for
        `diffusion_pytorch_model.fp16.safetensors` and its like.
    """

    def __init__(self, folder: Path, variant: Variant = None):
        check_variant(variant)
        self.folder = folder
        self.variant = variant
        self.index = self._read_json(folder / INDEX_FILE)
        name = self.index.get("_class_name")
        if name not in PIPELINE_CLASSES:
            raise UserError(
                f"{folder / INDEX_FILE} describes a {name}, which is another kind of model: "
                f"give a checkpoint whose _class_name is {PIPELINE_CLASSES[0]}"
            )

    def class_of(self, part: str) -> str:
        """The class that model_index.json gives a part."""
        entry = self.index.get(part)
        if not isinstance(entry, list) or len(entry) != 2 or not isinstance(entry[1], str):
            raise UserError(
                f"{self.folder / INDEX_FILE} says {entry!r} about '{part}': it should be a pair "
                "of library and class name"
            )
        return entry[1]

    def settings(self, part: str) -> dict[str, Any]:
        """A part's configuration, without the keys that begin with an underscore."""
        read = self._read_json(self.folder / part / settings_name(part))
        return {key: value for key, value in read.items() if not key.startswith("_")}

    def class_in_settings(self, part: str) -> str | None:
        """The class that wrote a part's configuration, which model_index.json may not know."""
        return self._read_json(self.folder / part / settings_name(part)).get("_class_name")

    def files_of(self, part: str) -> Path:
        """The folder of a part whose files another library reads, each checked to be undamaged."""
        folder = self.folder / part
        for path in sorted(folder.glob("*")):
            if path.is_file() and not path.name.startswith("."):  # .DS_Store and its like
                verify(self.folder, path)
        return folder

    def weights_path(self, part: str) -> Path:
        """The weight file of a part, which exists."""
        path = self.folder / part / weights_name(part, self.variant)
        if not path.is_file():
            raise UserError(_why_missing(path))
        return path

    def tensors(self, part: str) -> dict[str, Tensor]:
        """A part's tensors by their published names, checked to be whole and finite."""
        return read_tensors(self.weights_path(part), self.folder)

    def _read_json(self, path: Path) -> dict[str, Any]:
        whole = f"a checkpoint folder holds {INDEX_FILE} and the folders it names"
        return read_json(path, self.folder, whole)


def _why_missing(path: Path) -> str:
    """One sentence about a weight file that is not there, from what is there instead."""
    beside = sorted(other.name for other in path.parent.glob("*")) if path.parent.is_dir() else []
    pickles = [name for name in beside if name.endswith(PICKLE_SUFFIXES)]
    others = [name for name in beside if name.endswith(".safetensors")]
    shards = [name for name in beside if ".safetensors.index" in name]
    if shards:
        return (
            f"{path} is split into several files ({shards[0]}): save the checkpoint again with a "
            "larger max_shard_size, in one file a part"
        )
    if others:
        return f"{path} is missing, but {', '.join(others)} is there: {_variant_hint(others)}"
    if pickles:
        return (
            f"{path.parent / pickles[0]} is a pickle, which can run code when it is opened, and "
            f"is not read: convert it to {path.name} with the library that wrote it "
            "(save_pretrained with safe_serialization=True)"
        )
    return f"{path} is missing: copy or download the checkpoint again, all of it"


def _variant_hint(names: list[str]) -> str:
    variants = [name.split(".")[1] for name in names if name.count(".") == 2]
    return f'open it with variant="{variants[0]}"' if variants else "open it with variant=None"
