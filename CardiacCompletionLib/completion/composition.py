"""From fields to voxels: inferred structures take their place beside the trusted ones, which stay as they are."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from scipy import ndimage

from CardiacCompletionLib.anatomy.heart import Heart
from CardiacCompletionLib.anatomy.vocabulary import Vocabulary
from CardiacCompletionLib.completion.continuation import continued_values, joined_part
from CardiacCompletionLib.completion.field import SampledField
from CardiacCompletionLib.completion.joining import SIGHT, bridge, close_gap, keep_inside, line
from CardiacCompletionLib.completion.vessel_tree import draw_vessels, vessel_courses
from CardiacCompletionLib.completion.workspace import Workspace
from CardiacCompletionLib.errors import CompletionError
from CardiacCompletionLib.geometry.cut import CutFace
from CardiacCompletionLib.geometry.lattice import resampled
from CardiacCompletionLib.geometry.region import Region

_SPECK_FRACTION = 0.02
# Of the box that holds all that is inferred: a heart at a third of a millimetre.
_MOST_VOXELS = 150_000_000


@dataclass(frozen=True)
class Composition:
    """A completed heart.

    Attributes:
        heart: trusted and inferred structures on the input's grid, grown where needed.
        continued: key -> voxels, on the same grid, by which a trusted structure goes on beyond its cut.
        courses: key -> the ways along which a vessel that lies on others was drawn, each [M, 3] in voxels (k, j, i).
    """

    heart: Heart
    continued: Mapping[str, Region]
    courses: Mapping[str, Sequence[np.ndarray]]


def compose(
    trusted: Heart,
    fields: Mapping[str, SampledField],
    vocabulary: Vocabulary,
    cuts: Mapping[str, Sequence[CutFace]] | None = None,
    check: Callable[[], None] = lambda: None,
) -> Composition:
    """Lay fields onto the trusted heart's grid, grown by whole voxels to hold every inferred structure.

    Each voxel that no trusted structure holds goes to the inferred structure it lies deepest in, if any. Then what
    anatomy knows is seen to: see :mod:`CardiacCompletionLib.completion.joining`.

    Args:
        fields: of the structures to infer, and of trusted ones that are cut off.
        cuts: faces beyond which a trusted structure is continued.
        check: called often; what it raises ends the work.

    Raises:
        CompletionError: if the grid would become larger than memory allows.
    """
    cuts = {key: faces for key, faces in (cuts or {}).items() if key in fields and faces}
    fields = {key: field for key, field in fields.items() if key not in trusted.regions or key in cuts}
    if not fields:
        return Composition(trusted, {}, {})
    extents = {key: _extent(field, trusted.ijk_to_ras) for key, field in fields.items()}
    first = np.min([low for low, _ in extents.values()], axis=0)
    last = np.max([high for _, high in extents.values()], axis=0)
    lower, upper = np.minimum(0, first), np.maximum(trusted.shape, last)
    if np.prod((last - first).astype(float)) > _MOST_VOXELS:
        raise CompletionError(
            f"The voxels are too fine for a whole heart ({trusted.spacing.min():.2g} mm): resample the segmentation "
            "to 0.5 mm or more."
        )
    grown = _grown(trusted, lower, upper)
    # What the structures meet just outside their own box is looked at, too.
    margin = np.ceil(SIGHT / trusted.spacing[::-1]).astype(int)
    begin, end = np.maximum(first - margin, lower) - lower, np.minimum(last + margin, upper) - lower
    work = Workspace.around(grown, begin, end, tuple(fields))
    # What lies on top, such as coronary arteries, is painted last, over what it lies on.
    for key in sorted(fields, key=lambda key: vocabulary[key].on_top):
        check()
        low, high = (extent - lower for extent in extents[key])
        values = on_grid(fields[key], grown.ijk_to_ras, low, high)
        if key in cuts:
            values = continued_values(values, fields[key], grown.regions[key], cuts[key], grown.ijk_to_ras, low)
        work.paint(key, low - work.first, values, vocabulary[key].on_top)
    work.forget_depths()
    courses = _drawn_vessels(work, fields, vocabulary, grown, check)
    _see_to_anatomy(work, vocabulary, grown, cuts, check)
    found = work.regions()
    inferred = {key: region for key, region in found.items() if key not in cuts}
    heart = Heart({**grown.regions, **inferred}, grown.shape, grown.ijk_to_ras)
    return Composition(heart, {key: region for key, region in found.items() if key in cuts}, courses)


def _drawn_vessels(
    work: Workspace,
    fields: Mapping[str, SampledField],
    vocabulary: Vocabulary,
    heart: Heart,
    check: Callable[[], None],
) -> dict[str, list[np.ndarray]]:
    """Courses of what lies on top, in voxels of the grid, once it is drawn along them."""
    found = {}
    for key in (key for key in fields if vocabulary[key].on_top and work.is_inferred(key)):
        check()
        box = work.box_of(key, SIGHT)
        low, high = (work.first + [getattr(s, end) for s in box] for end in ("start", "stop"))
        heights = on_grid(fields[key], heart.ijk_to_ras, low, high)
        courses = vessel_courses(work, vocabulary[key], heights, box)
        draw_vessels(work, key, courses)
        found[key] = [course + work.first for course in courses]
    return found


def _see_to_anatomy(
    work: Workspace,
    vocabulary: Vocabulary,
    heart: Heart,
    cuts: Mapping[str, Sequence[CutFace]],
    check: Callable[[], None],
) -> None:
    for structure in vocabulary:
        if structure.lines is not None:
            keep_inside(work, structure.lines, structure.key)
            line(work, structure.lines, structure.key, vocabulary)
    for key in work.inferred:
        check()
        if key in cuts:
            region, faces = heart.regions[key], cuts[key]
            work.filter(key, partial(joined_part, region=region, faces=faces, ijk_to_ras=heart.ijk_to_ras))
        else:
            work.filter(key, lambda mask, _, pieces=vocabulary[key].pieces: without_specks(mask, pieces))
    for structure in vocabulary:
        check()
        if structure.springs_from is not None:
            bridge(work, structure.key, structure.springs_from)
        for other in structure.touches:
            close_gap(work, structure.key, other)


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


def on_grid(field: SampledField, ijk_to_ras: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Field values at voxels low to high (k, j, i), infinite beyond the field; lattice and grid share their axes."""
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
