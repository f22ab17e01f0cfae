"""Where a checkpoint's folder is: on this disk, or fetched from the Hugging Face hub.

Fetching goes through huggingface_hub, so its cache and HF_HUB_OFFLINE are honoured.
"""

import os
import re
from pathlib import Path

from src.checkpoint.folder import Place, Variant, check_variant
from src.errors import UserError, cut

HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")


def locate(path_or_hub_id: Place, variant: Variant = None) -> Path:
    """The folder of a checkpoint.

    path_or_hub_id: a folder, or a hub id such as "amused/amused-256"; a folder of that name wins.
    variant: which weight files to fetch, "fp16" for instance; nothing else is downloaded.

    Raises UserError when there is no such folder, or when the hub's files cannot be had.
    """
    check_variant(variant)
    if not isinstance(path_or_hub_id, str | Path) or not str(path_or_hub_id).strip():
        raise UserError(
            f"a checkpoint was asked for as {path_or_hub_id!r}: give a folder that holds "
            "model_index.json, or a hub id (owner/name)"
        )
    path = Path(path_or_hub_id).expanduser()
    if os.path.isdir(path):  # which is also an answer about a name that no system takes
        return path
    if os.path.exists(path):
        raise UserError(
            f"{path} is a file, and a checkpoint is a folder: give the one with model_index.json"
        )
    hub_id = str(path_or_hub_id)
    if not HUB_ID.fullmatch(hub_id) or hub_id.startswith("."):
        raise UserError(
            f"there is no checkpoint folder {cut(str(path))}: give a folder that holds "
            "model_index.json, or a hub id (owner/name)"
        )
    return _fetch(hub_id, variant)


def _fetch(hub_id: str, variant: str | None) -> Path:
    from huggingface_hub import constants, snapshot_download

    suffix = f".{variant}" if variant else ""
    wanted = ["*.json", "tokenizer/*", f"*/*model{suffix}.safetensors"]
    try:
        return Path(snapshot_download(hub_id, allow_patterns=wanted))
    except Exception as error:  # offline, unknown, gated, no disk: for the user all are one case
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        if constants.HF_HUB_OFFLINE:  # the library's own reason speaks of a connection
            raise UserError(
                f"{hub_id} is neither a folder here nor in the hub's cache, and HF_HUB_OFFLINE "
                "forbids to fetch it: unset HF_HUB_OFFLINE, or copy the checkpoint to this machine "
                "and give its folder"
            ) from error
        raise UserError(
            f"{hub_id} is neither a folder here nor to be had from the hub ({reason}): check the "
            "name and the connection, or copy the checkpoint to this machine and give its folder"
        ) from error
