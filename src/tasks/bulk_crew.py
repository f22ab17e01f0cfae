"""Several processes that draw one share: this one, and others.

On a processor, with a thread each, they are forked once the model is open and has drawn a picture:
its weights lie in memory once, and once more as the processor reads them best. Elsewhere they start
before it is open, and each opens it for itself. Calls are taken from a common counter, so that none
waits for another one's share. Whoever dies takes one call with it, which the same command draws
again.
"""

import multiprocessing
import sys
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from multiprocessing.connection import Connection, wait

from src.config import RunConfig
from src.errors import UserError
from src.tasks.bulk_plan import Plan
from src.tasks.bulk_worker import Drawn, draw, draw_unseen, num_gpus, opened

READY = "ready"
PATIENCE = 60.0  # seconds for the counter, which is held for a moment; its holder may be killed
Calls = list[list[int]]


class Crew:
    """The other processes, and what they say."""

    def __init__(self, config: RunConfig, num_workers: int, model=None):
        start = multiprocessing.get_context("spawn" if model is None else "fork")
        self.taken = start.Value("q", 0)
        self.pipes: dict[Connection, int] = {}  # to those at work, and who they are
        self.drawn: dict[int, Drawn] = {}
        self.processes = []
        for worker in range(1, num_workers):
            ours, theirs = start.Pipe()
            told = (config, worker, num_workers, self.taken, theirs)
            told += () if model is None else (model, [*self.pipes, ours])
            process = start.Process(target=work_beside, args=told, daemon=True)
            process.start()
            theirs.close()  # theirs alone, so that its end is heard of
            self.pipes[ours] = worker
            self.processes.append(process)

    def wait_until_ready(self) -> None:
        """Raises UserError where one could not open the model."""
        for pipe in self.pipes:
            self._hear(pipe, lambda _: None)

    def begin(self, plan: Plan, calls: Calls, there: set[int]) -> None:
        for pipe in self.pipes:
            try:
                pipe.send((plan, calls, there))
            except OSError as error:
                raise _lost() from error

    def listen(self, told: Callable[[int], None]) -> None:
        """Pass on what has been written by now."""
        while heard := wait(list(self.pipes), timeout=0):
            for pipe in heard:
                self._hear(pipe, told)

    def wait_for_all(self, told: Callable[[int], None]) -> None:
        while self.pipes:
            for pipe in wait(list(self.pipes)):
                self._hear(pipe, told)

    def end(self) -> None:
        """End them, also those that have done their work: torch takes its time to leave."""
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            process.join()

    def _hear(self, pipe: Connection, told: Callable[[int], None]) -> None:
        try:
            message = pipe.recv()
        except (EOFError, OSError) as error:
            raise _lost() from error
        if isinstance(message, Drawn):
            self.drawn[self.pipes.pop(pipe)] = message
        elif isinstance(message, int):
            told(message)
        elif message != READY:
            raise UserError(message)


def may_fork(config: RunConfig) -> bool:
    """Whether nothing is at work here that a fork would break: no GPU, and no second thread."""
    return (
        sys.platform == "linux"
        and num_gpus(config) == 0
        and config.bulk.num_threads == 1
        and threading.active_count() == 1
    )


@contextmanager
def crew(config: RunConfig, num_workers: int, model=None) -> Iterator[Crew]:
    """Start the others, with an opened model where they may be forked; none outlives the block."""
    if model is not None and num_workers > 1:
        draw_unseen(config, model)
    started = Crew(config, num_workers, model)
    try:
        yield started
    finally:
        started.end()


def dealt(calls: Sequence[list[int]], taken) -> Iterator[list[int]]:
    """The calls that this process is the first to take; raises UserError where none can be."""
    while True:
        if not taken.get_lock().acquire(timeout=PATIENCE):
            raise _lost()
        number, taken.value = taken.value, taken.value + 1
        taken.get_lock().release()
        if number >= len(calls):
            return
        yield calls[number]


def work_beside(
    config: RunConfig,
    worker: int,
    num_workers: int,
    taken,
    pipe: Connection,
    model=None,
    others: Sequence[Connection] = (),
) -> None:
    """What another process does: open the model, hear of the plan, draw, say how long it took.

    Args:
        model: the opened one that a fork was given; None = to be opened here.
        others: ends of pipes that a fork was given and that are not its own.
    """
    for end in others:  # or it would not hear of the first process's end
        end.close()
    warnings.formatwarning = lambda message, *_: f"Warning: {message}\n"
    try:
        with nullcontext(model) if model else opened(config, worker, num_workers) as own:
            pipe.send(READY)
            plan, calls, there = pipe.recv()
            pipe.send(draw(config, own, plan, dealt(calls, taken), there, pipe.send))
    except UserError as error:
        pipe.send(str(error))
    except (EOFError, BrokenPipeError, KeyboardInterrupt):
        pass  # the first process has ended, and says so itself


def _lost() -> UserError:
    return UserError(
        "One of the workers ended before its work, perhaps for want of memory: the same command "
        "goes on, with fewer bulk.num_workers if need be."
    )
