"""An evaluation card: what folders of pictures measure, as one JSON file and one page.

The card is a record that also says, of every set, its hash and which pictures fit their prompts
best and worst. Dimensions: pictures.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure

from src.report.grid import CELL, GAP, LINE_HEIGHT, Picture
from src.report.look import (
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
    show_picture,
    wrapped,
)
from src.report.page import page
from src.report.record import Record
from src.whole_files import write_whole

JSON, PAGE = "card.json", "card.html"
PROMPT_LINES = 5


@dataclass
class Shown:
    """One picture that a card names."""

    number: int  # its place in the set
    file: str
    prompt: str
    score: float  # CLIP's logit of the picture with its prompt


@dataclass
class SetFacts:
    """What a card says of one set besides its numbers."""

    name: str
    folder: str
    num_pictures: int
    num_doubles: int  # files that are the same as an earlier one
    hash: str  # of all files in their order
    size: int  # pixels, after resizing and cropping
    seeds: str  # in words; "" where nobody told
    best: list[Shown] = field(default_factory=list)  # by score, the best first
    worst: list[Shown] = field(default_factory=list)  # the worst first


@dataclass
class Eyes:
    """A network that looked at the pictures."""

    name: str
    weights_hash: str
    resizer: str


def best_and_worst(
    scores: Float[np.ndarray, " pictures"], files: Sequence[str], prompts: Sequence[str], num: int
) -> tuple[list[Shown], list[Shown]]:
    """The `num` pictures with the highest and with the lowest score; of equals the first."""
    order = np.argsort(-scores, kind="stable")
    lowest = np.argsort(scores, kind="stable")

    def shown(numbers: np.ndarray) -> list[Shown]:
        return [Shown(int(n), files[n], prompts[n], float(scores[n])) for n in numbers[:num]]

    return shown(order), shown(lowest)


def write_card(
    record: Record,
    sets: Sequence[SetFacts],
    eyes: Sequence[Eyes],
    figures: Sequence[Path],
    folder: Path,
    question: str,
) -> list[Path]:
    """Write page and, last, JSON beside the figures, each whole or not at all (UserError)."""
    content = asdict(record) | {
        "sets": [asdict(each) for each in sets],
        "eyes": [asdict(each) for each in eyes],
    }
    facts = [(f"pictures of {each.name}", _in_words(each)) for each in sets]
    facts += [(f"resizing of {each.name}", each.resizer) for each in eyes]
    text = page(record, [path.name for path in figures], question, facts)
    write_whole(folder / PAGE, text)
    write_whole(folder / JSON, json.dumps(content, indent=2, ensure_ascii=False) + "\n")
    return [folder / PAGE, folder / JSON]


def set_figure(title: str, bands: Mapping[str, Sequence[tuple[Picture, str]]]) -> Figure:
    """Rows of pictures above their captions, each row under its name.

    Raises:
        ValueError: no row, or one without pictures.
    """
    if not bands or not all(bands.values()):
        raise ValueError("there has to be a row, and a picture in each")
    columns = max(map(len, bands.values()))
    told = {
        name: [(picture, wrapped(caption, CELL - 0.05, PROMPT_LINES)) for picture, caption in shown]
        for name, shown in bands.items()
    }
    num_lines = max(text.count("\n") + 1 for shown in told.values() for _, text in shown)
    step = 0.3 + CELL + 0.08 + num_lines * LINE_HEIGHT + GAP
    width = 2 * MARGIN + columns * (CELL + GAP)
    figure = new_figure(max(width, 4.0), MARGIN + 0.4 + len(bands) * step + MARGIN)
    label(figure, MARGIN, MARGIN, title, fontsize=LARGE, ha="left", weight="bold")
    for row, (name, shown) in enumerate(told.items()):
        top = MARGIN + 0.4 + row * step
        label(figure, MARGIN, top, name, fontsize=NORMAL, ha="left", color=MUTED)
        for column, (picture, text) in enumerate(shown):
            left = MARGIN + column * (CELL + GAP)
            show_picture(panel(figure, left, top + 0.3, CELL, CELL), picture)
            below = top + 0.3 + CELL + 0.08
            label(figure, left + CELL / 2, below, text, fontsize=SMALL)
    return figure


def score_curves(scores: Mapping[str, Float[np.ndarray, " pictures"]], name: str) -> Figure:
    """The share of pictures that reach each score, a line for every set.

    Raises:
        ValueError: no scores.
    """
    if not scores:
        raise ValueError("there are no scores to draw")
    figure = new_figure(2 * MARGIN + 5.6, 2 * MARGIN + 3.3)
    axes = panel(figure, MARGIN + 0.5, MARGIN + 0.4, 4.9, 2.4)
    for place, (subject, values) in enumerate(scores.items()):
        share = 100 * np.arange(len(values), 0, -1) / len(values)
        color = PALETTE[place % len(PALETTE)]
        axes.step(np.sort(values), share, where="pre", color=color, label=subject, linewidth=1.4)
    axes.set_title("Pictures that reach a score, %", fontsize=NORMAL, loc="left", pad=7)
    axes.set_xlabel(name)
    axes.set_ylim(0, 100)
    axes.legend(fontsize=SMALL, frameon=False)
    light(axes)
    return figure


def _in_words(facts: SetFacts) -> str:
    parts = [f"{facts.num_pictures:,}", f"hash {facts.hash}", f"at {facts.size} pixels"]
    parts += [f"seeds {facts.seeds}"] if facts.seeds else []
    parts += [f"{facts.num_doubles:,} of them double"] if facts.num_doubles else []
    return ", ".join(parts)
