"""Moving pictures come back frame by frame, at their size and in their time."""

import io
import sys

import numpy as np
import pytest
from PIL import Image

from src.data.palette import COLORS
from src.errors import UserError
from src.report.moving import gif_bytes, mp4_bytes

BOTH = pytest.mark.parametrize("encode", [gif_bytes, mp4_bytes])


def drawn(num_frames, num_colors, height=20, width=30, seed=0):
    """Frames of scattered pixels, in so many different colours together."""
    rng = np.random.default_rng(seed)
    numbers = rng.choice(2**24, num_colors, replace=False)
    colors = np.stack([numbers >> 16, numbers >> 8 & 255, numbers & 255], axis=1).astype(np.uint8)
    places = num_frames * height * width
    codes = np.append(np.arange(num_colors), rng.integers(0, num_colors, places - num_colors))
    return list(colors[rng.permuted(codes)].reshape(num_frames, height, width, 3))


def scenes(num_frames, side=8, seed=0):
    """Frames of large pixels in the colours of the data's scenes."""
    codes = np.random.default_rng(seed).integers(0, len(COLORS), (num_frames, side, side))
    return list(np.array(list(COLORS.values()), dtype=np.uint8)[codes])


def pillow(frames):
    return [Image.fromarray(frame) for frame in frames]


def read_gif(data):
    """All frames, and how long each stays, in milliseconds."""
    frames, stays = [], []
    with Image.open(io.BytesIO(data)) as film:
        assert film.format == "GIF"
        for index in range(film.n_frames):
            film.seek(index)
            frames.append(np.asarray(film.convert("RGB")))
            stays.append(film.info["duration"])
    return frames, stays


def read_mp4(data):
    """All frames, when each is shown, and how long the film is, in seconds."""
    import av

    with av.open(io.BytesIO(data)) as film:
        (video,) = film.streams.video
        assert video.codec_context.name == "h264"
        assert video.codec_context.pix_fmt == "yuv420p"
        found = list(film.decode(video))
        seconds = float(video.duration * video.time_base)
    return [f.to_ndarray(format="rgb24") for f in found], [f.time for f in found], seconds


@pytest.mark.parametrize("num_colors", [2, 3, 16, 17, 255, 256])
@pytest.mark.parametrize("enlarge", [1, 3])
def test_a_gif_of_at_most_256_colours_is_exact(num_colors, enlarge):
    frames = drawn(5, num_colors)
    back, stays = read_gif(gif_bytes(pillow(frames), 10, enlarge))
    assert len(back) == 5
    assert stays == [100] * 5
    for frame, found in zip(frames, back, strict=True):
        assert np.array_equal(found, frame.repeat(enlarge, axis=0).repeat(enlarge, axis=1))


def test_a_gif_that_changes_in_one_place_only_is_exact():
    frames = [drawn(1, 200)[0] for _ in range(4)]
    for index in range(1, 4):
        frames[index][5:8, 4 * index : 4 * index + 3] = frames[0][0, 0]
    assert np.array_equal(read_gif(gif_bytes(pillow(frames), 5))[0], frames)


def test_a_gif_of_more_colours_is_near_and_what_stands_still_does_not_flicker():
    rows, columns = np.indices((64, 64))
    ground = np.stack([4 * rows, 4 * columns, 2 * (rows + columns)], axis=2).astype(np.uint8)
    frames = [ground.copy() for _ in range(3)]
    for index in range(3):
        frames[index][:8, 8 * index : 8 * index + 8] = (214, 26, 36)
    back, _ = read_gif(gif_bytes(pillow(frames), 5))
    assert np.abs(np.array(back).astype(int) - frames).mean() < 12
    assert len(np.unique(np.reshape(back, (-1, 3)), axis=0)) <= 256
    assert np.array_equal(back[0][8:], back[1][8:])
    assert np.array_equal(back[0][8:], back[2][8:])


def test_a_gif_loops_forever():
    data = gif_bytes(pillow(drawn(2, 4)), 5)
    with Image.open(io.BytesIO(data)) as film:
        assert film.info["loop"] == 0


@pytest.mark.parametrize("frames_per_second", [0.5, 7, 24, 50])
def test_the_stays_of_a_gif_add_up_to_the_right_time(frames_per_second):
    _, stays = read_gif(gif_bytes(pillow(drawn(30, 20)), frames_per_second))
    assert sum(stays) == pytest.approx(1000 * 30 / frames_per_second, abs=5)
    assert max(stays) - min(stays) <= 10
    assert min(stays) >= 20


def test_equal_frames_become_one_that_stays_longer():
    first, second = drawn(2, 5)
    back, stays = read_gif(gif_bytes(pillow([first, first, first, second]), 10))
    assert np.array_equal(back, [first, second])
    assert stays == [300, 100]
    back, stays = read_gif(gif_bytes(pillow([first, first]), 10))
    assert np.array_equal(back, [first])
    assert stays == [200]


def test_a_gif_that_would_stand_too_long_is_refused():
    first, second = pillow(drawn(2, 5))
    with pytest.raises(UserError, match="unchanged for 700 seconds, and 655"):
        gif_bytes([first] * 7 + [second], 0.01)
    assert read_gif(gif_bytes([first] * 6 + [second], 0.01))[1] == [600_000, 100_000]


@pytest.mark.parametrize("frames_per_second", [0.5, 24, 29.97, 120])
def test_an_mp4_comes_back_nearly_as_it_was(frames_per_second):
    frames = scenes(9)
    back, times, seconds = read_mp4(mp4_bytes(pillow(frames), frames_per_second, enlarge=8))
    assert len(back) == 9
    assert times == pytest.approx([index / frames_per_second for index in range(9)], abs=1e-3)
    assert seconds == pytest.approx(9 / frames_per_second, abs=1e-3)
    for frame, found in zip(frames, back, strict=True):
        assert found.shape == (64, 64, 3)
        large = frame.repeat(8, axis=0).repeat(8, axis=1).astype(int)
        assert np.abs(found - large).mean() < 12
        assert np.abs(found - large)[4::8, 4::8].mean() < 5  # hues, away from other ones


def test_odd_sides_of_an_mp4_get_their_last_row_and_column_twice():
    frame = np.zeros((5, 7, 3), dtype=np.uint8)
    frame[-1], frame[:, -1] = 255, 255
    (found,), _, _ = read_mp4(mp4_bytes(pillow([frame]), 5, enlarge=3))
    assert found.shape == (16, 22, 3)
    assert found[-1].min() > 230
    assert found[:, -1].min() > 230
    assert found[:10, :16].max() < 25


@BOTH
def test_the_same_frames_give_the_same_bytes(encode):
    frames = drawn(3, 1000)
    assert encode(pillow(frames), 5, 2) == encode(pillow(frames), 5, 2)
    assert encode(pillow(frames), 5, 2) != encode(pillow(frames[::-1]), 5, 2)


def test_the_bytes_of_an_mp4_name_no_version_and_no_time():
    data = mp4_bytes(pillow(scenes(2)), 5, 4)
    assert b"Lavf" not in data
    assert b"Lavc" not in data
    created = data.index(b"mvhd") + 8  # version and flags, then when it was made and changed
    assert data[created : created + 8] == bytes(8)


@BOTH
def test_transparent_pixels_are_white(encode):
    hidden = np.zeros((16, 16, 4), dtype=np.uint8)
    hidden[:8] = (0, 0, 255, 255)
    data = encode([Image.fromarray(hidden)], 5)
    (found, *_), *_ = read_gif(data) if encode is gif_bytes else read_mp4(data)
    assert found[12:].min() > 245
    assert np.abs(found[:6].astype(int) - (0, 0, 255)).max() < 12


@BOTH
def test_no_frames_several_sizes_and_impossible_numbers_are_refused(encode):
    frames = pillow(drawn(2, 5))
    with pytest.raises(UserError, match="There are no frames"):
        encode([], 5)
    with pytest.raises(UserError, match="Frame 1 measures 4x3, frame 0 measures 30x20"):
        encode([frames[0], frames[1].resize((4, 3))], 5)
    for impossible in (0, -1, 121, float("nan"), float("inf")):
        with pytest.raises(UserError, match=f"frames_per_second={impossible} is impossible"):
            encode(frames, impossible)
    for impossible in (0, 65):
        with pytest.raises(UserError, match=f"enlarge={impossible} is impossible"):
            encode(frames, 5, impossible)
    with pytest.raises(UserError, match="longer than 16,384"):
        encode([frames[0].resize((300, 2))], 5, 64)


def test_what_viewers_of_gifs_would_slow_down_is_refused():
    with pytest.raises(UserError, match=r"frames_per_second=60 .* from 0.01 to 50"):
        gif_bytes(pillow(drawn(2, 5)), 60)


def test_without_pyav_the_sentence_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(UserError, match=r"install av in the version pinned"):
        mp4_bytes(pillow(drawn(2, 5)), 5)
    assert gif_bytes(pillow(drawn(2, 5)), 5)
