"""How far an unbiased kernel distance may lie from the truth, for other pictures on both sides.

The distance averages a kernel over pairs: (x, x'), (y, y') and (x, y). A picture moves it by how
much its own mean over its pairs differs from the other pictures', which is what the jackknife
finds by leaving each out (Arvesen 1969; the variance's first term in Sutherland et al. 2017,
section 2). Between two samples of one set it finds up to 1.4 times too much, for there the noise
of those means is all there is: tests/evaluation/test_kernel_spread.py counts how often it holds.

Dimensions: rows, columns (pictures of a side), dim.
"""

import numpy as np
from jaxtyping import Float

AT_ONCE = 2048  # rows of a kernel matrix in memory


def kid_kernel(
    first: Float[np.ndarray, "rows dim"], second: Float[np.ndarray, "columns dim"]
) -> Float[np.ndarray, "rows columns"]:
    """KID's cubic polynomial (Binkowski et al. 2018, section 4)."""
    return (first @ second.T / first.shape[1] + 1) ** 3


def kid_spread(
    features: Float[np.ndarray, "rows dim"], reference: Float[np.ndarray, "columns dim"]
) -> float:
    """The standard deviation of the unbiased distance of all `features` from all of `reference`."""
    of_ours, of_theirs = _means(features, reference)
    ours = np.var(_own_means(features) - of_ours, ddof=1) / len(features)
    theirs = np.var(_own_means(reference) - of_theirs, ddof=1) / len(reference)
    return float(2 * np.sqrt(ours + theirs))  # each picture stands in two of the three averages


def _own_means(features: Float[np.ndarray, "rows dim"]) -> Float[np.ndarray, " rows"]:
    """Each picture's mean kernel with the others of its side."""
    of_rows, _ = _means(features, features)
    itself = ((features**2).mean(axis=1) + 1) ** 3
    return (of_rows * len(features) - itself) / (len(features) - 1)


def _means(
    first: Float[np.ndarray, "rows dim"], second: Float[np.ndarray, "columns dim"]
) -> tuple[Float[np.ndarray, " rows"], Float[np.ndarray, " columns"]]:
    """Each picture's mean kernel with all of the other side."""
    of_rows, sums = [], np.zeros(len(second))
    for start in range(0, len(first), AT_ONCE):
        alike = kid_kernel(first[start : start + AT_ONCE], second)
        of_rows.append(alike.mean(axis=1))
        sums += alike.sum(axis=0)
    return np.concatenate(of_rows), sums / len(first)
