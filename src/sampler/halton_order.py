"""The Halton sequence over a grid: every cell once, early ones spread evenly."""

from functools import cache


@cache
def halton_order(height: int, width: int) -> tuple[int, ...]:
    """All cells of a grid, row by row numbers, in the order the sequence visits them first.

    Point j is (radical inverse of j in base 2, in base 3), its cell (row, column) = (floor(height *
    first), floor(width * second)). Points are made until the last cell has come: a fixed number
    falls short (64 x 64 takes 10,363). Whole-number arithmetic, so that no cell's edge is rounded.
    Source: Besnier et al. 2025 (arXiv 2503.17076).
    """
    seen: dict[int, None] = {}  # keeps the order of entry
    point = 0
    while len(seen) < height * width:
        point += 1
        row, column = _cell(point, 2, height), _cell(point, 3, width)
        seen.setdefault(row * width + column)
    return tuple(seen)


def _cell(point: int, base: int, cells: int) -> int:
    """floor(cells * radical inverse): the digits of `point` mirrored behind the point."""
    mirrored, whole = 0, 1
    while point:
        point, digit = divmod(point, base)
        mirrored, whole = mirrored * base + digit, whole * base
    return mirrored * cells // whole
