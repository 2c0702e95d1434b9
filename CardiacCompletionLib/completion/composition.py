"""From fields to voxels: inferred structures take their place beside the trusted ones, which stay as they are."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy import ndimage

from CardiacCompletionLib.anatomy.heart import Heart
from CardiacCompletionLib.anatomy.vocabulary import Vocabulary
from CardiacCompletionLib.completion.field import SampledField
from CardiacCompletionLib.geometry.lattice import resampled
from CardiacCompletionLib.geometry.region import Region

_SPECK_FRACTION = 0.02


def compose(trusted: Heart, fields: Mapping[str, SampledField], vocabulary: Vocabulary) -> Heart:
    """The completed heart on the trusted heart's grid, grown by whole voxels to hold every inferred structure.

    Each voxel that no trusted structure holds goes to the inferred structure it lies deepest in, if any.
    """
    if not fields:
        return trusted
    extents = {key: _extent(field, trusted.ijk_to_ras) for key, field in fields.items()}
    lower = np.minimum(0, np.min([low for low, _ in extents.values()], axis=0)).astype(int)
    upper = np.maximum(trusted.shape, np.max([high for _, high in extents.values()], axis=0)).astype(int)
    grown = _grown(trusted, lower, upper)
    first = np.min([low for low, _ in extents.values()], axis=0) - lower
    last = np.max([high for _, high in extents.values()], axis=0) - lower
    # Only the box of the inferred structures is worked on: a scan can be much larger than a heart.
    deepest = np.zeros(last - first, dtype=np.float32)
    owner = np.zeros(last - first, dtype=np.uint8)
    for number, (key, field) in enumerate(fields.items(), start=1):
        low, high = (extent - lower - first for extent in extents[key])
        box = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
        values = _on_grid(field, grown.ijk_to_ras, low + first, high + first)
        wins = values < deepest[box]
        deepest[box][wins] = values[wins]
        owner[box][wins] = number
    taken = np.zeros(grown.shape, dtype=bool)
    for region in grown.regions.values():
        taken[region.box] |= region.mask
    owner[taken[tuple(slice(a, b) for a, b in zip(first, last, strict=True))]] = 0
    regions = dict(grown.regions)
    for number, key in enumerate(fields, start=1):
        region = Region.of_mask(without_specks(owner == number, vocabulary[key].pieces))
        if region is not None:
            regions[key] = region.shifted(tuple(int(v) for v in first))
    return Heart(regions, grown.shape, grown.ijk_to_ras)


def without_specks(mask: np.ndarray, pieces: int) -> np.ndarray:
    """The largest connected pieces of a mask, at most as many as anatomy has; tiny ones never count."""
    labelled, count = ndimage.label(mask, structure=np.ones((3, 3, 3)))
    if count <= 1:
        return mask
    sizes = np.bincount(labelled.ravel())[1:]
    largest = np.argsort(sizes)[::-1][:pieces]
    kept = largest[sizes[largest] >= _SPECK_FRACTION * sizes.max()] + 1
    return np.isin(labelled, kept)


def _extent(field: SampledField, ijk_to_ras: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """First and one-past-last voxel (k, j, i) that can lie inside the field."""
    inside = np.argwhere(field.values < 0)
    corners = np.array([inside.min(axis=0) - 1, inside.max(axis=0) + 1])
    kji = _to_kji(field.lattice.points(corners), ijk_to_ras)
    return np.floor(kji.min(axis=0)).astype(int), np.ceil(kji.max(axis=0)).astype(int) + 1


def _to_kji(ras: np.ndarray, ijk_to_ras: np.ndarray) -> np.ndarray:
    inverse = np.linalg.inv(ijk_to_ras)
    return (ras @ inverse[:3, :3].T + inverse[:3, 3])[:, ::-1]


def _on_grid(field: SampledField, ijk_to_ras: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Field values at voxels low to high (k, j, i); lattice and grid share their axes."""
    lattice = field.lattice
    origin = np.linalg.solve(lattice.steps, ijk_to_ras[:3, 3] - lattice.origin)
    step = np.diag(np.linalg.solve(lattice.steps, ijk_to_ras[:3, :3][:, ::-1]))
    positions = tuple(origin[a] + step[a] * np.arange(low[a], high[a]) for a in range(3))
    outside = [(p < 0) | (p > n - 1) for p, n in zip(positions, field.values.shape, strict=True)]
    values = resampled(field.values, positions)
    for axis, beyond in enumerate(outside):
        values[tuple(beyond if a == axis else slice(None) for a in range(3))] = np.inf
    return values


def _grown(heart: Heart, lower: np.ndarray, upper: np.ndarray) -> Heart:
    """The same heart on a grid from voxel ``lower`` to ``upper`` (k, j, i; one past the last)."""
    moved = heart.ijk_to_ras.copy()
    moved[:3, 3] += heart.ijk_to_ras[:3, :3] @ lower[::-1]
    regions = {key: region.shifted(tuple(int(v) for v in -lower)) for key, region in heart.regions.items()}
    return Heart(regions, tuple(int(v) for v in upper - lower), moved)
