"""The report's figures drawn again, what it says and what was measured here in one plot each.

Reported values are open circles, ours are filled diamonds. Quality of ours is drawn only where it
is the same thing as the reported one.
"""

from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from src.evaluation.measurement import Measurement
from src.report.beside import Beside
from src.report.look import (
    INK,
    LARGE,
    MARGIN,
    MUTED,
    NORMAL,
    PALETTE,
    SMALL,
    label,
    light,
    new_figure,
    panel,
)
from src.report.record import Record

WIDTH, HEIGHT, AXIS, GAP = 2.9, 2.3, 0.5, 0.35  # inches
MODELS = {"amused_256": "aMUSEd-256", "amused_512": "aMUSEd-512"}
QUALITY = {"FID": "↓", "CLIP score": "↑", "Inception score": "↑"}
DEVICES = {"A100": "o", "RTX 4090": "s"}
TICKS = (0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500)  # seconds
BAR = 0.24  # height of one line
LETTER, LETTERS = 0.06, 44  # width of one of a line's name, and how many have room in any case


def quality_figure(rows: Sequence[Beside]) -> Figure:
    """FID, CLIP score and Inception score against guidance; FID against CLIP score."""
    rows = [row for row in rows if row.figure.quantity in QUALITY]
    step, top = AXIS + WIDTH + GAP, MARGIN + 0.75
    figure = new_figure(2 * MARGIN + 2 * step, top + 2 * (HEIGHT + 0.85) + MARGIN)
    title = "Quality against guidance: the report's and ours"
    label(figure, MARGIN, MARGIN, title, fontsize=LARGE, ha="left", weight="bold")
    has_ours = any(_is_ours(row) for row in rows)
    said = "open: reported; filled: measured here" if has_ours else "reported; none measured here"
    label(figure, MARGIN, MARGIN + 0.24, said, fontsize=SMALL, ha="left", color=MUTED)
    places = [
        (MARGIN + AXIS + column * step, top + line * (HEIGHT + 0.85))
        for line in range(2)
        for column in range(2)
    ]
    for quantity, place in zip(QUALITY, places, strict=False):
        _draw_quality(panel(figure, *place, WIDTH, HEIGHT), rows, quantity)
    _draw_trade(panel(figure, *places[-1], WIDTH, HEIGHT), rows)
    return figure


def latency_figure(rows: Sequence[Beside], records: Sequence[Record]) -> Figure:
    """Seconds a picture at batch 1: every system on every reported device, and here.

    Args:
        records: what was timed here, all of whose seconds stand below the reported ones.
    """
    timed = [(each, record) for record in records for each in record.measurements]
    timed = [(each, record) for each, record in timed if _is_one_picture(each)]
    rows = [row for row in rows if _is_latency(row)]
    systems = {_system(row): row.figure for row in rows}
    fastest = {name: min(r.figure.value for r in rows if _system(r) == name) for name in systems}
    names = sorted(systems, key=lambda name: fastest[name])
    lines = [*names, *(_here(each, record, len(records) > 1) for each, record in timed)]
    height = BAR * len(lines)
    left, top = MARGIN + LETTER * max(LETTERS, *map(len, lines)), MARGIN + 0.75
    figure = new_figure(left + 4.4 + MARGIN, top + height + 0.6 + MARGIN)
    title = "Seconds a picture, batch 1"
    label(figure, MARGIN, MARGIN, title, fontsize=LARGE, ha="left", weight="bold")
    said = "circles: reported on an A100; squares: on an RTX 4090"
    said += "; diamonds: measured here" if timed or any(map(_is_ours, rows)) else ""
    label(figure, MARGIN, MARGIN + 0.24, said, fontsize=SMALL, ha="left", color=MUTED)
    axes = panel(figure, left, top, 4.2, height)
    for row in rows:
        place = names.index(_system(row))
        is_ours = row.figure.conditions["model"] in MODELS
        color = PALETTE[1] if is_ours else PALETTE[0]
        mark = DEVICES[row.figure.conditions["device"]]
        axes.plot([row.figure.value], [place], mark, color=color, markerfacecolor="white", ms=5)
        if _is_ours(row):
            axes.plot([row.ours.value], [place], "D", color=color, ms=5)
    for place, (each, _) in enumerate(timed, start=len(names)):
        axes.plot([each.value], [place], "D", color=INK, ms=5)
        if each.low is not None and each.high is not None:
            axes.plot([each.low, each.high], [place, place], color=INK, linewidth=1.2)
    axes.set_yticks(range(len(lines)), lines)
    axes.set_ylim(len(lines) - 0.5, -0.5)
    axes.set_xscale("log")
    ticks = [tick for tick in TICKS if axes.get_xlim()[0] <= tick <= axes.get_xlim()[1]]
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.minorticks_off()
    axes.set_xlabel("seconds, logarithmic")
    light(axes)
    return figure


def _draw_quality(axes: Axes, rows: Sequence[Beside], quantity: str) -> None:
    own = [row for row in rows if row.figure.quantity == quantity]
    scales = sorted({row.figure.conditions["guidance"] for row in own})
    for color, (model, name) in zip(PALETTE, MODELS.items(), strict=False):
        points = _by_guidance(own, model)
        x, y = list(points), [row.figure.value for row in points.values()]
        axes.plot(x, y, "o-", color=color, markersize=4, markerfacecolor="white", label=name)
        mine = {scale: row.ours for scale, row in points.items() if _is_ours(row)}
        if mine:
            values = [each.value for each in mine.values()]
            axes.plot(list(mine), values, "D--", color=color, markersize=4)
    axes.set_title(f"{quantity} {QUALITY[quantity]}", fontsize=NORMAL, loc="left", color=INK, pad=7)
    axes.set_xlabel("guidance")
    axes.set_xscale("log")
    axes.set_xticks(scales, [f"{scale:g}" for scale in scales])
    axes.minorticks_off()
    axes.legend(fontsize=SMALL, frameon=False)
    light(axes)


def _draw_trade(axes: Axes, rows: Sequence[Beside]) -> None:
    """FID against CLIP score, from guidance to guidance."""
    fid, clip = ([r for r in rows if r.figure.quantity == name] for name in ("FID", "CLIP score"))
    for color, (model, name) in zip(PALETTE, MODELS.items(), strict=False):
        across, up = _by_guidance(clip, model), _by_guidance(fid, model)
        x, y = ([row.figure.value for row in points.values()] for points in (across, up))
        axes.plot(x, y, "o-", color=color, markersize=4, markerfacecolor="white", label=name)
        offset = (-4, -11) if model == "amused_256" else (5, 4)  # the two begin close together
        for scale in (min(across), max(across)):
            place = across[scale].figure.value, up[scale].figure.value
            axes.annotate(
                f"{scale:g}", place, offset, textcoords="offset points", fontsize=SMALL, color=color
            )
        mine = [scale for scale in across if _is_ours(across[scale]) and _is_ours(up[scale])]
        if mine:
            ours = [(across[scale].ours.value, up[scale].ours.value) for scale in mine]
            axes.plot(*zip(*ours, strict=True), "D--", color=color, markersize=4)
    axes.set_title("FID against CLIP score", fontsize=NORMAL, loc="left", color=INK, pad=7)
    axes.set_xlabel("CLIP score; the numbers are guidance")
    axes.legend(fontsize=SMALL, frameon=False)
    light(axes)


def _by_guidance(rows: Sequence[Beside], model: str) -> dict[float, Beside]:
    own = (row for row in rows if row.figure.conditions["model"] == model)
    return {row.figure.conditions["guidance"]: row for row in own}


def _is_ours(row: Beside) -> bool:
    return row.ours is not None and not row.differs


def _is_latency(row: Beside) -> bool:
    figure = row.figure
    return figure.section == "time of a picture" and figure.conditions["batch"] == 1


def _is_one_picture(measured: Measurement) -> bool:
    """Of one picture at a time; records of several batch sizes name them."""
    is_one = "batch" not in measured.subject or measured.subject.endswith("batch 1")
    return measured.name.startswith("seconds") and is_one


def _system(row: Beside) -> str:
    conditions = row.figure.conditions
    name = MODELS.get(conditions["model"], conditions["model"])
    steps = conditions["steps"]
    told = f"{steps} step{'s' * (steps != 1)}" if isinstance(steps, int) else f"{steps} steps"
    return f"{name}, {told}, {conditions['pixels']} px"


def _here(measured: Measurement, record: Record, is_one_of_many: bool) -> str:
    """Who drew, where and with which weights; among several records, what and in how many steps."""
    device, kind = record.device.replace(", ", " "), measured.note.partition(",")[0]
    if not is_one_of_many:
        return f"{measured.subject}, {device}, {kind}"
    model, steps = str(record.settings["model"]), record.settings["sampler.num_steps"]
    model = MODELS.get(model, Path(model).name)
    who = measured.subject.removesuffix(", batch 1")
    return f"{record.name}: {who}, {model}, {steps} steps, {device}"
