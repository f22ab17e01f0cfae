"""COCO's official layout in small: crops and mirror images of pictures that packages ship."""

import json
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

SHIPPED = (
    ("matplotlib", "mpl-data/sample_data/grace_hopper.jpg"),
    ("matplotlib", "mpl-data/sample_data/Minduka_Present_Blue_Pack.png"),
    ("matplotlib", "mpl-data/sample_data/logo2.png"),
    ("networkx", "drawing/tests/baseline/test_display_complex.png"),
    ("networkx", "drawing/tests/baseline/test_display_labels_and_colors.png"),
)
CAPTIONS_EACH = 5  # as in COCO


def official_layout(folder: Path, captions: Sequence[str], num_pictures: int) -> Path:
    """`val2017/` and `annotations/captions_val2017.json`, five of the captions a picture."""
    (folder / "val2017").mkdir(parents=True)
    (folder / "annotations").mkdir()
    images, annotations = [], []
    for place in range(num_pictures):
        number = 139 + 7 * place
        name = f"{number:012d}.jpg"
        photograph(place).save(folder / "val2017" / name, quality=90)
        images.append({"id": number, "file_name": name})
        for each in range(CAPTIONS_EACH):
            place_of = (place * CAPTIONS_EACH + each) % len(captions)
            annotations.append(
                {"image_id": number, "id": len(annotations), "caption": captions[place_of]}
            )
    content = {"info": {}, "licenses": [], "images": images, "annotations": annotations}
    (folder / "annotations" / "captions_val2017.json").write_text(json.dumps(content))
    return folder


def photograph(number: int) -> Image.Image:
    """Another part of a shipped picture for every number, of another size, some mirrored."""
    rng = np.random.default_rng(number)
    whole = _shipped(number % len(SHIPPED))
    width, height = (int(rng.integers(60, side + 1)) for side in whole.size)
    left = int(rng.integers(whole.width - width + 1))
    top = int(rng.integers(whole.height - height + 1))
    part = whole.crop((left, top, left + width, top + height))
    return ImageOps.mirror(part) if rng.integers(2) else part


@cache
def _shipped(place: int) -> Image.Image:
    package, path = SHIPPED[place]
    with Image.open(str(files(package).joinpath(path))) as image:
        seen = Image.new("RGBA", image.size, "white")
        seen.alpha_composite(image.convert("RGBA"))
        return seen.convert("RGB")
