"""Pictures reach the metrics with the pixels that torch-fidelity gives them, or a reason."""

import numpy as np
import pytest
import torchvision
from PIL import Image
from torch_fidelity.datasets import ImagesPathDataset, TransformPILtoRGBTensor

from src.evaluation.picture_files import UnreadablePictureError, open_picture, read_squares, square


def noise(width: int, height: int, channels: int = 3) -> np.ndarray:
    rng = np.random.default_rng(width * 1000 + height)
    return rng.integers(0, 256, (height, width, channels), dtype=np.uint8).squeeze()


@pytest.mark.parametrize("size", [(64, 64), (65, 40), (40, 67), (200, 31), (90, 333), (33, 64)])
@pytest.mark.parametrize("kind", ["png", "jpg"])
def test_squares_are_those_of_torch_fidelity(size, kind, tmp_path):
    path = tmp_path / f"a.{kind}"
    Image.fromarray(noise(*size)).save(path)
    for side in (32, 64, 77):
        transforms = [torchvision.transforms.Resize(side), torchvision.transforms.CenterCrop(side)]
        steps = torchvision.transforms.Compose([*transforms, TransformPILtoRGBTensor()])
        theirs = ImagesPathDataset([path], steps)[0].permute(1, 2, 0).numpy()
        assert (square(open_picture(path), side) == theirs).all()


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGBA", "CMYK", "LA"])
def test_every_picture_of_8_bits_becomes_pillows_rgb(mode, tmp_path):
    path = tmp_path / ("a.jpg" if mode == "CMYK" else "a.png")
    Image.fromarray(noise(20, 20)).convert(mode).save(path)
    assert (np.asarray(open_picture(path)) == np.asarray(Image.open(path).convert("RGB"))).all()


def test_an_exif_turn_and_all_frames_but_the_first_are_left_out_as_the_libraries_do(tmp_path):
    image = Image.fromarray(noise(20, 10))
    exif = Image.Exif()
    exif[0x0112] = 6
    image.save(tmp_path / "a.jpg", exif=exif)
    assert open_picture(tmp_path / "a.jpg").size == (20, 10)
    frames = [Image.new("RGB", (9, 9), color) for color in ("red", "blue")]
    frames[0].save(tmp_path / "a.webp", save_all=True, append_images=frames[1:], lossless=True)
    assert open_picture(tmp_path / "a.webp").getpixel((4, 4)) == (255, 0, 0)


def spoilt(folder) -> dict:
    Image.fromarray(noise(90, 90)).save(folder / "cut.png")
    content = (folder / "cut.png").read_bytes()
    (folder / "cut.png").write_bytes(content[: len(content) // 2])
    (folder / "empty.png").write_bytes(b"")
    (folder / "text.jpg").write_text("no picture")
    Image.fromarray(np.full((9, 9), 40_000, np.uint16)).save(folder / "deep.png")
    Image.new("1", (9000, 8000)).save(folder / "bomb.png")
    return {
        "cut.png": "truncated",
        "empty.png": "cannot identify",
        "text.jpg": "cannot identify",
        "deep.png": "mode I;16",
        "bomb.png": "more than 64,000,000 pixels",
        "none.png": "not there",
    }


def test_what_gives_no_pixels_says_why(tmp_path):
    for name, why in spoilt(tmp_path).items():
        with pytest.raises(UnreadablePictureError, match=why) as refusal:
            open_picture(tmp_path / name)
        assert str(tmp_path) not in str(refusal.value)


def test_a_single_pixel_fills_its_square(tmp_path):
    Image.new("RGB", (1, 1), (7, 8, 9)).save(tmp_path / "dot.png")
    (pixels,), unreadable = read_squares([tmp_path / "dot.png"], 299)
    assert (pixels == [7, 8, 9]).all()
    assert pixels.shape == (299, 299, 3)
    assert unreadable == {}


@pytest.mark.parametrize(
    ("width", "height", "size"), [(8_000_000, 1, 299), (20_000, 10, 512), (10, 20_000, 512)]
)
def test_a_strip_that_would_grow_beyond_all_bounds_is_not_resized(tmp_path, width, height, size):
    Image.new("1", (width, height)).save(tmp_path / "strip.png")
    pixels, unreadable = read_squares([tmp_path / "strip.png"], size)
    assert pixels == []
    (why,) = unreadable.values()
    assert why.startswith(f"{width}x{height}, which with {size} on its shorter side would be more")


def test_a_strip_that_stays_within_them_gives_its_middle(tmp_path):
    image = Image.new("RGB", (20_000, 10), "red")
    image.paste("blue", (9_900, 0, 10_100, 10))
    image.save(tmp_path / "strip.png")
    (pixels,), _ = read_squares([tmp_path / "strip.png"], 64)
    assert (pixels == [0, 0, 255]).all()


def test_the_readable_ones_are_read_beside_those_that_are_not(tmp_path):
    Image.new("RGB", (8, 8), "red").save(tmp_path / "good.png")
    whys = spoilt(tmp_path)
    pixels, unreadable = read_squares([tmp_path / "good.png", *(tmp_path / x for x in whys)], 8)
    assert len(pixels) == 1
    assert {path.name for path in unreadable} == set(whys)
