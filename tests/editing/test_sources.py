"""Pictures and masks as people hand them in: all kinds opened, everything else one sentence."""

import struct
import zlib

import numpy as np
import pytest
import torch
from PIL import Image

from src.editing.sources import MOST_PIXELS, check_mask_size, open_masks, open_sources
from tests.editing.conftest import check_refused, picture, rectangle

RGB = np.asarray(picture(3, (5, 4)))
RGBA = np.asarray(picture(3, (5, 4), 4))
MASK = rectangle(1, 0, 4, 2, (5, 4))


def opened(given):
    (source,) = open_sources(given)
    return source.pixels


def saved(image, path):
    image.save(path)
    return path


# ---- pictures


@pytest.mark.parametrize(
    "given",
    [
        Image.fromarray(RGB),
        RGB,
        np.asfortranarray(RGB),
        np.repeat(RGB, 2, axis=1)[:, ::2],
        RGB[::-1, ::-1][::-1, ::-1],
        RGB.astype(np.int64),
        RGB.astype(np.float64) / 255,
        RGB.astype(np.float32) / 255,
        torch.from_numpy(RGB.copy()).permute(2, 0, 1),
        torch.from_numpy(RGB.copy()).permute(2, 0, 1).float() / 255,
        [RGB],
        (Image.fromarray(RGB),),
        RGB[None],
        torch.from_numpy(RGB.copy()).permute(2, 0, 1)[None],
    ],
)
def test_a_picture_of_every_kind_is_the_same_pixels(given):
    assert (opened(given) == RGB).all()


@pytest.mark.parametrize("name", ["a.png", "a.webp", "a.bmp", "a.tiff"])
def test_a_file_is_its_picture_by_text_and_by_path(name, tmp_path):
    Image.fromarray(RGB).save(tmp_path / name, lossless=True)
    assert (opened(tmp_path / name) == RGB).all()
    assert (opened(str(tmp_path / name)) == RGB).all()


def test_half_precision_pixels_are_read_too():
    levels = torch.tensor([0.0, 0.25, 0.5, 1.0]).expand(3, 2, 4)
    for dtype in (torch.float16, torch.bfloat16):
        assert opened(levels.to(dtype))[0, :, 0].tolist() == [0, 64, 128, 255]


@pytest.mark.parametrize(
    "image",
    [
        Image.fromarray(RGB[..., 0]),
        Image.fromarray(RGB).quantize(4),
        Image.fromarray(RGB).convert("CMYK"),
        Image.fromarray(RGB).convert("YCbCr"),
        Image.fromarray(RGB).convert("HSV"),
        Image.fromarray(RGB[..., 0]).convert("1"),
    ],
    ids=lambda image: image.mode,
)
def test_other_colours_become_rgb_as_pillow_converts_them(image):
    assert (opened(image) == np.asarray(image.convert("RGB"))).all()


@pytest.mark.parametrize("mode", ["I;16", "I"])
def test_sixteen_bits_become_eight_and_are_not_cut(mode):
    levels = np.array([[0, 257, 200 * 257, 65535]], dtype=np.uint16)
    image = Image.fromarray(levels if mode == "I;16" else levels.astype(np.int32))
    assert image.mode == mode
    assert opened(image)[0].tolist() == [[level] * 3 for level in (0, 1, 200, 255)]


@pytest.mark.parametrize(
    "given", [RGBA, Image.fromarray(RGBA), torch.tensor(RGBA).permute(2, 0, 1)]
)
def test_transparency_is_kept_and_the_model_sees_it_over_white(given):
    (source,) = open_sources(given)
    assert (source.pixels == RGBA).all()
    clear = open_sources(np.zeros((2, 2, 4), dtype=np.uint8))[0]
    assert (clear.rgb == 255).all()
    assert clear.pixels.sum() == 0
    half = open_sources(np.full((1, 1, 4), [100, 0, 255, 51], dtype=np.uint8))[0]  # a fifth
    assert half.rgb.tolist() == [[[224, 204, 255]]]


@pytest.mark.parametrize("mode", ["LA", "PA", "La", "RGBa"])
def test_every_kind_of_transparency_is_kept(mode):
    pixels = opened(Image.new(mode, (3, 2)))
    assert pixels.shape == (2, 3, 4)


def test_a_photograph_is_turned_upright_as_its_tag_says(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # the top is at the right
    Image.fromarray(RGB).save(tmp_path / "a.png", exif=exif)
    assert (opened(tmp_path / "a.png") == np.rot90(RGB, -1)).all()


def test_several_pictures_come_as_a_list_or_with_one_axis_more():
    batch = np.stack([RGB, RGB[::-1], RGB[:, ::-1]])
    for given in (batch, list(batch), torch.tensor(batch).permute(0, 3, 1, 2)):
        assert all((a.pixels == b).all() for a, b in zip(open_sources(given), batch, strict=True))


# ---- masks


@pytest.mark.parametrize(
    "given",
    [
        MASK,
        np.asfortranarray(MASK),
        MASK.astype(np.float32),
        MASK.astype(np.uint8) * 255,
        MASK.astype(np.int32) * 128,
        MASK[..., None],
        MASK[None],
        torch.tensor(MASK),
        torch.tensor(MASK)[None],
        torch.tensor(MASK).to(torch.bfloat16),
        Image.fromarray(MASK),
        Image.fromarray(MASK.astype(np.uint8) * 255),
        Image.fromarray(MASK.astype(np.uint8) * 255).convert("RGB"),
        Image.fromarray(MASK.astype(np.uint8) * 255).convert("P"),
        Image.fromarray(MASK.astype(np.uint8) * 255).convert("RGBA"),
        Image.fromarray(MASK.astype(np.uint16) * 65535),
        [MASK],
        MASK[None, ..., None],
        torch.tensor(MASK)[None, None],
    ],
)
def test_a_mask_of_every_kind_covers_the_same_pixels(given):
    (mask,) = open_masks(given)
    assert (mask == MASK).all()


def test_from_the_middle_on_a_level_is_to_be_repainted():
    levels = np.array([[0, 1, 127, 128, 129, 255]], dtype=np.uint8)
    assert open_masks(levels)[0].tolist() == [[False] * 3 + [True] * 3]


@pytest.mark.parametrize("size", [(1, 1), (5, 1), (1, 5), (3, 3)])
def test_a_channel_of_a_mask_is_not_mistaken_for_a_row(size):
    width, height = size
    mask = np.random.default_rng(1).random((height, width)) < 0.5
    assert (open_masks(mask[..., None])[0] == mask).all()
    assert (open_masks(torch.tensor(mask)[None])[0] == mask).all()


def test_several_masks_come_as_a_list_or_with_two_axes_more():
    masks = [MASK, ~MASK, MASK[::-1]]
    batch = np.stack(masks)[..., None]
    for given in (masks, batch, torch.tensor(batch).permute(0, 3, 1, 2)):
        assert all((a == b).all() for a, b in zip(open_masks(given), masks, strict=True))


# ---- what is no picture


def claiming(path, width: int, height: int):
    """The header of a PNG of this size, and no pixels."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(b"")), (b"IEND", b"")]
    parts = [
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in chunks
    ]
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(parts))
    return path


@pytest.mark.parametrize("size", [(60000, 60000), (12000, 11000), (20000, 2), (2**31 - 1, 1)])
@pytest.mark.parametrize("open_it", [open_sources, open_masks])
def test_a_file_that_claims_a_gigantic_size_is_refused_before_it_is_read(open_it, size, tmp_path):
    path = claiming(tmp_path / "huge.png", *size)
    check_refused(["huge.png", f"{MOST_PIXELS:,}"], open_it, path)


@pytest.mark.parametrize("open_it", [open_sources, open_masks])
def test_files_that_are_no_pictures_are_refused_by_name(open_it, tmp_path):
    Image.fromarray(np.tile(RGB, (20, 20, 1))).save(tmp_path / "whole.png")
    (tmp_path / "cut.png").write_bytes((tmp_path / "whole.png").read_bytes()[:300])
    (tmp_path / "notes.txt").write_text("no picture")
    (tmp_path / "empty.png").write_bytes(b"")
    check_refused(["cut.png", "damaged"], open_it, tmp_path / "cut.png")
    check_refused(["notes.txt", "no readable picture"], open_it, str(tmp_path / "notes.txt"))
    check_refused(["empty.png", "no readable picture"], open_it, tmp_path / "empty.png")
    check_refused(["absent.png", "is not there"], open_it, tmp_path / "absent.png")
    check_refused([tmp_path.name, "no readable picture"], open_it, tmp_path)
    check_refused(["[1]", "absent.png"], open_it, [MASK * 1.0, "absent.png"])


@pytest.mark.parametrize("name", ["", "a\0b", "~nobody-at-all/a.png", "x" * 5000, "\ud800.png"])
def test_a_name_that_no_file_can_have_is_refused(name):
    check_refused(["images="], open_sources, name)


def test_a_picture_that_was_closed_is_refused(tmp_path):
    image = Image.open(saved(Image.fromarray(RGB), tmp_path / "a.png"))
    image.close()
    check_refused(["images", "ValueError"], open_sources, image)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (None, ["images is None", "path"]),
        ([], ["images is []", "list"]),
        ({}, ["images is {}"]),
        (7, ["images is 7"]),
        (np.float64(3), ["images"]),
        ([None], ["images[0] is a NoneType"]),
        ([RGB, 3], ["images[1] is a int"]),
        ([[RGB]], ["images[0] is a list"]),
        (b"\x89PNG", ["images[0] is a int"]),
        ([RGB, RGB[:, :4]], ["5x4", "4x4", "one size"]),
        (np.zeros(5), ["(5,)", "1, 3 or 4 channels"]),
        (np.zeros((4, 5, 2)), ["(4, 5, 2)", "channels"]),
        (torch.zeros(5, 4, 3), ["(5, 4, 3)", "channels"]),
        (np.zeros((0, 5, 3)), ["5x0", "at least 1"]),
        (np.zeros((5, 0, 3), dtype=np.uint8), ["0x5", "at least 1"]),
        (np.zeros((0, 4, 5, 3)), ["images"]),
        (np.zeros((1, 2**14 + 1, 3), dtype=np.uint8), ["16385x1", "16,384"]),
        (RGB.astype(np.int64) + 300, ["int64", "from 0 to 255"]),
        (RGB.astype(np.int16) - 1000, ["int16", "from 0 to 255"]),
        (np.full((4, 5), 1.5), ["1.5", "from 0 to 1"]),
        (np.full((4, 5), -0.5), ["-0.5", "from 0 to 1"]),
        (np.full((4, 5), 255.0), ["255", "from 0 to 1"]),
        (np.full((4, 5, 3), np.nan), ["NaN"]),
        (np.full((4, 5, 3), np.inf), ["infinity"]),
        (RGB.astype(np.complex64), ["complex64", "floating point"]),
        (RGB.astype(object), ["object", "whole numbers"]),
        (np.full((4, 5), None), ["object", "whole numbers"]),
        (np.full((4, 5), "red"), ["<U3", "whole numbers"]),
        (RGB.astype("datetime64[s]"), ["datetime64", "whole numbers"]),
        (torch.zeros(3, 4, 5, dtype=torch.complex64), ["complex64", "whole numbers"]),
        (RGB > 100, ["bool", "whole numbers"]),
        (Image.new("F", (5, 4)), ["floating point", "8-bit"]),
    ],
)
def test_what_is_no_picture_is_one_sentence(given, words):
    check_refused(words, open_sources, given)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (None, ["masks is None"]),
        ([], ["masks is []"]),
        ([MASK, None], ["masks[1] is a NoneType"]),
        (np.zeros((4, 5, 3)), ["(4, 5, 3)", "one channel"]),
        (np.zeros((3, 4, 5)), ["(3, 4, 5)", "one channel"]),
        (np.zeros((2, 4, 5, 3)), ["masks[0]", "one channel"]),
        (np.zeros(5), ["(5,)", "one channel"]),
        (Image.fromarray(RGB), ["colours", "black and white"]),
        (Image.new("LA", (5, 4), (255, 100)), ["transparent", "one channel"]),
        (Image.new("La", (5, 4)), ["transparent", "one channel"]),
        (Image.new("F", (5, 4)), ["floating point"]),
        (np.full((4, 5), 2.0), ["2", "from 0 to 1"]),
        (np.full((4, 5), np.nan), ["NaN"]),
        (np.full((4, 5), 256), ["int64", "from 0 to 255"]),
        (np.full((4, 5), None), ["object"]),
        (np.full((4, 5), "x"), ["<U1"]),
        (np.zeros((4, 0)), ["0x4", "at least 1"]),
        (MASK.astype(np.uint8), ["0 and 1", "0 and 255"]),
        (MASK.astype(np.int64), ["0 and 1", "0 and 255"]),
        (Image.fromarray(MASK.astype(np.uint8)), ["0 and 1", "0 and 255"]),
    ],
)
def test_what_is_no_mask_is_one_sentence(given, words):
    check_refused(words, open_masks, given)


def test_a_mask_of_another_size_is_refused_with_both_sizes():
    (source,) = open_sources(RGB)
    check_refused(["masks", "4x5", "5x4"], check_mask_size, MASK.T, source, "masks")
