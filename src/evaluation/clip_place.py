"""Where a CLIP lies: in a folder of this disk, or in the hub's cache, fetched once.

Fetching goes through huggingface_hub, so its cache, HF_HOME and HF_HUB_OFFLINE are honoured.
"""

from pathlib import Path

from src.checkpoint.locate import HUB_ID
from src.errors import UserError

NEEDED = ("config.json", "preprocessor_config.json", "model.safetensors")
TOKENIZER = ("tokenizer_config.json", "tokenizer.json", "vocab.json", "merges.txt")
TOKENIZER += ("special_tokens_map.json",)  # what of it there is


def locate_clip(clip: str) -> Path:
    """The folder that `evaluation.clip` names; a folder wins over a hub id of the same name.

    Only the files in safetensors and of the tokenizer are fetched, and nothing that runs code.

    Raises:
        UserError: the hub's files cannot be had, or not all of them lie in its cache.
    """
    path = Path(clip).expanduser()
    if path.exists() or not HUB_ID.fullmatch(clip) or clip.startswith("."):
        return path  # whoever opens it says what is missing
    folder = _fetched(clip)
    lacking = [file for file in (*NEEDED, TOKENIZER[0]) if not (folder / file).is_file()]
    if lacking:
        raise UserError(
            f"evaluation.clip={clip} lies in the hub's cache without {', '.join(lacking)}: "
            f"{_remedy(clip)}."
        )
    return folder


def _fetched(clip: str) -> Path:
    from huggingface_hub import constants, snapshot_download

    try:
        return Path(snapshot_download(clip, allow_patterns=[*NEEDED, *TOKENIZER]))
    except Exception as error:  # offline, unknown, gated, no disk: for the user all are one case
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        if constants.HF_HUB_OFFLINE:  # the library's own reason speaks of a connection
            reason = "HF_HUB_OFFLINE forbids to fetch it"
        raise UserError(
            f"evaluation.clip={clip} is neither a folder here nor in the hub's cache "
            f"({reason.rstrip('.')}): {_remedy(clip)}."
        ) from error


def _remedy(clip: str) -> str:
    files = " ".join((*NEEDED, *TOKENIZER))
    return f"with a connection, run hf download {clip} {files}, or give a folder of these files"
