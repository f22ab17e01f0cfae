"""A checkpoint's `tokenizer/` folder: opened with the class that the checkpoint names, and written.

Both kinds are known: CLIP's (vocab.json and merges.txt, or tokenizer.json) and any other that lies
in a tokenizer.json, as the glyph world's does.
"""

import json
from pathlib import Path

import transformers
from transformers import CLIPTokenizer, PreTrainedTokenizerBase

from src.errors import UserError, nearest

SHORTEST = 2  # ids of a prompt: its begin and its end
GENERAL_CLASS = "PreTrainedTokenizerFast"  # opens any tokenizer.json, in every transformers version
CLIP_CLASSES = ("CLIPTokenizer", "CLIPTokenizerFast")
KNOWN_CLASSES = (*CLIP_CLASSES, GENERAL_CLASS, "TokenizersBackend")  # the last: version 5's name


def load_text_tokenizer(folder: Path, class_name: str) -> PreTrainedTokenizerBase:
    """Open the folder; raises UserError if it is missing, damaged or of a class not known."""
    if class_name not in KNOWN_CLASSES:
        raise UserError(
            f"the text tokenizer in {folder} is a {class_name}, which cannot be opened here: "
            f"{nearest(class_name, KNOWN_CLASSES)}"
        )
    wanted = ["vocab.json", "merges.txt"] if class_name in CLIP_CLASSES else ["tokenizer.json"]
    has_one_file = (folder / "tokenizer.json").is_file()
    missing = [name for name in wanted if not (folder / name).is_file()]
    if missing and not has_one_file:
        raise UserError(f"{folder / missing[0]} is missing: copy the checkpoint again, all of it")
    try:
        opened = getattr(transformers, class_name).from_pretrained(folder, local_files_only=True)
    except Exception as error:  # the tokenizers library raises bare Exception for a broken file
        raise UserError(
            f"the text tokenizer in {folder} cannot be read ({error}): copy the folder again"
        ) from error
    window = opened.model_max_length
    if isinstance(window, bool) or not isinstance(window, int) or window < SHORTEST:
        raise UserError(
            f"{folder / 'tokenizer_config.json'} has model_max_length = {window!r}, which should "
            f"be a whole number from {SHORTEST}: copy the folder again"
        )
    return opened


def save_text_tokenizer(tokenizer: PreTrainedTokenizerBase, folder: Path) -> str:
    """Write the folder and return the class name for model_index.json."""
    tokenizer.backend_tokenizer.no_padding()  # left over from the last call, and no part of it
    tokenizer.backend_tokenizer.no_truncation()
    tokenizer.save_pretrained(folder)
    is_clip = isinstance(tokenizer, CLIPTokenizer)
    class_name = "CLIPTokenizer" if is_clip else GENERAL_CLASS
    settings_path = folder / "tokenizer_config.json"
    settings = json.loads(settings_path.read_text(encoding="utf-8"))
    settings["tokenizer_class"] = class_name  # transformers 5 writes a name that 4 does not know
    settings_path.write_text(json.dumps(settings, indent=2, sort_keys=True) + "\n")
    if is_clip:
        _write_vocabulary_files(tokenizer, folder)
    return class_name


def _write_vocabulary_files(tokenizer: CLIPTokenizer, folder: Path) -> None:
    """The two files of the published layout, which older readers of CLIP tokenizers look for."""
    model = json.loads(tokenizer.backend_tokenizer.to_str())["model"]
    vocabulary = json.dumps(model["vocab"], ensure_ascii=False)
    merges = "".join(f"{left} {right}\n" for left, right in model["merges"])
    (folder / "vocab.json").write_text(vocabulary + "\n", encoding="utf-8")
    (folder / "merges.txt").write_text("#version: 0.2\n" + merges, encoding="utf-8")
