"""Settings of the tasks that edit pictures.

Imports no torch, so that composing a configuration stays quick.
"""

import math
from dataclasses import dataclass, field

from src.errors import UserError
from src.limits import between, one_of, whole

MODES = ("exact", "upstream")
MOST_FEATHER, MOST_HALO = 4096, 64  # pixels, tokens
MOST_FRAMES, MOST_MOTION = 10_000, 2**14
FILES = {"gif": 50, "mp4": 120}  # and the most frames a second that viewers show
READ_BY = {  # what of these settings each task looks at
    "vary": ("images", "strength", "mode", "num_scenes", "strengths"),
    "inpaint": ("images", "masks", "strength", "mode", "feather", "halo", "num_scenes"),
    "outpaint": ("images", "left", "right", "top", "bottom", "num_scenes"),
    "edit_regions": ("images", "masks", "weights", "feather", "num_scenes"),
    "video": ("num_frames", "motion", "hidden_share", "frames_per_second", "file", "num_scenes"),
}


@dataclass
class EditingConfig:
    """What is edited and how; without pictures, scenes are, whose right answer is known."""

    images: list[str] = field(default_factory=list)  # paths
    masks: list[str] = field(default_factory=list)  # paths; white is repainted
    strength: float | None = None  # 0..1; None = the task's own: 0.5 in vary, 1 in inpaint
    mode: str = "exact"  # one of MODES
    feather: int = 0  # pixels
    halo: int = 0  # tokens
    left: float = 0.0  # outpaint: from 1 on pixels, below 1 a share of the side
    right: float = 0.0
    top: float = 0.0
    bottom: float = 0.0
    weights: list[float] | None = None  # edit_regions: one a prompt, where masks overlap

    num_frames: int = 7
    motion: list[float] = field(default_factory=lambda: [2.0, 0.0])  # pixels right, down a frame
    hidden_share: float = 0.13  # 0..1
    frames_per_second: float = 4.0
    file: str = "gif"  # one of FILES

    num_scenes: int = 300  # edits that are measured
    strengths: list[float] = field(default_factory=lambda: [0.0, 0.25, 0.5, 0.75, 1.0])


def check_editing(editing: EditingConfig, task: str) -> None:
    """Refuse what no task could do, and what this one does not look at; raises UserError."""
    one_of("editing.mode", editing.mode, MODES)
    one_of("editing.file", editing.file, tuple(FILES))
    whole("editing.feather", editing.feather, 0, MOST_FEATHER)
    whole("editing.halo", editing.halo, 0, MOST_HALO)
    whole("editing.num_frames", editing.num_frames, 1, MOST_FRAMES)
    whole("editing.num_scenes", editing.num_scenes, 2, 100_000)
    between("editing.hidden_share", editing.hidden_share, 0, 1)
    between("editing.frames_per_second", editing.frames_per_second, 0.1, FILES[editing.file])
    if editing.strength is not None:
        between("editing.strength", editing.strength, 0, 1)
    if not editing.strengths or len(set(editing.strengths)) < len(editing.strengths):
        raise UserError(
            f"editing.strengths={editing.strengths} is impossible; give at least one, each once."
        )
    for place, strength in enumerate(editing.strengths):
        between(f"editing.strengths[{place}]", strength, 0, 1)
    for side in ("left", "right", "top", "bottom"):
        pixels = getattr(editing, side)
        between(f"editing.{side}", pixels, 0, MOST_MOTION)
        if pixels >= 1 and not float(pixels).is_integer():
            raise UserError(
                f"editing.{side}={pixels} is impossible; give whole pixels from 1 on, or a share "
                "of the picture's side below 1."
            )
    if len(editing.motion) != 2 or not all(
        math.isfinite(each) and abs(each) <= MOST_MOTION for each in editing.motion
    ):
        raise UserError(
            f"editing.motion={editing.motion} is impossible; give pixels to the right and down, as "
            "[2,0]."
        )
    for place, weight in enumerate(editing.weights or []):
        between(f"editing.weights[{place}]", weight, 1e-6, 1e6)
    for key in vars(editing) if task in READ_BY else ():
        if key not in READ_BY[task] and getattr(editing, key) != getattr(EditingConfig(), key):
            raise UserError(
                f"editing.{key}={getattr(editing, key)} has no effect: the task {task} reads "
                f"{', '.join(READ_BY[task])} of editing."
            )
