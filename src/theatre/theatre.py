"""The unmasking theatre: a decoding on the stage of a notebook, to be watched, stopped and changed.

A widget for JupyterLab and Voila. The browser gets each branch once, whole (`BranchData`), and so
answers the slider and every hover by itself; what changes something comes here as a message, such
as {"do": "pin", "step": 5, "row": 2, "column": 3, "code": 17}, and goes to the `Stage`.
"""

import inspect
import logging
import math
from pathlib import Path
from typing import Any

import anywidget
import traitlets
from ipywidgets import Widget, widget_serialization

from src.amused import Amused
from src.errors import UserError, nearest, shown
from src.masking.config import BY_HAND, KNOWN_SCHEDULES
from src.report.hex_scale import hex_scale
from src.report.look import CONFIDENCE_COLORS, INK, LINE, MUTED, NATS_COLORS, PALETTE, PAPER
from src.report.step_panel import HIDDEN, KNOWN, ORDER_COLORS
from src.theatre.pictures import step_pictures, tile_sheet
from src.theatre.stage import Stage
from src.theatre.wire import arrays, facts, plain

HERE = Path(__file__).parent
LOOK = {
    "colors": {
        **{"paper": PAPER, "ink": INK, "muted": MUTED, "line": LINE},
        **{"accent": PALETTE[0], "differ": PALETTE[1], "hidden": HIDDEN, "known": KNOWN},
    },
    "scales": {
        "probability": hex_scale(CONFIDENCE_COLORS),
        "entropy": hex_scale(NATS_COLORS),
        "asked": hex_scale(ORDER_COLORS),
    },
}
log = logging.getLogger(__name__)


class BranchData(Widget):
    """One branch in the browser; nothing of it ever changes."""

    facts = traitlets.Dict().tag(sync=True)
    arrays = traitlets.Dict().tag(sync=True)
    pictures = traitlets.List().tag(sync=True)  # PNG, a step each


class Theatre(anywidget.AnyWidget):
    """The stage on a screen; all of it can be played from Python too (`do`)."""

    _esm = HERE / "theatre.js"
    _css = HERE / "theatre.css"
    look = traitlets.Dict(LOOK).tag(sync=True)
    tiles = traitlets.Dict().tag(sync=True)  # png, columns, side
    branches = traitlets.List().tag(sync=True, **widget_serialization)
    step = traitlets.Int(0).tag(sync=True)  # looked at; the browser reports it when it rests
    state = traitlets.Dict().tag(sync=True)  # all else that changes

    def __init__(self, amused: Amused, prompt: str | None = None, **draw: Any):
        """Open a theatre; with a prompt, draw it first (see `Stage.draw` for `draw`).

        Raises UserError for what cannot be drawn and for a setting that is none.
        """
        _check_settings(draw)
        self.stage = Stage(amused)
        sheet = tile_sheet(amused)
        self._busy: dict[str, Any] | None = None
        self._error: str | None = None
        self._answers = 0
        self._settings = {
            "prompt": prompt or "",
            "seed": str(draw.get("seed", 0)),
            "num_steps": draw.get("num_steps", 12),
            "guidance_scale": draw.get("guidance_scale"),
            "schedule": draw.get("schedule") or amused.mask_schedule,
        }
        if self._settings["guidance_scale"] is None:
            self._settings["guidance_scale"] = amused.guidance_scale
        super().__init__(tiles=sheet._asdict())
        if prompt is not None:
            self.stage.draw(prompt, **draw)
        self._show(self._all_sent())
        self.on_msg(lambda _widget, content, _buffers: self.do(content))
        self.observe(self._rest, "step")

    def do(self, message: Any) -> None:
        """Carry out one action; what is wrong with it is shown in the widget, in one sentence.

        The stage is then as it was before.
        """
        self._error, sent = None, list(self.branches)
        try:
            with self.stage.wholly_or_not():
                self._carry_out(message)
                sent = self._all_sent()
        except UserError as error:
            self._error = str(error)
        except Exception as error:
            log.exception("the theatre could not do %s", shown(message))
            self._error = f"This did not work ({type(error).__name__}: {error})."
        self._busy = None
        self._show(sent)

    def _carry_out(self, message: Any) -> None:
        stage, told = self.stage, message if isinstance(message, dict) else {}
        position = told.get("row"), told.get("column")
        actions = {
            "step": lambda: None,
            "pin": lambda: stage.pin(*position, told.get("code")),
            "forbid": lambda: stage.forbid(*position, told.get("code")),
            "hide": lambda: stage.hide(*position),
            "say": lambda: stage.say(told.get("prompt")),
            "undo": stage.undo,
            "forget": stage.forget,
            "branch": lambda: stage.choose(told.get("branch")),
            "compare": lambda: stage.compare(told.get("branch")),
            "go_on": lambda: self._go_on(told.get("prompt")),
            "draw": lambda: self._draw(told),
        }
        action = actions.get(told.get("do"))
        if action is None:
            raise UserError(f"{shown(message)} is no action; known: {', '.join(actions)}.")
        if stage.nodes and "step" in told:
            stage.look(told["step"])
        action()

    def _go_on(self, prompt: Any) -> None:
        """Draw on; a prompt is said first."""
        remaining = self.stage.node.branch.num_steps - self.stage.step
        if prompt is not None:
            self.stage.say(prompt)
        self._tell(f"Drawing the remaining {remaining} steps")
        self.stage.go_on()

    def _draw(self, told: dict[str, Any]) -> None:
        self._tell("Drawing")
        settings = {
            "prompt": told.get("prompt"),
            "seed": _number("seed", told.get("seed"), int),
            "num_steps": _number("num_steps", told.get("num_steps"), int),
            "guidance_scale": _number("guidance_scale", told.get("guidance_scale"), float),
            "schedule": told.get("schedule"),
        }
        self._settings = {key: told.get(key) for key in settings}
        self.stage.draw(**settings, progress=self._tell_progress)

    def _tell_progress(self, done: int, total: int) -> None:
        self._tell(f"Drawing: step {done} of {total}", done / total)

    def _tell(self, text: str, share: float | None = None) -> None:
        self._busy = {"text": text, "share": share}
        self.state = self._state()

    def _rest(self, change: Any) -> None:
        """The slider came to rest in the browser; an older step of another branch is none."""
        if self.stage.nodes and 0 <= change["new"] <= self.stage.node.branch.num_steps:
            self.stage.look(change["new"])

    def _all_sent(self) -> list[BranchData]:
        """All branches as they go to the browser; those it has not got yet are laid out now."""
        stage, sent = self.stage, list(self.branches)
        for number in range(len(sent), len(stage.nodes)):
            node = stage.nodes[number]
            known = () if node.parent is None else sent[node.parent].pictures
            pictures = step_pictures(stage.amused, node.branch, known, node.after_step)
            data = {"facts": facts(node, number), "arrays": arrays(node), "pictures": pictures}
            sent.append(BranchData(**data))
        return sent

    def _show(self, sent: list[BranchData]) -> None:
        """Answer the browser with these branches and all that changed."""
        self._answers += 1
        with self.hold_sync():
            self.branches, self.step, self.state = sent, self.stage.step, self._state()

    def _state(self) -> dict[str, Any]:
        config = self.stage.amused.transformer.config
        return {
            "current": self.stage.current if self.stage.nodes else None,
            "compared": self.stage.compared,
            "changes": [plain(each) for each in self.stage.changes],
            "busy": self._busy,
            "error": self._error,
            "answers": self._answers,
            "settings": self._settings,
            "schedules": [name for name in KNOWN_SCHEDULES if name != BY_HAND],
            "codebook_size": config.codebook_size,
            "most_entropy": math.log(config.codebook_size),
        }


def _check_settings(draw: dict[str, Any]) -> None:
    """Refuse a keyword that `Stage.draw` does not have; raises UserError."""
    known = [name for name in inspect.signature(Stage.draw).parameters if name != "self"][1:]
    for name in draw:
        if name not in known:
            raise UserError(f"{name}={shown(draw[name])} is no setting; {nearest(name, known)}")


def _number(name: str, typed: Any, kind: type[int] | type[float]) -> Any:
    """A number as it was typed; raises UserError for a text that is none."""
    try:
        return kind(typed)
    except (TypeError, ValueError):
        whole = "a whole number" if kind is int else "a number"
        raise UserError(f"{name}={shown(typed)} is impossible; give {whole}.") from None
