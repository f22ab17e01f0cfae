"""Whatever a viewer shows is what a model sees; what no viewer shows is a bad row with a reason."""

import io
import zlib

import numpy as np
import pytest
from PIL import Image

from src.data.bad_rows import BadRowError
from src.data.config import PicturesConfig
from src.data.decode import decode_picture

LIMITS = PicturesConfig(min_side=8)


def written(image: Image.Image, kind: str = "PNG", **settings) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format=kind, **settings)
    return buffer.getvalue()


def ramp(width: int = 24, height: int = 16) -> np.ndarray:
    """Another colour at every place."""
    rows, columns = np.mgrid[:height, :width]
    return np.stack([rows * 9, columns * 9, rows + columns], axis=-1).astype(np.uint8)


def decoded(content: bytes, limits: PicturesConfig = LIMITS) -> np.ndarray:
    image = decode_picture(content, limits)
    assert image.mode == "RGB"
    return np.asarray(image)


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "WEBP"])
def test_a_plain_picture_comes_back_to_the_bit(kind):
    settings = {"lossless": True} if kind == "WEBP" else {}
    assert (decoded(written(Image.fromarray(ramp()), kind, **settings)) == ramp()).all()


def test_a_path_is_read_like_its_content(tmp_path):
    (tmp_path / "a.png").write_bytes(written(Image.fromarray(ramp())))
    assert (np.asarray(decode_picture(str(tmp_path / "a.png"), LIMITS)) == ramp()).all()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_camera_turned_on_its_side_gives_an_upright_picture(orientation):
    turns = {
        1: lambda x: x,
        2: np.fliplr,
        3: lambda x: np.rot90(x, 2),
        4: np.flipud,
        5: lambda x: x.swapaxes(0, 1),
        6: lambda x: np.rot90(x, -1),
        7: lambda x: np.rot90(x, 2).swapaxes(0, 1),
        8: np.rot90,
    }
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = Image.fromarray(ramp())
    assert (decoded(written(stored, exif=exif)) == turns[orientation](ramp())).all()


def test_sixteen_bits_become_eight_and_are_not_cut_off():
    levels = np.linspace(0, 65535, 24 * 16).reshape(16, 24).astype(np.uint16)
    found = decoded(written(Image.fromarray(levels)))
    assert (found[..., 0] == np.round(levels / 257)).all()
    assert len(np.unique(found)) > 200


def test_transparent_places_are_white_and_half_transparent_ones_half():
    layers = np.zeros((16, 24, 4), np.uint8)
    layers[:, 8:16, 3], layers[:, 16:, 3] = 128, 255
    found = decoded(written(Image.fromarray(layers)))
    assert (found[:, :8] == 255).all()
    assert (abs(found[:, 8:16].astype(int) - 127) <= 1).all()
    assert (found[:, 16:] == 0).all()


def test_a_palette_keeps_its_colours_and_its_transparent_entry_is_white():
    image = Image.new("P", (24, 16), 1)
    image.putpalette([255, 0, 0, 0, 0, 255])
    image.paste(0, (0, 0, 12, 16))
    opaque, holed = decoded(written(image)), decoded(written(image, transparency=0))
    assert (opaque[0, 0] == (255, 0, 0)).all()
    assert (holed[0, 0] == 255).all()
    assert (opaque[0, 20] == (0, 0, 255)).all()
    assert (holed[0, 20] == (0, 0, 255)).all()


def test_print_colours_become_screen_colours():
    image = Image.new("CMYK", (24, 16), (0, 255, 255, 0))
    red, green, blue = decoded(written(image, "JPEG", quality=95))[8, 12]
    assert red > 200 > 60 > max(green, blue)


def test_of_a_moving_picture_the_first_frame_is_taken():
    frames = [Image.new("RGB", (24, 16), color) for color in ("red", "blue")]
    content = written(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert (decoded(content)[0, 0] == (255, 0, 0)).all()


@pytest.mark.parametrize("cut", [0, 1, 20, 60, -40])
def test_a_picture_cut_short_is_a_bad_row(cut):
    with pytest.raises(BadRowError, match="not a readable picture"):
        decoded(written(Image.fromarray(ramp()))[:cut])


@pytest.mark.parametrize("content", [b"", b"not a picture", b"<svg/>", b"\x89PNG\r\n\x1a\n"])
def test_what_is_no_picture_is_a_bad_row(content):
    with pytest.raises(BadRowError, match="not a readable picture"):
        decoded(content)


def test_a_flipped_byte_is_a_bad_row():
    content = bytearray(written(Image.fromarray(ramp())))
    content[len(content) // 2] ^= 0xFF
    with pytest.raises(BadRowError, match="not a readable picture"):
        decoded(bytes(content))


def test_a_missing_file_is_a_bad_row(tmp_path):
    with pytest.raises(BadRowError, match="no such file"):
        decode_picture(str(tmp_path / "a.png"), LIMITS)


def bomb(width: int, height: int) -> bytes:
    """A small PNG file that says it holds very many pixels."""
    content = bytearray(written(Image.new("L", (8, 8))))
    content[16:24] = width.to_bytes(4, "big") + height.to_bytes(4, "big")
    content[29:33] = zlib.crc32(content[12:29]).to_bytes(4, "big")
    return bytes(content)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (bomb(30_000, 30_000), "readable|max_pixels"),
        (bomb(9_000, 9_000), "9000 x 9000 pixels are more than data.max_pixels=64,000,000"),
        (written(Image.new("L", (1, 1))), "1 x 1 pixels: a side is shorter than data.min_side=8"),
        (bomb(20_000, 10), "20000 x 10 pixels: narrower than data.max_aspect_ratio=10"),
        (written(Image.new("F", (16, 16)), "TIFF"), "floating point"),
    ],
    ids=["bomb", "huge", "one pixel", "ribbon", "floats"],
)
def test_a_picture_beyond_the_limits_is_refused_before_its_pixels_are_read(content, said):
    with pytest.raises(BadRowError, match=said):
        decoded(content)
