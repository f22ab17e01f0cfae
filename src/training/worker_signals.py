"""The signals that end a training, and why the processes that draw its batches do not hear them.

They share the terminal and the job with the one that trains, so its signals reach them too. But the
training first finishes its step, and needs their batches for it.
"""

import signal

SIGNALS = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGUSR1") if hasattr(signal, name)
)


def ignore_signals(_worker: int) -> None:
    """Let a process that draws batches go on until its training has ended."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
