"""What anatomy knows and fields do not: blood stays in its muscle, walls are shared, veins reach their atrium.

All steps work on the voxels of a :class:`Workspace` and never on trusted ones. Lengths in mm.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage
from scipy.spatial import cKDTree

from CardiacCompletionLib.anatomy.vocabulary import Vocabulary
from CardiacCompletionLib.completion.topology import widened
from CardiacCompletionLib.completion.workspace import Box, Workspace, shared

# Structures that touch are parted by no more than this if the field was only a little off.
_THIN_GAP = 3.0
_OPPOSITE = -0.5  # cosine
# A piece that ends this close to where it springs from is led there.
_BRIDGE = 10.0
# How far from an inferred structure anything can matter.
SIGHT = _BRIDGE + 1.0
_BRIDGE_RADIUS = 2.0
# The least thickness of a muscle around its cavity, and how far below its own upper end it must be closed.
_LEAST_WALL = 2.0
_OPEN_END = 6.0
_RAY_STEPS = 24


def close_gap(work: Workspace, key: str, other: str) -> None:
    """Close a thin gap of background between two structures that share a wall, one of which is inferred."""
    box = _meeting_place(work, key, other, _THIN_GAP)
    if box is None:
        return
    here, there = work.mask(key, box), work.mask(other, box)
    if not here.any() or not there.any():
        return
    box, here, there = _where_both_are_near(work, box, here, there)
    if box is None:
        return
    # No voxel of a thin gap is farther from either.
    reach = np.floor(_THIN_GAP / work.spacing + 1e-6).astype(int)
    kji = np.argwhere((work.holder[box] == 0) & widened(here, reach) & widened(there, reach))
    ways = [_ways(kji, mask, reach, work.spacing) for mask in (here, there)]
    to_here, to_there = (np.linalg.norm(way, axis=1) for way in ways)
    # Between two surfaces half a voxel belongs to each of them.
    gap = to_here + to_there - work.spacing.min() <= _THIN_GAP
    facing = gap.copy()
    facing[gap] = _facing(*(way[gap] for way in ways))
    gap &= _mostly(kji, facing, gap, here.shape, 2 * reach + 1)
    own, others = work.is_inferred(key), work.is_inferred(other)
    nearer = (to_here <= to_there) if own and others else np.full(len(kji), own)
    for owner, mask, which in ((key, here, gap & nearer), (other, there, gap & ~nearer)):
        if work.is_inferred(owner):
            given = np.zeros_like(mask)
            given[tuple(kji[which].T)] = True
            work.give(owner, box, _attached(given, mask))


def bridge(work: Workspace, key: str, origin: str) -> None:
    """Lead every piece of an inferred structure that ends close to its origin to it."""
    if not (work.is_inferred(key) and work.holds(origin)):
        return
    box, tight = work.box_of(key, _BRIDGE), work.box_of(key)
    target = work.mask(origin, box)
    if not target.any():
        return
    within = tuple(slice(t.start - s.start, t.stop - s.start) for s, t in zip(box, tight, strict=True))
    pieces = np.zeros(target.shape, dtype=np.int32)
    pieces[within], count = ndimage.label(work.own(key, tight), structure=np.ones((3, 3, 3)))
    apart = sorted(set(range(1, count + 1)) - set(np.unique(pieces[widened(target)]).tolist()))
    if not apart:
        return
    tree = cKDTree(np.argwhere(target & ~ndimage.binary_erosion(target)) * work.spacing)
    for number in apart:
        piece = pieces == number
        places = np.argwhere(piece) * work.spacing
        distance, nearest = tree.query(places, distance_upper_bound=_BRIDGE)
        if np.isfinite(distance).any():
            begin = places[np.argmin(distance)]
            _lead(work, key, box, begin, tree.data[nearest[np.argmin(distance)]])


def keep_inside(work: Workspace, cavity: str, wall: str) -> None:
    """Take from an inferred cavity what lies behind its wall, seen from the cavity's middle."""
    if not (work.is_inferred(cavity) and work.holds(wall)):
        return
    box = work.box_of(cavity)
    own, muscle = work.own(cavity, box), work.mask(wall, box)
    if not own.any() or not muscle.any():
        return
    kji = np.argwhere(own)
    middle = kji.mean(axis=0)
    behind = np.zeros(len(kji), dtype=bool)
    for step in np.linspace(0.0, 1.0, _RAY_STEPS, endpoint=False)[1:]:
        behind |= muscle[tuple(np.round(middle + step * (kji - middle)).astype(int).T)]
    leaked = np.zeros_like(own)
    leaked[tuple(kji[behind].T)] = True
    work.give(None, box, leaked)


def line(work: Workspace, cavity: str, wall: str, vocabulary: Vocabulary) -> None:
    """Close an inferred wall around its cavity by the least thickness, but for its open end and what opens into it.

    Where another cavity's wall is, such as the septum, that one closes it.
    """
    if not (work.is_inferred(wall) and work.holds(cavity)):
        return
    box = shared(work.box_of(cavity, _LEAST_WALL + 1.0), work.box_of(wall, _LEAST_WALL + 1.0))
    if box is None:
        return
    blood, muscle = work.mask(cavity, box), work.own(wall, box)
    if not blood.any() or not muscle.any():
        return
    # The open end lies where the cavity goes on beyond the muscle: the muscle's middle is nearer the apex.
    axis = _middle(blood, work.spacing) - _middle(muscle, work.spacing)
    if np.linalg.norm(axis) < 1.0:
        return
    axis /= np.linalg.norm(axis)
    end = np.quantile(np.argwhere(muscle) * work.spacing @ axis, 0.98) - _OPEN_END
    distance = ndimage.distance_transform_edt(~blood, sampling=work.spacing)
    shell = ~blood & (distance <= _LEAST_WALL + 0.5 * work.spacing.max())
    kji = np.argwhere(shell)
    kji = kji[kji * work.spacing @ axis < end]
    closed = np.zeros_like(shell)
    closed[tuple(kji.T)] = True
    walls = (structure.key for structure in vocabulary if structure.lines is not None)
    for other in {*vocabulary.neighbours(cavity), *walls} - {wall}:
        if work.holds(other):
            closed &= ~work.mask(other, box)
    work.give(wall, box, closed)


def _meeting_place(work: Workspace, key: str, other: str, margin: float) -> Box | None:
    if not (work.holds(key) and work.holds(other)) or not (work.is_inferred(key) or work.is_inferred(other)):
        return None
    return shared(work.box_of(key, margin), work.box_of(other, margin))


def _where_both_are_near(
    work: Workspace, box: Box, here: np.ndarray, there: np.ndarray
) -> tuple[Box | None, np.ndarray, np.ndarray]:
    """The part of a box where each of two masks is within reach of the other."""
    # Twice, for what is left out along one axis narrows the others.
    for axis in (0, 1, 2, 0, 1, 2):
        others = tuple(a for a in range(3) if a != axis)
        reach = int(np.ceil(_THIN_GAP / work.spacing[axis])) + 1
        near = [ndimage.binary_dilation(mask.any(axis=others), iterations=reach) for mask in (here, there)]
        both = np.flatnonzero(near[0] & near[1])
        if both.size == 0:
            return None, here, there
        cut = tuple(slice(both[0], both[-1] + 1) if a == axis else slice(None) for a in range(3))
        start = box[axis].start
        box = tuple(slice(start + both[0], start + both[-1] + 1) if a == axis else box[a] for a in range(3))
        here, there = here[cut], there[cut]
    return (box, here, there) if here.any() and there.any() else (None, here, there)


def _ways(kji: np.ndarray, mask: np.ndarray, reach: np.ndarray, spacing: np.ndarray) -> np.ndarray:
    """The shortest ways from voxels [N, 3] of a mask's box to it, in mm [N, 3]; infinite if longer than a thin gap.

    Args:
        reach: voxels to a thin gap's width along each axis.
    """
    around = np.indices(2 * reach + 1).reshape(3, -1).T - reach
    lengths = np.linalg.norm(around * spacing, axis=1)
    padded = np.pad(mask, [(n, n) for n in reach])
    held, strides = padded.ravel(), np.array(padded.strides)
    places, steps = (kji + reach) @ strides, around @ strides
    found, left = np.full((len(kji), 3), np.inf), np.arange(len(kji))
    for number in np.argsort(lengths)[: np.count_nonzero(lengths <= _THIN_GAP + 1e-6)]:
        met = held[places[left] + steps[number]]
        found[left[met]] = around[number] * spacing
        left = left[~met]
    return found


def _facing(here: np.ndarray, there: np.ndarray) -> np.ndarray:
    """Whether ways [N, 3] to two surfaces lead in opposite directions: in the crook between them they do not."""
    lengths = np.linalg.norm(here, axis=1) * np.linalg.norm(there, axis=1)
    return (here * there).sum(axis=1) < _OPPOSITE * lengths


def _mostly(
    kji: np.ndarray, chosen: np.ndarray, among: np.ndarray, shape: tuple[int, ...], size: np.ndarray
) -> np.ndarray:
    """Around which voxels [N, 3], in a box of a size, most of those among others are chosen.

    On the steps of a surface the nearest voxel lies aside, so that single voxels say little.
    """
    shares = []
    for which in (chosen, among):
        mask = np.zeros(shape, dtype=np.float32)
        mask[tuple(kji[which].T)] = 1.0
        shares.append(ndimage.uniform_filter(mask, size, mode="constant")[tuple(kji.T)])
    return shares[0] > 0.5 * shares[1]


def _attached(mask: np.ndarray, to: np.ndarray) -> np.ndarray:
    """The pieces of a mask that touch another: behind a corner the nearer structure may be out of reach."""
    pieces, _ = ndimage.label(mask, structure=np.ones((3, 3, 3)))
    return mask & np.isin(pieces, np.unique(pieces[widened(to)]))


def _lead(work: Workspace, key: str, box: Box, begin: np.ndarray, end: np.ndarray) -> None:
    """Fill a short tube between two places (mm from the box's first voxel) with what is nobody's."""
    radius = max(_BRIDGE_RADIUS, float(work.spacing.max()))
    low = np.maximum(np.floor((np.minimum(begin, end) - radius) / work.spacing).astype(int), 0)
    high = np.ceil((np.maximum(begin, end) + radius) / work.spacing).astype(int) + 1
    part = tuple(slice(s.start + int(a), min(s.start + int(b), s.stop)) for s, a, b in zip(box, low, high, strict=True))
    shape = tuple(s.stop - s.start for s in part)
    places = (np.indices(shape).reshape(3, -1).T + low) * work.spacing
    way = end - begin
    along = np.clip((places - begin) @ way / max(float(way @ way), 1e-9), 0.0, 1.0)
    near = np.linalg.norm(places - begin - along[:, None] * way, axis=1) <= radius
    work.give(key, part, near.reshape(shape) & (work.holder[part] == 0))


def _middle(mask: np.ndarray, spacing: np.ndarray) -> np.ndarray:
    return np.array(ndimage.center_of_mass(mask)) * spacing
