"""Another system as a process beside ours: asked by lines, and missing without harm."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

from src.errors import UserError
from src.experiments import ROOT

SCRIPT = ROOT / "tests" / "peers" / "diffusers_latency.py"


class Peer(NamedTuple):
    """The process, once it has opened its model; or why there is none."""

    process: subprocess.Popen | None
    name: str  # "diffusers 0.33.1"; "" where there is none
    missing: str  # "" where there is one

    def draw(self, prompt: str, seed: int, num_steps: int, guidance_scale: float, **more) -> str:
        """Have a prompt drawn; the hash of the pixels. Raises UserError if the peer died."""
        asked = {"prompt": prompt, "seed": seed}
        asked |= {"num_steps": num_steps, "guidance_scale": guidance_scale}
        return self.ask(asked | more)["pixels"]

    def ask(self, line: dict[str, Any]) -> dict[str, Any]:
        """Its answer to a line of its script's kind. Raises UserError if the peer died."""
        return _ask(self.process, line)


@contextmanager
def peer(
    checkpoint: Path, num_threads: int, device: str, dtype: str, script: Path = SCRIPT, *more: str
) -> Iterator[Peer]:
    """Start the peer on a checkpoint, wait until it is ready, and end it with the block.

    more: what else its script is called with.
    """
    if not script.is_file():
        yield Peer(None, "", f"{script} is not there")
        return
    process = subprocess.Popen(
        [sys.executable, str(script), str(checkpoint), str(num_threads), device, dtype, *more],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,  # the library's warnings of its own age
        text=True,
    )
    try:
        told = _answer(process)
        if "missing" in told:
            yield Peer(None, "", told["missing"])
        else:
            yield Peer(process, told["ready"], "")
    finally:
        process.kill()
        process.wait()
        with suppress(BrokenPipeError):  # lines that a dead process never took
            process.stdin.close()
        process.stdout.close()


def _ask(process: subprocess.Popen, line: dict[str, Any]) -> dict[str, Any]:
    with suppress(BrokenPipeError):  # of a dead process, which the missing answer tells below
        process.stdin.write(json.dumps(line) + "\n")
        process.stdin.flush()
    return _answer(process)


def _answer(process: subprocess.Popen) -> dict[str, Any]:
    line = process.stdout.readline()
    if not line:
        raise UserError(
            f"{' '.join(process.args[1:])} ended with status {process.wait()} instead of an "
            "answer; run it by hand to see why, or leave it out by latency.is_beside_peer=false."
        )
    return json.loads(line)
