"""Where the face of a head is, told from the head's surface alone.

A face is what lies in front of and below the brain. The brain fills the vault of the skull,
and the vault is the largest ball that fits into a head, drawn out to the back and the front. So no
contrast between brain, bone and fat is needed: the same works for CT and any MR.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from medibloc_py.imaging.deidentify.faces.masks import (
    closed,
    filled,
    grown,
    joined,
    otsu,
    shrunk,
    thickest,
)
from medibloc_py.imaging.deidentify.faces.region import HalfSpace, Region, Vector
from medibloc_py.imaging.deidentify.faces.tilt import bent_back, forehead, turned

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from medibloc_py.imaging.deidentify.faces.volume import Volume

    Mask = NDArray[Any]

_AIR_HU: Final = -300.0
_LOOSE_MM: Final = 10.0
"""Half the thickness of what is not the head itself: a head rest, a tube, an ear."""
_BALL: Final = 1.2
"""The largest ball in a head by the steps that are counted to its middle."""
_REACH_MM: Final = 220.0
"""From the top of a head as far as is looked at; shoulders lie lower."""
_WIDE_MM2: Final = 40_000.0
"""No head is so large in any cross-section."""
_FULL: Final = 0.75
_RADIUS_MM: Final = (45.0, 100.0)
"""Half the width of a head, from a newborn's up."""
_LONG: Final = (1.05, 1.5)
"""Length of the vault by its width."""
_FOREHEAD: Final = (0.75, 0.96)
"""How far a forehead reaches halfway up, by half the length of the vault."""
_ROUND: Final = 1.08
"""Below that it cannot be told by its length which way a head looks."""
_MOST_CUT: Final = 0.7
"""How much of the top may be missing, by the radius."""
_UPPER: Final = (0.4, 1.0)
"""Where the forehead is, below the top, by the radius."""
_BACK: Final = 1.3
"""As far down as the back of the head is."""
_BRAIN: Final = ((45, 0.80, 0.78), (30, 0.85, 0.83))
"""Planes by how many degrees they look down, and by the brain's half axes within its vault, by
the vault's; measured on an average of real heads, see docs/adr/0033."""
_BARE_BRAIN: Final = ((45, 1.0, 1.0),)
_BEHIND: Final = 0.15
"""What is cut ends so far in front of the middle of the head, by half its length."""
_CHIN: Final = 2.6
"""No face lies farther below the middle of the head, by the radius."""
_FACE_LEVEL: Final = (1.1, 1.5)
"""Where a nose and cheeks are, below the middle, by the radius."""
_BARE: Final = (0.5, 0.05)
"""How much of that must be in the volume, and how little of it may be tissue, for a bare brain."""
_CREASE_MM: Final = 6.0
"""The width of creases that are closed."""
_NOSE: Final = 0.2
"""So far the nose must stand out of what is kept, by the radius."""

_MOST_BACK: Final = 32.0
"""No head that can be judged is bent back any farther, degrees."""
_LOOKS: Final = 3
"""How often it is told: what is measured along a head's own axes tells it better."""


class NoHead(Exception):
    """It cannot be told where the face is; the text says why."""


class Elsewhere(Exception):
    """What is shown is too wide at every level for a head to be among it."""


class Head(NamedTuple):
    """A head as it lies in its volume.

    Attributes:
        forward: unit vector the face looks along, level (to the left, to the back).
        middle: of the vault, along the head's own axes: to the front, and up; mm.
        half_mm: half the length of the vault.
        radius_mm: half its width.
        is_bare: there is nothing below the brain, nor a skull around it.
        back: how far it is bent back, degrees.
    """

    forward: tuple[float, float]
    middle: tuple[float, float]
    half_mm: float
    radius_mm: float
    is_bare: bool = False
    back: float = 0.0

    def face(self) -> tuple[Region, ...]:
        """What to remove: all in front of and below the brain, down to the chin."""
        front, above = self._axis(0), self._axis(90)
        behind = HalfSpace(front.normal, front.at_mm + _BEHIND * self.half_mm)
        chin = HalfSpace(above.normal, above.at_mm - _CHIN * self.radius_mm)
        below = self._axis(-90)  # the middle of the vault: eyes and nose lie lower
        return tuple((plane, behind, chin, below) for plane in self._planes())

    def _planes(self) -> Iterator[HalfSpace]:
        """Planes that touch the brain from in front and below."""
        for degrees, long, high in _BARE_BRAIN if self.is_bare else _BRAIN:
            level, down = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
            far = math.hypot(long * self.half_mm * level, high * self.radius_mm * down)
            axis = self._axis(-degrees)
            yield HalfSpace(axis.normal, axis.at_mm + far)

    def _axis(self, degrees: float) -> HalfSpace:
        """All that lies past the middle of the vault, so many degrees above where it looks."""
        (x, y), (ahead, up) = self.forward, self.middle
        own, angle = math.radians(degrees), math.radians(self.back + degrees)
        normal: Vector = (x * math.cos(angle), y * math.cos(angle), math.sin(angle))
        return HalfSpace(normal, ahead * math.cos(own) + up * math.sin(own))

    def stands_out_mm(self, points: NDArray[Any]) -> float:
        """How far the farthest of some points lies in front of what is kept."""
        import numpy as np

        return max(float((points @ np.array(normal)).max()) - at for normal, at in self._planes())


def find_head(volume: Volume) -> Head:
    """Find the head in a volume.

    Raises:
        Elsewhere: it shows another part of the body.
        NoHead: there is none, or not enough of one.
    """
    import numpy as np

    body = _body(volume)
    voxel = volume.voxel_mm
    levels = np.flatnonzero(body.any(axis=(0, 1)))
    if not levels.size:
        raise NoHead("nothing is in it")
    areas = body.sum(axis=(0, 1))[levels[0] : levels[-1] + 1] * voxel**2
    # What fills all there is to see may be noise that was taken for a body.
    if areas.min() > _WIDE_MM2 and body.sum() < _FULL * volume.seen.sum():
        raise Elsewhere
    top = int(levels[-1])
    body[:, :, : max(0, top - round(_REACH_MM / voxel))] = False
    _, deep = thickest(body)
    radius = deep * voxel * _BALL
    if not _RADIUS_MM[0] <= radius <= _RADIUS_MM[1]:
        raise NoHead(f"what is in it is {2 * radius:.0f} mm thick, which is no whole head")
    points = volume.points_mm(body)
    cut = _cut_mm(body, volume, radius)
    head = _measured(points, voxel, volume.level_mm(top + 0.5) + cut, radius)
    return _judged(_straight(head, points, voxel, cut), volume, body)


def _body(volume: Volume) -> Mask:
    """The largest thing in a volume, with all its hollows and without what is loose."""
    import numpy as np

    values = volume.values[volume.seen]
    if not values.size or values.min() == values.max():
        raise NoHead("nothing is in it")
    most = float(np.percentile(values, 99))
    at = otsu(np.minimum(values, most)) / 2
    if volume.is_ct:
        at = _AIR_HU
        if values.min() > 2 * at:
            raise NoHead("no air is around it, or its values are no Hounsfield units")
    tissue = (volume.values > at) & volume.seen
    creases = max(1, round(_CREASE_MM / 2 / volume.voxel_mm))
    tissue = filled(closed(tissue, creases))
    seed, _ = thickest(tissue)
    steps = max(1, round(_LOOSE_MM / volume.voxel_mm))
    return grown(joined(seed, shrunk(tissue, steps)), steps + 1, tissue)


def _cut_mm(body: Mask, volume: Volume, radius: float) -> float:
    """How much is missing of the top of a head, by the area that it was cut at."""
    import numpy as np

    above = np.zeros_like(body)
    above[:, :, :-1] = volume.seen[:, :, 1:]
    area = float((body & ~above).sum()) * volume.voxel_mm**2
    rest = radius**2 - area / math.pi
    cut = radius - math.sqrt(max(rest, 0.0))
    if cut > _MOST_CUT * radius:
        raise NoHead("the top of the head is not in it")
    return cut


def _measured(
    points: NDArray[Any],
    voxel_mm: float,
    top_mm: float,
    radius: float,
    forward: tuple[float, float] | None = None,
) -> Head:
    """A head by the points of its body, where it is above the nose and the ears."""
    import numpy as np

    def above(share: float) -> NDArray[Any]:
        level: NDArray[Any] = points[
            (points[:, 2] >= top_mm - share * radius)
            & (points[:, 2] <= top_mm - _UPPER[0] * radius)
        ]
        if len(level) < 2:
            raise NoHead("the top of the head is not in it")
        return level[:, :2]

    upper = above(_UPPER[1])
    x, y = forward or _forward(upper)
    front_mm = float((upper @ np.array((x, y))).max())
    back_mm = float((above(_BACK) @ np.array((x, y))).min())
    wide = upper @ np.array((-y, x))
    half = (front_mm - back_mm + voxel_mm) / 2  # points are the middles of voxels
    radius = (float(np.ptp(wide)) + voxel_mm) / 2
    if not _LONG[0] <= half / radius <= _LONG[1]:
        raise NoHead("what is in it has not the form of a head")
    return Head((x, y), ((front_mm + back_mm) / 2, top_mm - radius), half, radius)


def _straight(head: Head, points: NDArray[Any], voxel_mm: float, cut_mm: float) -> Head:
    """A head as measured along its own axes, if it is bent back."""
    is_cut = cut_mm > voxel_mm
    for _ in range(_LOOKS):
        seen = _from_middle(head, points)
        more = bent_back(seen, head.half_mm, head.radius_mm)
        if not more:
            break
        back = head.back + more
        if back > _MOST_BACK:
            raise NoHead("its forehead stands out like a face, or it is bent back too far")
        own = turned(points, head.forward, back)
        top_mm = float(own[:, 2].max()) + voxel_mm / 2
        if is_cut:  # the highest point that is left is at the edge of the cut
            (ahead, up), turn = head.middle, math.radians(more)
            top_mm = up * math.cos(turn) - ahead * math.sin(turn) + head.radius_mm
        straight = _measured(own, voxel_mm, top_mm, head.radius_mm, (1.0, 0.0))
        head = straight._replace(forward=head.forward, back=back)
    reach = forehead(_from_middle(head, points), head.half_mm, head.radius_mm)
    if not (is_cut or _FOREHEAD[0] <= reach <= _FOREHEAD[1]):
        raise NoHead("its forehead is not that of a head that is bare and not bent far back")
    return head


def _from_middle(head: Head, points: NDArray[Any]) -> NDArray[Any]:
    """Points as seen from the middle of a head's vault: forward, to the side, down."""
    own = turned(points, head.forward, head.back)
    ahead, up = head.middle
    vault = own[own[:, 2] >= up][:, 1]
    seen: NDArray[Any] = own - (ahead, (vault.max() + vault.min()) / 2, up)
    return seen * (1, 1, -1)


def _forward(points: NDArray[Any]) -> tuple[float, float]:
    """Which way a head looks: along its length, and rather to the front."""
    import numpy as np

    spread, axes = np.linalg.eigh(np.cov(points.T))
    x, y = axes[:, 1]
    if math.sqrt(spread[1] / max(spread[0], 1e-9)) < _ROUND:
        return 0.0, -1.0
    if abs(x) > abs(y):
        raise NoHead("the head is turned to the side")
    return (-float(x), -float(y)) if y > 0 else (float(x), float(y))


def _judged(head: Head, volume: Volume, body: Mask) -> Head:
    """Hold what is taken for the face to it: where a face is, something must stand out."""
    import numpy as np

    ahead, up = head.middle
    points = volume.points_mm(np.ones_like(body))
    own = turned(points, head.forward, head.back)
    along, below = own[:, 0] - ahead, up - own[:, 2]
    low, high = (share * head.radius_mm for share in _FACE_LEVEL)
    in_front = (along > _BEHIND * head.half_mm) & (along < head.half_mm)
    level = in_front & (below > low) & (below < high)
    seen, tissue = volume.seen.reshape(-1)[level], body.reshape(-1)[level]
    if seen.size and seen.mean() >= _BARE[0] and tissue.sum() <= _BARE[1] * seen.sum():
        return head._replace(is_bare=True)
    if tissue.any() and head.stands_out_mm(points[body.reshape(-1)]) < _NOSE * head.radius_mm:
        raise NoHead("no face stands out of the head")
    return head
