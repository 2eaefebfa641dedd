"""Sets of voxels on a coarse grid: thresholds, growing, shrinking, what hangs together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Values = NDArray[Any]
    Mask = NDArray[Any]

_BINS: Final = 256
_MOST_STEPS: Final = 1024
"""Voxels from side to side of the largest grid, and more: nothing is farther away."""


def otsu(values: Values) -> float:
    """The threshold that parts values into two classes of the least variance (Otsu 1979)."""
    import numpy as np

    counts, edges = np.histogram(values, _BINS)
    middles = (edges[:-1] + edges[1:]) / 2
    below = np.cumsum(counts)
    sums = np.cumsum(counts * middles)
    above = below[-1] - below
    with np.errstate(divide="ignore", invalid="ignore"):
        between = below * above * (sums / below - (sums[-1] - sums) / above) ** 2
    return float(edges[1:][np.nanargmax(between)])


def grown(mask: Mask, steps: int, within: Mask | None = None) -> Mask:
    """A mask with what is near it: by sides and by corners in turns, which is nearly a ball.

    Args:
        mask: of three axes.
        steps: voxels it grows by.
        within: what it may grow into; anything if none.
    """
    for step in range(steps):
        mask = _more(mask, corners=bool(step % 2))
        if within is not None:
            mask &= within
    return mask


def shrunk(mask: Mask, steps: int) -> Mask:
    """A mask without what is near its surface; outside the grid there is nothing of it."""
    import numpy as np

    return ~grown(np.pad(~mask, 1, constant_values=True), steps)[1:-1, 1:-1, 1:-1]


def closed(mask: Mask, steps: int) -> Mask:
    """A mask with its creases."""
    import numpy as np

    wide = np.pad(mask, steps)
    inner = (slice(steps, -steps),) * mask.ndim
    closed_mask: Mask = shrunk(grown(wide, steps), steps)[inner] | mask
    return closed_mask


def joined(seed: Mask, mask: Mask) -> Mask:
    """What of a mask hangs together with the seed."""
    found = seed & mask
    count = 0
    for _ in range(_MOST_STEPS):
        found = _more(found, corners=False) & mask
        before, count = count, int(found.sum())
        if count == before:
            break
    return found


def filled(mask: Mask) -> Mask:
    """A mask with its holes: what cannot be reached from outside the grid."""
    import numpy as np

    outside = np.pad(~mask, 1, constant_values=True)
    edge = np.ones_like(outside)
    edge[1:-1, 1:-1, 1:-1] = False
    filled_mask: Mask = ~joined(edge, outside)[1:-1, 1:-1, 1:-1]
    return filled_mask


def thickest(mask: Mask) -> tuple[Mask, int]:
    """Where a mask is thickest, and how many voxels that is below its surface."""
    import numpy as np

    outside = np.pad(~mask, 1, constant_values=True)
    steps = 0
    while not (more := _more(outside, corners=bool(steps % 2))).all():
        outside, steps = more, steps + 1
    return ~outside[1:-1, 1:-1, 1:-1], steps


def _more(mask: Mask, *, corners: bool) -> Mask:
    more = mask.copy()
    for axis in range(mask.ndim):
        source = more.copy() if corners else mask
        ahead = tuple(slice(1, None) if each == axis else slice(None) for each in range(mask.ndim))
        behind = tuple(slice(-1) if each == axis else slice(None) for each in range(mask.ndim))
        more[ahead] |= source[behind]
        more[behind] |= source[ahead]
    return more
