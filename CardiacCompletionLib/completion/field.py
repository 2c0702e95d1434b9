"""A signed distance field on a lattice, evaluated only where its surface can be.

Coarse to fine: the field is asked at every node of a coarse lattice; each refinement asks only at new nodes whose
interpolated value is smaller than what the field can change between known nodes (its Lipschitz constant times half the
cell's diagonal), and smaller than what interpolation errs as the known nodes' second differences have it, with room to
spare; all other nodes keep the interpolated value, whose sign is then certain. So the walls of a chamber are asked in a
thin shell. A structure thinner than a cell bends between nodes as they do not tell: there the first bound stands alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import maximum_filter

from CardiacCompletionLib.geometry.lattice import Lattice, upsampled

# A distance field changes by 1 mm per mm; learned fields faster, most of all those of thin vessels along walls.
LIPSCHITZ = 1.6
# Nodes from the middle of the first lattice to its end, about: few, for none is left out there.
_FIRST_NODES = 7.0
# Interpolation errs by no more than so many times what second differences say, and by so many mm: at one and a half
# times appendages and veins come out different, at twice nothing does that is wider than a coronary artery.
_ROOM, _LEAST_ERROR = 2.5, 0.03

Ask = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class SampledField:
    """Values float32 [k, j, i] in mm (inside < 0) at the nodes of a lattice that holds the whole surface."""

    values: np.ndarray
    lattice: Lattice


def coarse_lattice(
    center: np.ndarray, half_extent: float, spacing: float, directions: np.ndarray
) -> tuple[Lattice, int]:
    """The lattice to begin with, and how many halvings lead to ``spacing``; all lengths in mm."""
    halvings = max(0, round(float(np.log2(half_extent / _FIRST_NODES / spacing))))
    return Lattice.around(center, half_extent, spacing * 2**halvings, directions), halvings


def sample_field(
    ask: Ask, lattice: Lattice, halvings: int, first: np.ndarray | None = None, thin: bool = False
) -> SampledField | None:
    """The field at ``halvings`` times halved spacing; None where it has no inside.

    Args:
        ask: RAS mm points [N, 3] -> signed distance [N] in mm.
        lattice: coarse lattice that holds the surface.
        first: the field at its nodes [k, j, i], if it is known already.
        thin: whether the structure is thinner than the nodes are apart.
    """
    values = ask(lattice.all_points()).reshape(lattice.shape) if first is None else first
    values = values.astype(np.float32)
    for _ in range(halvings):
        bound = LIPSCHITZ * np.linalg.norm(lattice.steps.sum(axis=1)) / 2
        box = _bounding_box(values < bound)
        if box is None:
            return None
        lattice = lattice.cropped(np.array([s.start for s in box]), tuple(s.stop - s.start for s in box)).refined()
        coarse, values = values[box], upsampled(values[box])
        new = np.abs(values) < bound
        if not thin:
            error = _spread(_interpolation_error(coarse), values.shape)
            new &= np.abs(values) < _ROOM * error + _LEAST_ERROR
        new[::2, ::2, ::2] = False
        kji = np.argwhere(new)
        values[tuple(kji.T)] = ask(lattice.points(kji))
    return SampledField(values, lattice) if (values < 0).any() else None


def _interpolation_error(values: np.ndarray) -> np.ndarray:
    """How far linear interpolation half-way between nodes may be off: an eighth of the second differences, added up."""
    error = np.zeros_like(values)
    for axis in range(3):
        lines, sums = np.moveaxis(values, axis, 0), np.moveaxis(error, axis, 0)
        sums[1:-1] += np.abs(lines[2:] - 2 * lines[1:-1] + lines[:-2]) / 8
    return error


def _spread(values: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray:
    """Values of coarse nodes on the lattice twice as fine: the largest of a node and its neighbours."""
    wide = maximum_filter(values, size=3).repeat(2, 0).repeat(2, 1).repeat(2, 2)
    return wide[: shape[0], : shape[1], : shape[2]]


def _bounding_box(mask: np.ndarray) -> tuple[slice, slice, slice] | None:
    """The box around true nodes, one node wider where there is room."""
    box = []
    for axis in range(3):
        occupied = np.flatnonzero(mask.any(axis=tuple(a for a in range(3) if a != axis)))
        if occupied.size == 0:
            return None
        box.append(slice(max(int(occupied[0]) - 1, 0), min(int(occupied[-1]) + 2, mask.shape[axis])))
    return tuple(box)
