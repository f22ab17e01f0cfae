"""How much of a long work is done and how long the rest will take, also where nobody watches."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import Progress

LINE_EVERY = 30.0  # seconds, into a file or a pipe


@contextmanager
def countdown(
    what: str, total: int, done: int = 0, console: Console | None = None
) -> Iterator[Callable[[int], None]]:
    """Gives a function to be told how many more are done.

    On a terminal a bar with the time left, which leaves nothing behind; elsewhere a line now and
    then. What was done before does not count for the pace.
    """
    console = console or Console(highlight=False)
    if console.is_interactive:
        with Progress(console=console, transient=True) as progress:
            task = progress.add_task(what, total=total, completed=done)
            yield lambda num: progress.advance(task, num)
        return
    started = shown = time.monotonic()
    new = 0

    def tell(num: int) -> None:
        nonlocal new, shown
        new += num
        now = time.monotonic()
        left = total - done - new
        if num and left and now - shown >= LINE_EVERY:
            seconds = (now - started) / new * left
            console.print(f"{what}: {done + new:,} of {total:,}, {in_words(seconds)} left")
            shown = now

    yield tell


def in_words(seconds: float) -> str:
    """A duration of two units at most: "40 s", "12 min", "3 h 20 min"."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"
