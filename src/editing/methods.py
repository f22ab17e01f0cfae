"""What an assembled system can do to pictures, as its methods.

Every sampler, schedule and guidance law of `generate` holds for edits too, and so does its promise:
with seeds, a picture is a function of its input, prompt, settings and seed, whatever else is in the
batch. Pictures of one input stand side by side.
"""

from typing import Any

from src.conditioning.prompts import Prompts
from src.editing.inpaint import inpaint
from src.editing.mix import mix
from src.editing.outpaint import outpaint
from src.editing.regions import edit_regions
from src.editing.vary import vary
from src.editing.video import Video, video
from src.filling import how_from
from src.generation import Generation

VARYING = ("images", "prompts", "strength", "mode")  # what is known besides `How`
INPAINTING = (*VARYING, "masks", "feather", "halo")


class Editing:
    """A part of `Amused`, which has the models."""

    def vary(
        self, images: Any, prompts: Prompts, strength: Any = 0.5, mode: Any = "exact", **how: Any
    ) -> Generation:
        """Draw pictures again from some of their own tokens.

        images: a path, a PIL picture, an array, or several of one size, whatever it is; one serves
            all prompts, as one prompt serves all images.
        strength: 0 gives the picture back, 1 ignores it; see `src.editing.strength`.
        mode: "upstream" is diffusers' img2img draw for draw, faults included, with a generator.
        how: what `generate` takes besides: negative_prompts, num_steps, seeds, sampler and others.
        """
        return vary(self, images, prompts, strength, mode, how_from(how, "vary", VARYING))

    def inpaint(
        self,
        images: Any,
        masks: Any,
        prompts: Prompts,
        strength: Any = 1.0,
        mode: Any = "exact",
        *,
        feather: Any = 0,
        halo: Any = 0,
        **how: Any,
    ) -> Generation:
        """Draw what masks cover anew; outside them no bit of the picture changes.

        masks: as images, of their size; True or white is repainted, and every token that a mask
            touches is drawn anew. strength: below 1, some of these tokens stay.
        feather: pixels inside the mask over which the picture goes over into what was drawn.
        halo: tokens around the mask that are drawn anew too, without being shown.
        mode: "upstream" is diffusers' inpainting draw for draw, faults included, with a generator.
        images, how: as `vary`.
        """
        settings = how_from(how, "inpaint", INPAINTING)
        return inpaint(self, images, masks, prompts, strength, mode, feather, halo, settings)

    def outpaint(
        self,
        images: Any,
        prompts: Prompts,
        *,
        left: Any = 0,
        right: Any = 0,
        top: Any = 0,
        bottom: Any = 0,
        **how: Any,
    ) -> Generation:
        """Draw around pictures, which keep every bit, on a canvas grown to these sides.

        left, right, top, bottom: pixels as a whole number, or a share of the side as 0.5.
        images, how: as `vary`.
        """
        sides = {"left": left, "right": right, "top": top, "bottom": bottom}
        settings = how_from(how, "outpaint", ("images", "prompts", *sides))
        return outpaint(self, images, prompts, sides, settings)

    def edit_regions(self, image: Any, regions: Any, *, feather: Any = 0, **how: Any) -> Generation:
        """Draw several prompts into one picture, each where its mask says.

        image: one picture, kept to the last bit outside all regions; None = a new one of the
            masks' size, which they cover.
        regions: each a `Region(prompt, mask, weight)`; where masks overlap, weights say in which
            proportion the prompts' logits are mixed. Twice as many passes for two regions.
        feather, how: as `inpaint`.
        """
        settings = how_from(how, "edit_regions", ("image", "regions", "feather"))
        return edit_regions(self, image, regions, feather, settings)

    def mix(
        self,
        first: Any,
        second: Any,
        prompts: Prompts,
        share: Any = 0.5,
        strength: Any = 0.5,
        **how: Any,
    ) -> Generation:
        """Draw pictures from the tokens of two.

        share: of the tokens that are the second's, 0..1, scattered by the seed; strength: as
            `vary`, of the mixture. first, second: pictures of one size. how: as `vary`.
        """
        settings = how_from(how, "mix", ("first", "second", "prompts", "share", "strength"))
        return mix(self, first, second, prompts, share, strength, settings)

    def video(
        self,
        prompts: Prompts,
        num_frames: Any = 8,
        motion: Any = (12, 12),
        hidden_share: Any = 0.13,
        **how: Any,
    ) -> Video:
        """Draw a video of every prompt without having seen one: frames that move across the first.

        motion: pixels to the right and down from frame to frame, or below 0 to the left and up.
        hidden_share: of the tokens that every frame draws anew, besides those moved into sight.
        how: as `generate` takes it, sizes too; later frames follow a linear schedule.
        Source: the report's zero-shot text-to-video, after Text2Video-Zero (Khachatryan et al.
        2023).
        """
        return video(self, prompts, num_frames, motion, hidden_share, how)
