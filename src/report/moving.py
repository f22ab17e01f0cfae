"""Pictures one after another as a file that moves: a GIF, or an MP4 where colours are many.

Dimensions: frames, height, width; rows and columns after enlarging.
"""

import io
import itertools
from collections.abc import Sequence
from fractions import Fraction

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from src.errors import UserError
from src.limits import between, whole

SLOWEST, QUICKEST = 0.01, 120  # frames a second
QUICKEST_GIF = 50  # a stay of less than 2/100 s is shown as 10/100 by most viewers
LONGEST_STAY = 65_535  # hundredths of a second that a GIF's picture can stay
MOST_COLORS = 256  # in a GIF
LONGEST_SIDE = 16_384  # pixels, in H.264
QUALITY = "16"  # x264's crf: 0 is hardly any loss, 23 its default
WHITE = (255, 255, 255)  # beneath transparent pixels


def gif_bytes(
    frames: Sequence[Image.Image], frames_per_second: int | float, enlarge: int = 1
) -> bytes:
    """A GIF that loops forever; the same frames always give the same bytes.

    All frames share one palette: exactly their colours where these are at most 256, and otherwise
    256 by median cut, without dithering, so that what stands still does not flicker. A frame that
    equals the one before is not written again: that one stays longer. Stays are whole hundredths
    of a second, and add up to the right time.

    Args:
        frames_per_second: from 0.01 to 50; most viewers slow down what is quicker. An MP4 can.
        enlarge: every pixel becomes a square of so many, unsmoothed; from 1 to 64.

    Raises:
        UserError: no frames, or of several sizes; a number out of its range; a picture that stays
            for more than 655 seconds.
    """
    between("frames_per_second", frames_per_second, SLOWEST, QUICKEST_GIF)
    palette, codes = _in_one_palette(_levels(frames, enlarge))
    changes = [0, *(i for i in range(1, len(codes)) if (codes[i] != codes[i - 1]).any())]
    times = [round(100 * index / frames_per_second) for index in (*changes, len(codes))]
    stays = [end - start for start, end in itertools.pairwise(times)]
    if max(stays) > LONGEST_STAY:
        raise UserError(
            f"frames_per_second={frames_per_second} leaves a picture of the GIF unchanged for "
            f"{max(stays) / 100:,.0f} seconds, and 655 are the most: give more frames a second."
        )
    pictures = [Image.fromarray(_enlarged(codes[index], enlarge)) for index in changes]
    for picture in pictures:
        picture.putpalette(palette.tobytes())
    buffer = io.BytesIO()
    pictures[0].save(
        buffer,
        format="GIF",
        save_all=True,
        append_images=pictures[1:],
        duration=[10 * stay for stay in stays],  # milliseconds
        loop=0,  # forever
        palette=palette.tobytes(),  # one for all, not one each
        optimize=False,
    )
    return buffer.getvalue()


def mp4_bytes(
    frames: Sequence[Image.Image], frames_per_second: int | float, enlarge: int = 1
) -> bytes:
    """An MP4 (H.264) that every browser plays; the same frames always give the same bytes.

    Brightness comes back within a few levels; a hue is shared by 2 x 2 pixels (yuv420p, the one
    layout that plays everywhere), so enlarge small pictures. An odd side gets its last row or
    column twice.

    Args:
        frames_per_second: from 0.01 to 120.
        enlarge: every pixel becomes a square of so many, unsmoothed; from 1 to 64.

    Raises:
        UserError: no frames, or of several sizes; a number out of its range; PyAV cannot be loaded.
    """
    between("frames_per_second", frames_per_second, SLOWEST, QUICKEST)
    levels = _levels(frames, enlarge)
    try:
        import av  # late: it loads FFmpeg, which only this needs
    except ImportError as error:
        raise UserError(
            f"PyAV, which writes MP4, cannot be loaded ({error}): install av in the version pinned "
            "in requirements.txt, or write a GIF."
        ) from error
    buffer = io.BytesIO()
    options = {"fflags": "+bitexact"}  # leaves the name of FFmpeg's version out
    with av.open(buffer, "w", format="mp4", container_options=options) as container:
        rate = Fraction(frames_per_second).limit_denominator(10_000)
        video = container.add_stream("libx264", rate=rate, options={"crf": QUALITY})
        height, width = _even(_enlarged(levels[0], enlarge)).shape[:2]
        video.height, video.width, video.pix_fmt = height, width, "yuv420p"
        settings = video.codec_context
        settings.thread_count = 1  # or the bytes would follow the machine's processors
        # BT.709, not to be guessed by the player, who would go by the size
        settings.colorspace = settings.color_primaries = settings.color_trc = 1
        settings.color_range = 1  # from 16 to 235
        for picture in levels:
            container.mux(video.encode(_in_yuv(_even(_enlarged(picture, enlarge)))))
        container.mux(video.encode(None))  # what the encoder holds back
    return buffer.getvalue()


def _levels(
    frames: Sequence[Image.Image], enlarge: int
) -> UInt8[np.ndarray, "frames height width 3"]:
    """The frames in 8-bit RGB and their own size, checked."""
    whole("enlarge", enlarge, 1, 64)
    if len(frames) == 0:
        raise UserError("There are no frames to show one after another: give at least one.")
    width, height = frames[0].size
    for index, frame in enumerate(frames):
        if frame.size != (width, height):
            raise UserError(
                f"Frame {index} measures {frame.width}x{frame.height}, frame 0 measures "
                f"{width}x{height}: the frames of one file must be of one size."
            )
    if max(width, height) * enlarge > LONGEST_SIDE:
        raise UserError(
            f"enlarge={enlarge} makes frames of {width}x{height} longer than {LONGEST_SIDE:,} "
            "pixels, which no player shows: enlarge less."
        )
    return np.stack([_on_white(frame) for frame in frames])


def _on_white(frame: Image.Image) -> UInt8[np.ndarray, "height width 3"]:
    if frame.has_transparency_data:  # or the colours that it hides would be shown
        paper = Image.new("RGBA", frame.size, (*WHITE, 255))
        paper.alpha_composite(frame.convert("RGBA"))
        frame = paper
    return np.asarray(frame.convert("RGB"))


def _in_one_palette(
    levels: UInt8[np.ndarray, "frames height width 3"],
) -> tuple[UInt8[np.ndarray, "colors 3"], UInt8[np.ndarray, "frames height width"]]:
    """At most 256 colours for all frames, and which of them each pixel has."""
    shape = levels.shape
    red, green, blue = (levels[..., channel].astype(np.int32) for channel in range(3))
    numbers, codes = np.unique(red << 16 | green << 8 | blue, return_inverse=True)
    if len(numbers) > MOST_COLORS:
        below = Image.fromarray(levels.reshape(-1, shape[2], 3))  # the frames below one another
        fewer = below.quantize(MOST_COLORS, Image.Quantize.MEDIANCUT)  # never dithers
        return _in_one_palette(np.asarray(fewer.convert("RGB")).reshape(shape))
    palette = np.stack([numbers >> 16, numbers >> 8 & 255, numbers & 255], axis=1)
    return palette.astype(np.uint8), codes.reshape(shape[:3]).astype(np.uint8)


def _enlarged(values: UInt8[np.ndarray, "height width *any"], enlarge: int) -> np.ndarray:
    return values.repeat(enlarge, axis=0).repeat(enlarge, axis=1)


def _even(values: UInt8[np.ndarray, "height width 3"]) -> UInt8[np.ndarray, "rows columns 3"]:
    height, width = values.shape[:2]
    return np.pad(values, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")


def _in_yuv(values: UInt8[np.ndarray, "height width 3"]):
    """PyAV's frame in yuv420p, by the same sums on every processor."""
    from av import VideoFrame
    from av.video.reformatter import ColorRange, Colorspace, Interpolation

    return VideoFrame.from_ndarray(np.ascontiguousarray(values), format="rgb24").reformat(
        format="yuv420p",
        dst_colorspace=Colorspace.ITU709,
        dst_color_range=ColorRange.MPEG,
        interpolation=Interpolation.BILINEAR | Interpolation.ACCURATE_RND | Interpolation.BITEXACT,
        threads=1,
    )
