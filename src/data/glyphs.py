"""The pictograms of DejaVu Sans, the font inside every matplotlib, as soft-edged masks."""

from functools import cache
from importlib.resources import as_file, files

import numpy as np
from PIL import Image, ImageDraw, ImageFont

PICTOGRAMS: dict[str, str] = {
    "sun": "☀",
    "cloud": "☁",
    "umbrella": "☂",
    "snowman": "☃",
    "star": "★",
    "phone": "☎",
    "skull": "☠",
    "moon": "☾",
    "king": "♚",
    "rook": "♜",
    "knight": "♞",
    "spade": "♠",
    "club": "♣",
    "heart": "♥",
    "diamond": "♦",
    "note": "♪",
    "anchor": "⚓",
    "flag": "⚑",
    "gear": "⚙",
    "lightning": "⚡",
    "scissors": "✂",
    "airplane": "✈",
    "flower": "✿",
    "snowflake": "❄",
    "house": "⌂",
}
OVERSAMPLING = 10  # outlines are drawn this much larger, then shrunk: soft, size-true edges


@cache
def glyph_mask(name: str, size: int) -> np.ndarray:
    """Coverage of each pixel by the pictogram, fitted into a square and centred.

    Returns float32 of shape (size, size) in [0, 1], read-only because it is shared.
    """
    with as_file(files("matplotlib") / "mpl-data/fonts/ttf/DejaVuSans.ttf") as path:
        font = ImageFont.truetype(str(path), size * OVERSAMPLING)
    left, top, right, bottom = font.getbbox(PICTOGRAMS[name])
    outline = Image.new("L", (right - left, bottom - top))
    ImageDraw.Draw(outline).text((-left, -top), PICTOGRAMS[name], font=font, fill=255)

    scale = size / max(outline.size)
    fitted = outline.resize([max(1, round(side * scale)) for side in outline.size], Image.LANCZOS)
    square = Image.new("L", (size, size))
    square.paste(fitted, ((size - fitted.width) // 2, (size - fitted.height) // 2))
    mask = np.asarray(square, dtype=np.float32) / 255
    mask.setflags(write=False)
    return mask
