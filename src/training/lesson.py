"""A lesson about a new pictogram: one picture, pasted into many scenes, among scenes of old ones.

Dimensions of the rows: as `EncodedScenes`.
"""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import torch
from jaxtyping import UInt8
from PIL import Image

from src.amused import Amused
from src.data.cut_outs import cut_out, paste
from src.data.examples import Example, example
from src.data.render import render
from src.data.scenes import Scene, SceneObject, World
from src.training.lesson_config import LessonConfig
from src.training.rows import TokenRows
from src.training.token_cache import EncodedScenes

AT_ONCE = 64  # pictures in one pass through the image tokenizer


class Lesson:
    """One picture of a new object, and everything that is drawn from it."""

    def __init__(self, world: World, config: LessonConfig):
        """Give a lesson to a model of `world`."""
        self.old, self.config = world, config
        known = world.config
        new = replace(known, glyphs=[config.glyph], held_out=[], two_objects_prob=0.0)
        self.alone = World(new)
        self.world = World(replace(known, glyphs=[*known.glyphs, config.glyph], held_out=[]))
        middle = world.room("large") // 2
        thing = SceneObject(config.glyph, config.color, "large", middle, middle)
        self.picture: UInt8[np.ndarray, "height width 3"] = render(
            Scene((thing,), config.background, place="center"), self.world
        ).picture
        self.cut_out = cut_out(self.picture, config.color, config.background, world.side("large"))

    def pasted(self, seed: int) -> list[Example]:
        """`num_pasted` scenes with the cut-out, one object and two in turn, without end drawn anew.

        What they show of the new object is the one picture's shape, moved and coloured.
        """
        alone = self._scenes(self.alone, seed, "train", 1)
        joined = self._scenes(self.world, seed, "train", 2)
        chosen = [next((alone, joined)[i % 2]) for i in range(self.config.num_pasted)]
        cut_outs = {self.config.glyph: self.cut_out}
        return [each._replace(picture=paste(each.scene, self.world, cut_outs)) for each in chosen]

    def prompts(self) -> list[Example]:
        """Test scenes of the new object alone, in every colour and place; none was learned from."""
        scenes = self._scenes(self.alone, self.config.first_prompt_seed, "test", 1)
        return [next(scenes) for _ in range(self.config.num_prompts)]

    def old_prompts(self) -> list[Example]:
        """Test scenes of the world that the model knew before, one object and two in turn."""
        seed = self.config.first_prompt_seed
        numbers = range(self.config.num_old_prompts)
        return [example(self.old, seed, i, "test", num_objects=1 + i % 2) for i in numbers]

    def rows(self, amused: Amused, seed: int) -> TokenRows:
        """All of it as token ids: `prior_share` scenes of the old world, the others pasted."""
        share = self.config.prior_share
        num_prior = round(self.config.num_pasted * share / (1 - share))
        prior = [example(self.old, seed, i, "train") for i in range(num_prior)]
        shown = [*self.pasted(seed), *prior]
        pictures = [Image.fromarray(each.picture) for each in shown]
        starts = range(0, len(pictures), AT_ONCE)
        token_ids = [amused.encode_images(pictures[start : start + AT_ONCE]) for start in starts]
        scenes = EncodedScenes(
            torch.cat(token_ids).to("cpu", torch.int32),
            amused.text_encoder.prompt_ids([each.caption for each in shown]).to(torch.int32),
            torch.tensor([each.micro_cond for each in shown], dtype=torch.float32),
        )
        return TokenRows(scenes, seed)

    def _scenes(self, world: World, seed: int, split: str, num_objects: int) -> Iterator[Example]:
        """Examples with exactly one new object, as large as in its picture."""
        index = 0
        while True:
            found = example(world, seed, index, split, num_objects, degraded_prob=0.0)
            index += 1
            new = [each for each in found.scene.objects if each.glyph == self.config.glyph]
            if [each.size for each in new] == ["large"]:
                yield found
