"""The stage of the theatre: which branches there are, which step is looked at, what is to change.

A machine of plain states, without a screen. Looking (`look`, `choose`, `compare`, `token`) and
asking for changes (`pin`, `forbid`, `hide`, `say`, `undo`) answer from what was recorded; the model
runs in `draw` and `go_on` alone. A refused action raises UserError and leaves the stage as it was.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from src.amused import Amused
from src.conditioning.prompts import checked_prompts
from src.errors import UserError, shown
from src.interpret.branch import Branch, branch_of
from src.interpret.resume import resume
from src.theatre.changes import Change, checked, edits_after, in_words
from src.theatre.seen import Seen, Token, differing, seen, token_at

NUM_TOP = 8  # codes a hover shows

Progress = Callable[[int, int], None]  # steps done, steps in all


class Node(NamedTuple):
    """A branch in the tree of all branches."""

    branch: Branch
    seen: Seen
    parent: int | None  # its number, from 0; None = drawn from nothing
    after_step: int  # of the parent, from where this one goes its own way
    words: str  # what was changed there


class Positions(NamedTuple):
    """Where two branches hold different codes; positions are counted row by row."""

    kept: list[int]  # both branches have settled on their code
    guesses: list[int]  # still hidden in one or both


class Stage:
    """One model, the pictures drawn with it, and what the user looks at."""

    def __init__(self, amused: Amused):
        self.amused = amused
        self.nodes: list[Node] = []
        self.current = 0  # number of the branch that is looked at
        self.step = 0  # 0 = the start, up to the branch's number of steps
        self.compared: int | None = None  # number of the branch beside it
        self.changes: list[Change] = []  # asked for and not drawn yet

    @property
    def node(self) -> Node:
        """The branch that is looked at; raises UserError before the first one is drawn."""
        if not self.nodes:
            raise UserError("nothing is drawn yet; draw a picture first.")
        return self.nodes[self.current]

    def draw(
        self,
        prompt: Any,
        seed: Any = 0,
        num_steps: Any = 12,
        guidance_scale: Any = None,
        schedule: Any = None,
        progress: Progress | None = None,
    ) -> int:
        """Draw a picture as a new branch of its own, look at its end, and give back its number.

        All as in `Amused.generate`, which checks them; guidance_scale, schedule: None is the
        checkpoint's own. UserError, too, where the pictures here have another grid.
        """
        generation = self.amused.generate(
            checked_prompts([prompt]),
            seeds=[seed],
            num_steps=num_steps,
            guidance_scale=guidance_scale,
            schedule=schedule,
            num_top=NUM_TOP,
            progress=progress and (lambda done, total, _: progress(done, total)),
        )
        branch = branch_of(generation, self.amused.transformer.mask_token_id)
        return self._add(Node(branch, seen(branch), None, 0, "drawn"))

    def add(self, branch: Branch) -> int:
        """Look at a branch made elsewhere; UserError if it has another grid or no opinions."""
        words = in_words(branch.history[-1][1]) if branch.history else "drawn"
        return self._add(Node(branch, seen(branch), None, 0, words))

    def look(self, step: Any) -> None:
        """Look at a step of the current branch, 0 = the start."""
        last = self.node.branch.num_steps
        if type(step) is not int or not 0 <= step <= last:
            raise UserError(f"step={shown(step)} is not there; this branch has 0 to {last}.")
        self.step = step

    def choose(self, number: Any) -> None:
        """Look at another branch, at the same step where it has one; changes asked for stay."""
        self.current = self._number(number)
        self.step = min(self.step, self.node.branch.num_steps)

    def compare(self, number: Any) -> None:
        """Put a branch beside the current one; None puts it away."""
        self.compared = None if number is None else self._number(number)

    def differing(self) -> Positions:
        """Where the codes differ from the compared branch after this step; none without one."""
        if self.compared is None:
            return Positions([], [])
        found = differing(self.node.seen, self.nodes[self.compared].seen, self.step)
        return Positions(*(each.nonzero()[:, 0].tolist() for each in found))

    def token(self, row: Any, column: Any) -> Token:
        """What is known of a token after this step; raises UserError for one that is not there."""
        height, width = self.node.branch.grid
        is_whole = type(row) is int and type(column) is int
        if not is_whole or not (0 <= row < height and 0 <= column < width):
            raise UserError(
                f"({shown(row)}, {shown(column)}) is no token; give (row, column) from (0, 0) to "
                f"({height - 1}, {width - 1})."
            )
        return token_at(self.node.seen, self.step, row * width + column)

    def pin(self, row: Any, column: Any, code: Any) -> None:
        """Ask that a position have this code from the step on where the drawing is taken up."""
        self._ask(Change("pin", (row, column), code))

    def forbid(self, row: Any, column: Any, code: Any) -> None:
        """Ask that a position never draw this code; where it is settled, it is drawn again."""
        self._ask(Change("forbid", (row, column), code))

    def hide(self, row: Any, column: Any) -> None:
        """Ask that a position be hidden and drawn again."""
        self._ask(Change("hide", (row, column)))

    def say(self, prompt: Any) -> None:
        """Ask for another prompt."""
        self._ask(Change("say", prompt=checked_prompts([prompt])[0]))

    def undo(self) -> None:
        """Take the last change back; raises UserError where there is none."""
        if not self.changes:
            raise UserError("there is nothing to undo; no change was asked for.")
        self.changes.pop()

    def forget(self) -> None:
        """Take all changes back."""
        self.changes.clear()

    def go_on(self) -> int:
        """Draw on from the step looked at, with all changes asked for; gives the new branch.

        It is then looked at, at its end, beside the one that it left.
        """
        parent, after_step = self.current, self.step
        size = self.amused.transformer.config.codebook_size
        edits = edits_after(self.changes, self.node.branch, after_step, size)
        branch = resume(self.amused, self.node.branch, after_step, edits)
        number = self._add(Node(branch, seen(branch), parent, after_step, in_words(edits)))
        self.compared = parent
        self.changes.clear()
        return number

    @contextmanager
    def wholly_or_not(self) -> Iterator[None]:
        """What is done inside is done wholly; where it fails, the stage is as it was before."""
        before = list(self.nodes), self.current, self.step, self.compared, list(self.changes)
        try:
            yield
        except BaseException:
            self.nodes, self.current, self.step, self.compared, self.changes = before
            raise

    def _add(self, node: Node) -> int:
        grid = self.nodes[0].branch.grid if self.nodes else node.branch.grid
        if node.branch.grid != grid:
            raise UserError(
                f"this branch has {node.branch.grid} tokens and those here have {grid}; open "
                "another theatre for it."
            )
        self.nodes.append(node)
        self.current = len(self.nodes) - 1
        self.step = node.branch.num_steps
        self.compared = None
        return self.current

    def _ask(self, change: Change) -> None:
        asked = [*self.changes, change]
        checked(asked, self.node.branch.grid, self.amused.transformer.config.codebook_size)
        self.changes = asked

    def _number(self, number: Any) -> int:
        if type(number) is not int or not 0 <= number < len(self.nodes):
            raise UserError(
                f"branch {shown(number)} is not there; there are {len(self.nodes)}, from 0."
            )
        return number
