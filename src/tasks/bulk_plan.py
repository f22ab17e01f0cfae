"""What a large folder of pictures holds: the prompt, seed and file of each, by its number alone.

Pictures of one prompt have neighbouring numbers, so that they are drawn together.
"""

import hashlib
import json
import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from src.config import RunConfig, check_last_seed
from src.data.examples import example
from src.data.scenes import World
from src.errors import UserError
from src.evaluation.picture_set import IMAGE_FOLDER
from src.evaluation.protocol_config import ShardConfig
from src.tasks.inputs import choose_negative_prompts, read_prompts
from src.whole_files import clear_unfinished, told_in_a_sentence, write_whole

A_FOLDER = 1000  # pictures in one sub-folder
AT_ONCE = 16  # pictures a call, or a whole pass; changes no picture
CALLS_EACH = 8  # a worker, at least: the last one to end is not waited for long


class Plan(NamedTuple):
    """All pictures of a folder."""

    prompts: list[str]
    negative_prompts: list[str] | None  # one a prompt
    each: int  # pictures a prompt
    first_seed: int
    per_pass: int  # pictures that go through the model together
    place: Path

    @property
    def num_pictures(self) -> int:
        return len(self.prompts) * self.each

    def prompt(self, number: int) -> str:
        return self.prompts[number // self.each]

    def negative_prompt(self, number: int) -> str | None:
        return self.negative_prompts and self.negative_prompts[number // self.each]

    def seed(self, number: int) -> int:
        return self.first_seed + number

    def path(self, number: int) -> Path:
        return self.place / file_of(number)


def file_of(number: int) -> str:
    """Where in the folder a picture lies: "012/012345.png"."""
    return f"{number // A_FOLDER:03d}/{number:06d}.png"


def make_plan(config: RunConfig, place: Path = Path()) -> Plan:
    """The prompts given, those of a file, or `bulk.num_prompts` of the glyph grammar.

    Raises UserError for seeds, files and counts that cannot be.
    """
    if config.prompts or config.prompts_file is not None:
        prompts = read_prompts(config)
    else:
        world = World(config.data)
        numbers = range(config.bulk.num_prompts)
        prompts = [example(world, config.seed, number).caption for number in numbers]
    negative = choose_negative_prompts(config, len(prompts))
    each, per_pass = config.num_images_per_prompt, config.bulk.pictures_per_pass
    check_last_seed(config.seed, len(prompts) * each)
    return Plan(prompts, negative, each, config.seed, per_pass, place)


def asked_of(plan: Plan) -> dict[str, Any]:
    """What decides the pictures besides model and settings, in plain data."""
    told = json.dumps([plan.prompts, plan.negative_prompts], ensure_ascii=False)
    return {
        "prompts": f"{len(plan.prompts)}, {hashlib.sha256(told.encode()).hexdigest()}",
        "num_images_per_prompt": plan.each,
        "first_seed": plan.first_seed,
        "pictures_per_pass": plan.per_pass,
    }


def drawn_already(place: Path) -> set[int]:
    """The numbers of the pictures that are there; one look at each sub-folder.

    What has another name is none: a backup ("000123.png.bak"), or one in another's folder.
    """
    found = set()
    with told_in_a_sentence(place):
        for folder in place.iterdir() if place.is_dir() else ():
            if folder.name.isdecimal() and folder.is_dir():
                for entry in os.scandir(folder):
                    stem = entry.name.removesuffix(".png")
                    if stem.isdecimal() and f"{folder.name}/{entry.name}" == file_of(int(stem)):
                        found.add(int(stem))
    return found


def passes_of(plan: Plan, shard: ShardConfig) -> list[range]:
    """A share: neighbouring passes, so that one prompt's pictures stay with one process."""
    starts = range(0, plan.num_pictures, plan.per_pass)
    first, last = (len(starts) * index // shard.count for index in (shard.index, shard.index + 1))
    return [
        range(start, min(start + plan.per_pass, plan.num_pictures)) for start in starts[first:last]
    ]


def calls_of(plan: Plan, passes: Sequence[range], num_workers: int) -> list[list[int]]:
    """Passes gathered to calls of the model; small enough that all workers end at one time."""
    pictures = sum(map(len, passes))
    size = min(AT_ONCE, pictures // (CALLS_EACH * num_workers))
    if 1 < plan.each <= AT_ONCE:
        size = math.ceil(size / plan.each) * plan.each  # a prompt's pictures in one call
    step = max(1, size // plan.per_pass)
    return [
        [number for one in passes[start : start + step] for number in one]
        for start in range(0, len(passes), step)
    ]


def close(plan: Plan) -> Path:
    """List all pictures for whoever reads the folder, once all are there; the list's place."""
    rows = []
    for number in range(plan.num_pictures):
        row = {"file_name": file_of(number), "prompt": plan.prompt(number)}
        if plan.negative_prompts:
            row["negative_prompt"] = plan.negative_prompt(number)
        rows.append(json.dumps(row | {"seed": plan.seed(number)}, ensure_ascii=False) + "\n")
    for folder in {plan.path(number).parent for number in range(0, plan.num_pictures, A_FOLDER)}:
        clear_unfinished(folder)
    path = plan.place / IMAGE_FOLDER
    write_whole(path, "".join(rows))
    return path


def refuse_foreign(plan: Plan, there: set[int]) -> None:
    """Raise UserError for pictures that are none of the plan's."""
    beyond = {number for number in there if number >= plan.num_pictures}
    if beyond:
        raise UserError(
            f"{plan.place} holds {file_of(min(beyond))} and there are {plan.num_pictures:,} "
            "pictures to draw: move it away, or give another output_dir."
        )
