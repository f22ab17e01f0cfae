"""Whoever looks at a log sees now and then how much is left; what was done before sets no pace."""

import io
import time

import pytest
from rich.console import Console

from src.tasks import countdown as module
from src.tasks.countdown import countdown, in_words


@pytest.fixture
def clock(monkeypatch):
    """A clock that is turned by hand."""
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


def log() -> Console:
    return Console(file=io.StringIO(), width=100)


def test_a_pipe_gets_a_line_now_and_then_with_the_time_left(clock):
    console = log()
    with countdown("Drawing", 1000, 400, console) as told:
        for _ in range(6):
            clock[0] += 10
            told(10)
    lines = console.file.getvalue().splitlines()
    assert lines == [
        "Drawing: 430 of 1,000, 10 min left",  # 30 in 30 seconds, 570 are left
        "Drawing: 460 of 1,000, 9 min left",
    ]


def test_nothing_is_said_of_a_work_that_was_done_or_is_done_soon(clock):
    console = log()
    with countdown("Drawing", 5, 5, console):
        clock[0] += module.LINE_EVERY
    with countdown("Drawing", 5, 0, console) as told:
        for _ in range(5):
            clock[0] += 1
            told(1)
    assert console.file.getvalue() == ""


def test_a_terminal_gets_a_bar_that_leaves_nothing_behind():
    console = Console(file=io.StringIO(), force_terminal=True, force_interactive=True, width=100)
    with countdown("Drawing", 10, 4, console) as told:
        told(6)
    shown = console.file.getvalue()
    assert "Drawing" in shown
    assert not shown.endswith("\n")


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.4, "0 s"), (89.0, "89 s"), (95.0, "2 min"), (5300.0, "88 min"), (12e3, "3 h 20 min")],
)
def test_durations_in_words(seconds, said):
    assert in_words(seconds) == said
