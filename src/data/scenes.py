"""What a scene is: one or two coloured pictograms on a plain background, drawn by chance.

Positions are (row, column) in cells of the world's grid; one cell is one image token.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from src.data.config import DataConfig
from src.data.glyphs import PICTOGRAMS
from src.data.palette import COLORS
from src.errors import UserError, nearest

RELATIONS = ("above", "below", "left of", "right of")
PLACES = ("top left", "top right", "bottom left", "bottom right", "center")
SIZES = ("small", "large")


@dataclass(frozen=True)
class SceneObject:
    """One pictogram: what it is and the cell its upper left corner stands on."""

    glyph: str
    color: str
    size: str
    row: int
    column: int

    @property
    def looks(self) -> tuple[str, str, str]:
        return self.size, self.color, self.glyph


@dataclass(frozen=True)
class Scene:
    """What the caption tells. `relation` is said of two objects, `place` (or None) of one."""

    objects: tuple[SceneObject, ...]
    background: str
    relation: str | None = None
    place: str | None = None


class World:
    """A checked `DataConfig`: the names, the grid and the attribute pairs kept from training.

    Raises:
        UserError: a name that no table knows, or sizes that do not fit the grid.
    """

    def __init__(self, config: DataConfig):
        self.config = config
        for names, table, what in (
            (config.glyphs, PICTOGRAMS, "glyphs"),
            (config.colors, COLORS, "colors"),
            (config.backgrounds, COLORS, "backgrounds"),
        ):
            if not names:
                raise UserError(f"data.{what} is empty: name at least one of {', '.join(table)}.")
            for name in names:
                if name not in table:
                    raise UserError(f"data.{what} has {name!r}; {nearest(name, table)}")
        for name in config.backgrounds:
            if not set(config.colors) - {name}:
                raise UserError(
                    f"data.colors has nothing that could be seen on the background {name!r}; "
                    "name another color too."
                )
        if config.cell_size < 1 or config.picture_size % (2 * config.cell_size):
            raise UserError(
                f"data.picture_size={config.picture_size} must be a multiple of "
                f"2 x data.cell_size={config.cell_size}."
            )
        if config.positions and (config.positions < 3 or config.positions % 2 == 0):
            raise UserError(
                f"data.positions={config.positions} must be odd and at least 3, so that edges and "
                "middle are among them, or 0 for every cell."
            )
        self.picture_size = config.picture_size
        self.cell_size = config.cell_size
        self.grid = config.picture_size // config.cell_size
        self.cells = {"small": config.small_cells, "large": config.large_cells}
        if not 1 <= config.small_cells < config.large_cells <= self.grid // 2:
            raise UserError(
                f"data.small_cells={config.small_cells} and data.large_cells={config.large_cells} "
                f"must satisfy 1 <= small < large <= {self.grid // 2}, half the grid."
            )
        self.held_out = frozenset(tuple(pair.split()) for pair in config.held_out)
        for pair in self.held_out:
            if len(pair) != 2 or pair[0] not in config.colors or pair[1] not in config.glyphs:
                raise UserError(f"data.held_out has {' '.join(pair)!r}; write 'COLOR GLYPH'.")

    def side(self, size: str) -> int:
        """Side in pixels of an object of this size."""
        return self.cells[size] * self.cell_size

    def room(self, size: str) -> int:
        """Cells that an object of this size can be moved by, along either axis."""
        return self.grid - self.cells[size]

    def offsets(self, size: str) -> list[int]:
        """Rows, and columns just so, that the upper left corner of such an object may stand on."""
        room, positions = self.room(size), self.config.positions
        if positions == 0:
            return list(range(room + 1))
        return sorted({room * step // (positions - 1) for step in range(positions)})

    def is_held_out(self, scene: Scene) -> bool:
        """Whether the scene shows a colour-glyph pair that training never shows."""
        return any((thing.color, thing.glyph) in self.held_out for thing in scene.objects)


def draw_scene(world: World, num_objects: int, rng: np.random.Generator) -> Scene:
    """Draw a scene with one or two objects; every attribute uniform over the world's names."""
    background = _pick(world.config.backgrounds, rng)
    colors = [color for color in world.config.colors if color != background]
    looks = [
        (_pick(world.config.glyphs, rng), _pick(colors, rng), _pick(SIZES, rng))
        for _ in range(num_objects)
    ]
    if num_objects == 1:
        place = _pick(PLACES, rng) if rng.random() < 0.5 else None
        corner = _place_one(world, looks[0][2], place, rng)
        return Scene((SceneObject(*looks[0], *corner),), background, place=place)

    relation = _pick(RELATIONS, rng)
    axis = 0 if relation in ("above", "below") else 1
    is_first_near = relation in ("above", "left of")  # near = in the upper or left half
    objects = []
    for look, is_near in zip(looks, (is_first_near, not is_first_near), strict=True):
        corner = _free(world, look[2], rng)
        start = 0 if is_near else world.grid // 2
        end = start + world.grid // 2 - world.cells[look[2]]
        corner[axis] = _between(world.offsets(look[2]), start, end, rng)
        objects.append(SceneObject(*look, *corner))
    return Scene(tuple(objects), background, relation=relation)


def _pick(names: Sequence[str], rng: np.random.Generator) -> str:
    return names[int(rng.integers(len(names)))]


def _between(offsets: Sequence[int], start: int, end: int, rng: np.random.Generator) -> int:
    """One of the offsets from start to end, both included."""
    near = [offset for offset in offsets if start <= offset <= end]
    return near[int(rng.integers(len(near)))]


def _free(world: World, size: str, rng: np.random.Generator) -> list[int]:
    """Any (row, column) at which the object may stand."""
    room = world.room(size)
    return [_between(world.offsets(size), 0, room, rng) for _ in ("row", "column")]


def _place_one(
    world: World, size: str, place: str | None, rng: np.random.Generator
) -> tuple[int, int]:
    """(row, column) of a single object: anywhere, in a corner or in the middle."""
    if place is None:
        row, column = _free(world, size, rng)
        return row, column
    room, offsets = world.room(size), world.offsets(size)
    near = (0, max(1, room // 3))
    far = (room - near[1], room)
    middle = (room // 2, (room + 1) // 2)
    rows = middle if place == "center" else near if place.startswith("top") else far
    columns = middle if place == "center" else near if place.endswith("left") else far
    return _between(offsets, *rows, rng), _between(offsets, *columns, rng)
