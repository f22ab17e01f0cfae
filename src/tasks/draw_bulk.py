"""Very many pictures into one folder, by processes, GPUs or machines; the same files by all.

A killed run goes on where it was. Machines have a share each (`shard`), and in a share as many
workers as `bulk.num_workers` says take call after call.
"""

import hashlib
import json
import time
from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from src.config import RunConfig, settings_read
from src.experiments import RECORDS
from src.tasks.begun_folder import claim, forget_unused
from src.tasks.bulk_crew import Calls, Crew, crew, dealt, may_fork
from src.tasks.bulk_plan import (
    Plan,
    asked_of,
    calls_of,
    close,
    drawn_already,
    make_plan,
    passes_of,
    refuse_foreign,
)
from src.tasks.bulk_told import LOCKS, Share, keep, tell
from src.tasks.bulk_worker import crew_size, draw, opened
from src.tasks.countdown import countdown
from src.tasks.drawing import settings
from src.tasks.own_share import own_share
from src.whole_files import writable_folder

DECIDE_NOTHING = ("bulk", "shard", "device", "output_dir", "prompts", "prompts_file")
LARGE = 100  # calls a worker, of which one is drawn alone; from so many on
MOST_ALONE = 8  # calls


class Work(NamedTuple):
    """What is left of a share."""

    plan: Plan
    calls: Calls
    there: set[int]  # numbers of the pictures that have their file
    num_mine: int  # pictures of the share, drawn or not

    @property
    def num_left(self) -> int:
        return sum(number not in self.there for call in self.calls for number in call)


def run(config: RunConfig, folder: Path) -> None:
    """Draw what is missing of this share; list the pictures once all are there; rates."""
    plan = make_plan(config)
    draw_share(config, plan._replace(place=_place(config, plan)))


def draw_share(config: RunConfig, plan: Plan) -> Share:
    """Draw what is missing of a share, and say how quickly."""
    started = time.time()
    with ExitStack() as open_now:
        forget = partial(forget_unused, plan.place)
        open_now.enter_context(own_share(plan.place / LOCKS, config.shard, forget))
        work = _left(config, plan)
        num_workers = crew_size(config, len(work.calls))
        early = None if may_fork(config) else open_now.enter_context(crew(config, num_workers))
        model = open_now.enter_context(opened(config, 0, num_workers))
        _claim(config, model, plan)
        others = early or open_now.enter_context(crew(config, num_workers, model))
        share = _drawn(config, model, work, others, started)
    keep(plan, config.shard, share)
    there = drawn_already(plan.place)
    listed = close(plan) if len(there) == plan.num_pictures else None
    tell(plan, config.shard, share, len(there), listed)
    return share


def _place(config: RunConfig, plan: Plan) -> Path:
    """`output_dir`, or a folder named by what decides the pictures: the same command continues."""
    if config.output_dir is not None:
        return Path(config.output_dir)
    read = settings_read(config, config.task)
    decide = {key: read[key] for key in sorted(read.keys() - set(DECIDE_NOTHING))}
    threads = config.bulk.num_threads
    about = json.dumps([decide, asked_of(plan), threads], ensure_ascii=False)
    digest = hashlib.sha256(about.encode()).hexdigest()[:12]
    return RECORDS / config.name / "runs" / f"pictures-{digest}"


def _left(config: RunConfig, plan: Plan) -> Work:
    there = drawn_already(plan.place)
    refuse_foreign(plan, there)
    mine = passes_of(plan, config.shard)
    passes = [one for one in mine if not there.issuperset(one)]
    calls = calls_of(plan, passes, crew_size(config, plan.num_pictures))
    return Work(plan, calls, there, sum(map(len, mine)))


def _claim(config: RunConfig, model, plan: Plan) -> None:
    asked: dict[str, Any] = settings(config, model) | asked_of(plan)
    if model.device.type == "cpu":
        asked["num_threads"] = config.bulk.num_threads
    claim(plan.place, asked, str(model.device), plan.place / LOCKS)
    num_missing = plan.num_pictures - len(drawn_already(plan.place))
    size = (config.height or model.height) * (config.width or model.width) * 3  # bytes, at most
    writable_folder(plan.place, num_bytes=num_missing * size)


def _drawn(config: RunConfig, model, work: Work, others: Crew, started: float) -> Share:
    """Some calls alone, for a yardstick, and then all together."""
    plan, calls, there = work.plan, work.calls, work.there
    done = work.num_mine - work.num_left
    with countdown("Drawing", work.num_mine, done) as told:

        def written(num: int) -> None:
            told(num)
            others.listen(told)

        mine = dealt(calls, others.taken)
        others.wait_until_ready()
        num_alone = _num_alone(config, calls, 1 + len(others.pipes))
        warm = draw(config, model, plan, islice(mine, min(num_alone, 1)), there, told)
        alone = draw(config, model, plan, islice(mine, num_alone), there, told)
        others.begin(plan, calls, there)
        began = time.time()
        own = draw(config, model, plan, mine, there, written)
        others.wait_for_all(told)
    workers = [own, *(others.drawn[worker] for worker in sorted(others.drawn))]
    return Share(started, began, time.time(), warm.pictures, alone, workers)


def _num_alone(config: RunConfig, calls: Sequence[list[int]], num_workers: int) -> int:
    """Calls that one worker draws while the others wait, besides a first one to warm up."""
    if num_workers == 1:
        return 0
    wanted = config.bulk.num_alone
    if wanted is None:
        return min(MOST_ALONE, len(calls) // (LARGE * num_workers))
    each = max(1, len(calls[0]) if calls else 1)
    return -(-wanted // each)
