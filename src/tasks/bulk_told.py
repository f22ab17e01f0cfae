"""How quickly a share was drawn, in words and in a note beside the pictures.

Parallel efficiency is what all workers drew in an hour, divided by their number times what one of
them draws in an hour while the others wait, on the same machine in the same run. Time until the
models are open is told by itself.
"""

import json
from pathlib import Path
from typing import NamedTuple

from rich.console import Console

from src.evaluation.protocol_config import ShardConfig
from src.tasks.bulk_plan import Plan
from src.tasks.bulk_worker import Drawn
from src.tasks.countdown import in_words
from src.whole_files import write_whole

LOCKS = "shards"  # a folder with one folder a share: its lock, and its note
NOTE = "last_run.json"


class Share(NamedTuple):
    """One run of one share."""

    started: float  # seconds of the system's clock
    began: float  # when all workers were at work
    ended: float  # when the last one had written its last picture
    num_warm: int  # pictures of the first call, which is in no rate
    alone: Drawn  # by one worker while the others waited
    workers: list[Drawn]  # since `began`

    @property
    def num_together(self) -> int:
        return sum(worker.pictures for worker in self.workers)

    @property
    def num_drawn(self) -> int:
        return self.num_warm + self.alone.pictures + self.num_together

    @property
    def an_hour(self) -> float:
        """Of all workers, the wait for the last one included."""
        return 3600 * self.num_together / max(self.ended - self.began, 1e-9)

    @property
    def efficiency(self) -> float | None:
        """None: nothing was drawn alone."""
        if not self.alone.pictures:
            return None
        return self.an_hour / (len(self.workers) * self.alone.an_hour)


def keep(plan: Plan, shard: ShardConfig, share: Share) -> None:
    """Leave the rates where the other shares' processes find them; nothing drawn, nothing left."""
    if share.num_drawn:
        note = {
            "pictures": share.num_drawn,
            "workers": len(share.workers),
            "an_hour": share.an_hour,
            "efficiency": share.efficiency,
            "began": share.began,
            "ended": share.ended,
        }
        name = f"{shard.index}_of_{shard.count}"
        write_whole(plan.place / LOCKS / name / NOTE, json.dumps(note, indent=1) + "\n")


def tell(plan: Plan, shard: ShardConfig, share: Share, num_there: int, listed: Path | None) -> None:
    """Print what there is, what this run added, and how quickly."""
    console = Console(highlight=False)

    def say(line: str) -> None:
        console.print(line, soft_wrap=True, markup=False)

    say(f"{num_there:,} of {plan.num_pictures:,} pictures in {plan.place}" + _listing(listed))
    if not share.num_drawn:
        say("  nothing was left to draw" + (" of this share" if shard.count > 1 else ""))
        return
    whole, waited = share.ended - share.started, share.began - share.started
    spent = share.alone.ended - share.alone.began if share.alone.pictures else 0.0
    say(
        f"  drawn now: {share.num_drawn:,} in {_seconds(whole)}, of which {_seconds(waited)} until "
        f"all workers drew" + (f", {_seconds(spent)} by one alone" if spent else "")
    )
    for number, worker in enumerate(share.workers):
        say(
            f"  worker {number} ({worker.device}): {worker.pictures:,} pictures, "
            f"{worker.an_hour:,.0f} an hour"
        )
    say(f"  together {share.an_hour:,.0f} pictures an hour; {_efficiency(share)}")
    if shard.count > 1 and listed is not None:
        _tell_shares(plan, shard, say)


def _efficiency(share: Share) -> str:
    if share.efficiency is not None:
        return (
            f"parallel efficiency {share.efficiency:.2f} = that / ({len(share.workers)} workers x "
            f"{share.alone.an_hour:,.0f} of one alone, n = {share.alone.pictures})"
        )
    if len(share.workers) == 1:
        return "one worker, nothing in parallel"
    return "parallel efficiency not measured (bulk.num_alone=32 lets one draw so many alone)"


def _tell_shares(plan: Plan, shard: ShardConfig, say) -> None:
    """What every share's last run noted; their rates add up where they ran at one time."""
    notes = [_note(plan, f"{index}_of_{shard.count}") for index in range(shard.count)]
    known = [note for note in notes if note is not None]
    workers, rate = (sum(note[key] for note in known) for key in ("workers", "an_hour"))
    at_once = max(note["began"] for note in known) < min(note["ended"] for note in known)
    when = "at one time" if at_once else "at different times, so the sum is what they could do"
    measured = [note for note in known if note["efficiency"] is not None]
    line = f"  {len(known)} shares, {workers} workers, {when}: {rate:,.0f} pictures an hour"
    if len(measured) == len(known):
        ideal = sum(note["an_hour"] / note["efficiency"] for note in known)
        line += f"; parallel efficiency {rate / ideal:.2f}"
    say(line)


def _note(plan: Plan, name: str) -> dict | None:
    try:
        return json.loads((plan.place / LOCKS / name / NOTE).read_text(encoding="utf-8"))
    except (OSError, ValueError):  # another dealing drew it, or it is gone: rates are no pictures
        return None


def _listing(listed: Path | None) -> str:
    return f", listed in {listed.name}" if listed else "; the rest is left to other shares"


def _seconds(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 90 else in_words(seconds)
