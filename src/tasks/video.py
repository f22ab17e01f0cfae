"""Zero-shot video: of people's own prompts, or of scenes, whose objects have to move as asked."""

import time
from pathlib import Path

import numpy as np
from PIL import Image

from src.config import RunConfig
from src.data.examples import example
from src.data.oracle import Oracle
from src.data.scene_edits import told_alone
from src.data.scenes import SceneObject
from src.editing.config import EditingConfig
from src.editing.video import Video
from src.errors import UserError
from src.evaluation.measurement import Measurement
from src.report.edits import video_sheet
from src.report.moving import gif_bytes, mp4_bytes
from src.report.pictures import check_unused, write_manifest
from src.tasks.countdown import countdown
from src.tasks.drawing import settings, short_hash
from src.tasks.edit_scores import share_of
from src.tasks.inpaint import shows
from src.tasks.inputs import choose_negative_prompts, choose_seeds, open_model, read_prompts
from src.tasks.outcome import Outcome, deliver
from src.tasks.real_scenes import hash_of, world_of
from src.tasks.scene_edits import check_scenes, how_of
from src.whole_files import writable_folder, write_whole

SUBJECT = "videos of one object"
LARGEST_SHEET = 12  # frames of the sheet; the file has all
CLEARLY = 64  # levels from the background
LONG_SIDE = 256  # pixels that small frames are enlarged to
AXES = ((1, 0), (0, 1), (1, 1))  # right, down, both; towards the side with more room


def run(config: RunConfig, folder: Path) -> None:
    """Videos of the prompts; without any, of scenes of one object, and count."""
    if config.prompts:
        _own(config, folder)
        return
    check_scenes(config, "prompts")
    started = time.perf_counter()
    model = open_model(config)
    world = world_of(model, config)
    oracle = Oracle(world)
    scenes, prompts, shown, is_begun, per_frame = [], [], [], [], []
    with countdown("Drawing videos", config.editing.num_scenes) as done:
        for index in range(config.editing.num_scenes):
            scenes.append(example(world, config.seed, index, "test", num_objects=1))
            scene = scenes[-1].scene
            thing, prompt = scene.objects[0], told_alone(scene.objects[0], scene.background)
            motion = inwards(model, config, prompt, config.seed + index, AXES[index % len(AXES)])
            drawn = draw(model, config, [prompt], motion, [config.seed + index])
            frames = [np.asarray(frame) for frame in drawn.images()]
            per_frame.append(follows(oracle, thing, frames, motion))
            is_begun.append(shows(oracle.read(frames[0]), thing))
            prompts.append(f"{prompt}, {motion[0]:+g}, {motion[1]:+g} pixels a frame")
            shown.append(frames)
            done(1)
    outcome = Outcome(
        measurements=rows_of(is_begun, per_frame),
        figures={"sheet.png": video_sheet([each[:LARGEST_SHEET] for each in shown], prompts)},
        weights={"model": short_hash(model)},
        seeds={"scenes": config.seed, "videos": f"{config.seed} + the scene's number"},
        device=str(model.device),
        data_hash=hash_of(scenes),
    )
    deliver(outcome, config, folder, time.perf_counter() - started)


def draw(model, config: RunConfig, prompts: list[str], motion, seeds: list[int], **told) -> Video:
    """Videos as the settings ask for them."""
    editing = config.editing
    how = how_of(config) | told
    return model.video(
        prompts, editing.num_frames, tuple(motion), editing.hidden_share, seeds=seeds, **how
    )


def inwards(
    model, config: RunConfig, prompt: str, seed: int, axes: tuple[int, int]
) -> tuple[float, float]:
    """The motion of the settings' speed, along axes, that keeps the drawn object inside longest."""
    speed = max(abs(each) for each in config.editing.motion)
    first = np.asarray(model.generate(prompt, seeds=[seed], **how_of(config)).images[0])
    is_drawn = np.abs(first.astype(int) - np.median(first, axis=(0, 1))).max(axis=2) > CLEARLY
    signs = []
    for axis in (0, 1):  # right and down: pixels along the columns and along the rows
        places = is_drawn.any(axis=axis).nonzero()[0]
        before, after = (places[0], len(is_drawn) - 1 - places[-1]) if len(places) else (0, 0)
        signs.append(1 if after >= before else -1)
    return axes[0] * signs[0] * speed, axes[1] * signs[1] * speed


def follows(
    oracle: Oracle, thing: SceneObject, frames: list[np.ndarray], motion: tuple[float, float]
) -> dict[int, bool]:
    """For every later frame in which the object should be wholly inside, whether it is there.

    None at all where frame 0 does not show it.
    """
    size, cell = oracle.world.picture_size, oracle.world.cell_size
    reach = oracle.world.side(thing.size) / 2
    starts = [seen.center for seen in oracle.read(frames[0]).objects if seen.looks == thing.looks]
    found = {}
    for number, frame in enumerate(frames[1:], start=1) if starts else ():
        wanted = (starts[0][0] + number * motion[1], starts[0][1] + number * motion[0])
        if not all(reach <= middle + 0.5 <= size - reach for middle in wanted):
            continue
        found[number] = any(
            seen.looks == thing.looks
            and max(abs(at - to) for at, to in zip(seen.center, wanted, strict=True)) <= cell
            for seen in oracle.read(frame).objects
        )
    return found


def rows_of(is_begun: list[bool], per_frame: list[dict[int, bool]]) -> list[Measurement]:
    """Whether there was something to follow, and whether it was followed, in all and by frame.

    Raises UserError where nothing could be followed.
    """
    is_right = [right for found in per_frame for right in found.values()]
    if not is_right:
        raise UserError(
            f"frame 0 shows the object in {sum(is_begun)} of {len(is_begun)} videos, and no later "
            "frame should have it inside: give a model that draws these scenes, a smaller "
            "editing.motion, or more of editing.num_frames."
        )
    note = (
        f"of {sum(map(bool, per_frame))} videos; within a cell of the object's place in frame 0 "
        "plus k times the motion, in frames where that is inside"
    )
    numbers = sorted({number for found in per_frame for number in found})
    return [
        share_of("frame 0 shows the object", is_begun, SUBJECT),
        share_of("frames that follow the motion", is_right, SUBJECT, note),
        *(
            share_of(
                f"frame {number} follows",
                [found[number] for found in per_frame if number in found],
                SUBJECT,
            )
            for number in numbers
        ),
    ]


def moving_file(frames: list[Image.Image], editing: EditingConfig) -> bytes:
    """The frames as one file, small ones enlarged."""
    enlarge = max(1, LONG_SIDE // max(frames[0].size))
    write = gif_bytes if editing.file == "gif" else mp4_bytes
    return write(frames, editing.frames_per_second, enlarge)


def _own(config: RunConfig, folder: Path) -> None:
    started = time.perf_counter()
    prompts, editing = read_prompts(config), config.editing
    each = config.num_images_per_prompt
    seeds = choose_seeds(config, len(prompts))
    negative = choose_negative_prompts(config, len(prompts))
    target = Path(config.output_dir) if config.output_dir else folder
    check_unused(target)
    model = open_model(config)
    writable_folder(target)
    told = {"negative_prompts": negative, "num_images_per_prompt": each}
    drawn = draw(model, config, prompts, editing.motion, seeds, **told)
    names = [prompt for prompt in prompts for _ in range(each)]
    entries, videos = [], []
    for index, (prompt, seed) in enumerate(zip(names, seeds, strict=True)):
        videos.append(drawn.images(index))
        entries.append({"file": f"{index:05d}.{editing.file}", "prompt": prompt, "seed": seed})
        write_whole(target / entries[-1]["file"], moving_file(videos[-1], editing))
    write_manifest(settings(config, model) | {"editing": vars(editing)}, entries, target)
    outcome = Outcome(
        measurements=[],
        figures={"sheet.png": video_sheet([each[:LARGEST_SHEET] for each in videos], names)},
        weights={"model": short_hash(model)},
        seeds={"videos": seeds},
        device=str(model.device),
    )
    deliver(outcome, config, folder, time.perf_counter() - started)
