"""How far a head is bent back, told from where its face begins to stand out of the vault.

Seen from the middle of the vault, the root of the nose and the cheeks below the eyes appear at
nearly the same angles in all heads. Where they appear higher, the head is bent back; where they
appear higher on one side, it leans to the other, and the higher side counts.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Values = NDArray[Any]

_STANDS_OUT: Final = 1.15
"""A face is farther from the middle of the vault than the forehead, by half the length."""
_BANDS: Final = ((-0.25, 0.25, 27.0), (0.3, 0.6, 39.0), (-0.6, -0.3, 39.0))
"""Parts of a head from side to side, by the radius, and how far below the level of the vault's
middle its face begins there, degrees; measured on an average of real heads, see docs/adr/0033."""
_FEW: Final = 3
"""So many voxels may stand out without being a face."""
_FOREHEAD: Final = (0.25, 0.36, 0.54)
"""Where the slope of a forehead is told: to both sides, and from there to there above the
vault's middle, by the radius."""


def bent_back(points: Values, half_mm: float, radius_mm: float) -> float:
    """How far a head is bent back, degrees; 0 if it is level, or bent forward.

    Args:
        points: of its body, mm from the middle of the vault: forward, to the side, down.
        half_mm: half the length of the vault.
        radius_mm: half its width.
    """
    import numpy as np

    ahead, beside, down = points[points[:, 0] > 0].T
    out = np.hypot(ahead, down) > _STANDS_OUT * half_mm
    back = 0.0
    for low, high, level in _BANDS:
        band = out & (beside >= low * radius_mm) & (beside < high * radius_mm)
        angles = np.sort(np.arctan2(down[band], ahead[band]))[_FEW:]
        if angles.size:
            back = max(back, level - math.degrees(angles[0]))
    return back


def forehead(points: Values, half_mm: float, radius_mm: float) -> float:
    """How far a forehead reaches halfway up, by half the length of the vault.

    Nearly the same in all heads. Less if what was taken for the front is a face or a hand, more
    if something lies on the forehead.

    Args:
        points: as for `bent_back`.
        half_mm: half the length of the vault.
        radius_mm: half its width.
    """
    ahead, beside, down = points.T
    side, low, high = (share * radius_mm for share in _FOREHEAD)
    there = ahead[(abs(beside) < side) & (-down >= low) & (-down <= high)]
    return float(there.max()) / half_mm if there.size else 0.0


def turned(points: Values, forward: tuple[float, float], degrees: float) -> Values:
    """Points along the axes of a head: to its front, to its side, and up.

    Args:
        points: in the patient's coordinates.
        forward: unit vector it looks along, level.
        degrees: how far it is bent back.
    """
    import numpy as np

    (x, y), angle = forward, math.radians(degrees)
    level, rise = math.cos(angle), math.sin(angle)
    axes = np.array([(x * level, y * level, rise), (-y, x, 0), (-x * rise, -y * rise, level)])
    own: Values = points @ axes.T
    return own
