"""Which row stands where in which epoch: a pure function, so that nothing has to be remembered.

An epoch is a permutation of all rows. Rows are read in blocks of neighbours, which a slow disk or
a remote table needs: the blocks are shuffled, and the rows of every few blocks are mixed with each
other. A shuffle buffer would do the same but lose its content when a run is killed.
"""

from functools import lru_cache

import numpy as np

BLOCKS, ROWS = 1, 2  # purposes of the random numbers


class RowOrder:
    """The rows of a table in the order of training, epoch after epoch."""

    def __init__(self, num_rows: int, seed: int, block_rows: int = 1024, shuffled_blocks: int = 16):
        """Order the rows of one table.

        Args:
            num_rows: rows of the table, at least 1.
            block_rows: neighbours that stay near each other within an epoch.
            shuffled_blocks: so many blocks are mixed row by row; a table of no more rows than
                `block_rows * shuffled_blocks` is therefore shuffled evenly.
        """
        self.num_rows, self.seed = num_rows, seed
        self.block_rows, self.shuffled_blocks = block_rows, shuffled_blocks
        self._blocks = lru_cache(maxsize=2)(self._draw_blocks)
        self._group = lru_cache(maxsize=2)(self._draw_group)

    def __getstate__(self) -> dict:  # to worker processes, without what is remembered
        return {key: v for key, v in vars(self).items() if key not in ("_blocks", "_group")}

    def __setstate__(self, state: dict) -> None:
        self.__init__(**state)

    def row(self, sample: int) -> int:
        """The row of the sample of that number, counted from 0 over all epochs and ranks."""
        epoch, position = divmod(sample, self.num_rows)
        starts = self._blocks(epoch)[1]
        group = int(np.searchsorted(starts, position, side="right")) - 1
        return int(self._group(epoch, group)[position - starts[group]])

    def _draw_blocks(self, epoch: int) -> tuple[np.ndarray, np.ndarray]:
        """The blocks in an epoch's order, and the position where each group of them starts."""
        num_blocks = -(-self.num_rows // self.block_rows)
        blocks = self._rng(BLOCKS, epoch, 0).permutation(num_blocks)
        lengths = np.minimum(self.block_rows, self.num_rows - blocks * self.block_rows)
        return blocks, np.concatenate([[0], np.cumsum(lengths)])[:: self.shuffled_blocks]

    def _draw_group(self, epoch: int, group: int) -> np.ndarray:
        """The rows of a group of blocks, mixed."""
        first = group * self.shuffled_blocks
        blocks = self._blocks(epoch)[0][first : first + self.shuffled_blocks]
        ends = np.minimum((blocks + 1) * self.block_rows, self.num_rows)
        spans = zip(blocks * self.block_rows, ends, strict=True)
        rows = np.concatenate([np.arange(*span) for span in spans])
        return self._rng(ROWS, epoch, group).permutation(rows)

    def _rng(self, purpose: int, epoch: int, group: int) -> np.random.Generator:
        return np.random.default_rng([self.seed, purpose, epoch, group])
