"""Picture files that know where they came from, and the manifest that closes a folder of them."""

import io
import json
from collections.abc import Sequence
from pathlib import Path

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from src.errors import UserError
from src.whole_files import write_whole

MANIFEST = "manifest.json"


def check_unused(folder: Path) -> None:
    """Raise UserError for a folder closed with a manifest, or begun by a training or encoding."""
    for name, what in ((MANIFEST, "pictures of another run"), ("identity.json", "another work")):
        if (folder / name).exists():
            raise UserError(f"{folder} holds {what} ({name}); choose another output_dir.")


def write_manifest(about: dict, entries: Sequence[dict], folder: Path) -> None:
    """List the pictures of a run beside them; written last, so that it stands for all of them."""
    manifest = json.dumps({**about, "pictures": list(entries)}, indent=2, ensure_ascii=False)
    write_whole(folder / MANIFEST, manifest + "\n")


def annotated_png(image: Image.Image, about: dict) -> bytes:
    """The picture as a PNG file with `prompt`, `seed`, `weights_hash` ... as its text chunks."""
    info = PngInfo()
    for key, value in about.items():
        if key != "file" and value is not None:
            text = value if isinstance(value, str) else json.dumps(value)
            info.add_itxt(key, text)  # UTF-8, unlike a tEXt chunk
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", pnginfo=info)
    return buffer.getvalue()
