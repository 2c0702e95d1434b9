"""What lies beyond a cut: the inferred field of a cut structure, led to the trusted part and joined to it.

The field need not meet the cut face exactly. Close to the face it is shifted and widened so that its section is as the
face is, and blended with the face carried straight on; a few radii farther it is itself again.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.ndimage import label, map_coordinates
from scipy.spatial import cKDTree

from CardiacCompletionLib.completion.field import SampledField
from CardiacCompletionLib.completion.topology import widened
from CardiacCompletionLib.geometry.cut import CutFace
from CardiacCompletionLib.geometry.region import Region

# The field's section must come this near to the face, in mm beyond both radii, to be its continuation.
_REACH = 6.0
_SECTION_STEP = 1.0
# The least length of a continuation in mm; less is what a plane through voxels leaves over. Where nothing but a flat
# end says that something was cut off, the model must see a good deal more: vessels also end flat where a tool stopped.
_SHORTEST = 3.0
_SHORTEST_IF_DOUBTFUL = 15.0


def continued_values(
    values: np.ndarray,
    field: SampledField,
    region: Region,
    faces: Sequence[CutFace],
    ijk_to_ras: np.ndarray,
    low: np.ndarray,
) -> np.ndarray:
    """The field of a cut structure as it counts: led to its faces, and infinite wherever it is not beyond a cut.

    Args:
        values: float32 [k, j, i], mm, the field on voxels from index ``low`` on.
        field: where it was sampled.
        region: the trusted part, on the same grid as ``low`` counts on.
    """
    lattice = ijk_to_ras[:3, :3][:, ::-1]
    voxel = float(np.linalg.norm(lattice, axis=0).max())
    continued = np.full_like(values, np.inf)
    sections = [(face, *section) for face in faces if (section := _section(field, face)) is not None]
    if not sections:
        return continued
    slack = max(np.linalg.norm(shift) + abs(wider) for _, shift, wider in sections) + 2.0 * voxel
    kji = np.argwhere(values < slack)
    ras = (kji + low) @ lattice.T + ijk_to_ras[:3, 3]
    beyond = _beyond(ras, region, faces, ijk_to_ras, voxel)
    kji, ras = kji[beyond], ras[beyond]
    moved, widened = np.zeros_like(ras), np.zeros(len(ras))
    for face, shift, wider in sections:
        length = max(2.0 * face.radius, 3.0 * float(np.linalg.norm(shift)), 5.0)
        away = np.linalg.norm(ras - face.point, axis=1) - face.radius
        weight = np.clip(1.0 - away / length, 0.0, 1.0) ** 2
        moved += weight[:, None] * shift
        widened += weight * wider
    result = _sampled(field, ras + moved) + widened
    for face, _, _ in sections:
        height = face.height(ras)
        length = max(2.0 * voxel, 0.5 * face.radius)
        weight = np.clip(1.0 - height / length, 0.0, 1.0)
        weight[np.linalg.norm(ras - face.point, axis=1) > 2.0 * face.radius + length] = 0.0
        back = ras - (height + 1.0 * voxel)[:, None] * face.normal
        carried_on = -2.0 * voxel * (_occupancy(region, back, ijk_to_ras) - 0.5)
        result = np.where(weight > 0, (1 - weight) * result + weight * carried_on, result)
    continued[tuple(kji.T)] = result
    return continued


def joined_part(
    mask: np.ndarray, start: np.ndarray, region: Region, faces: Sequence[CutFace], ijk_to_ras: np.ndarray
) -> np.ndarray:
    """The pieces of a continuation (voxels from ``start`` on) that begin at a face and lead well away from it.

    Args:
        region: the trusted part, which the pieces have to touch.
    """
    beside = widened(region.cropped(start - 1, start + mask.shape + 1))[1:-1, 1:-1, 1:-1]
    lattice = ijk_to_ras[:3, :3][:, ::-1]
    voxel = float(np.linalg.norm(lattice, axis=0).max())
    pieces, count = label(mask, structure=np.ones((3, 3, 3)))
    kept = np.zeros_like(mask)
    for number in range(1, count + 1):
        piece = pieces == number
        if not (piece & beside).any():
            continue
        ras = (np.argwhere(piece) + start) @ lattice.T + ijk_to_ras[:3, 3]
        for face in faces:
            height = face.height(ras)
            near = np.linalg.norm(ras - face.point, axis=1) < 2.0 * face.radius + 2.0 * voxel
            begins = (near & (np.abs(height) < 1.5 * voxel)).any()
            shortest = _SHORTEST if face.certain else max(_SHORTEST_IF_DOUBTFUL, 2.0 * face.radius)
            if begins and height.max() > max(shortest, 2.0 * voxel):
                kept |= piece
                break
    return kept


def _section(field: SampledField, face: CutFace) -> tuple[np.ndarray, float] | None:
    """How the field's section lies to a face: shift [3] in mm, and how much wider its radius is; None if it misses."""
    half = int(np.ceil((face.radius + 3.0 * _REACH) / _SECTION_STEP))
    steps = np.arange(-half, half + 1) * _SECTION_STEP
    first = np.linalg.svd(face.normal[None])[2][1]
    second = np.cross(face.normal, first)
    u, v = np.meshgrid(steps, steps, indexing="ij")
    ras = face.point + u[..., None] * first + v[..., None] * second
    pieces, count = label(_sampled(field, ras.reshape(-1, 3)).reshape(u.shape) < 0)
    best = None
    for number in range(1, count + 1):
        inside = pieces == number
        radius = float(np.sqrt(inside.sum() * _SECTION_STEP**2 / np.pi))
        shift = u[inside].mean() * first + v[inside].mean() * second
        gap = float(np.linalg.norm(shift)) - radius - face.radius
        if gap < _REACH and (best is None or gap < best[0]):
            best = (gap, shift, radius - face.radius)
    return best[1:] if best is not None else None


def _beyond(
    ras: np.ndarray, region: Region, faces: Sequence[CutFace], ijk_to_ras: np.ndarray, voxel: float
) -> np.ndarray:
    """Bool [N]: beyond a face, and for faces inside the image also nearer to it than to the rest of the structure."""
    lattice = ijk_to_ras[:3, :3][:, ::-1]
    kji = np.argwhere(region.mask) + region.start
    places = kji @ lattice.T + ijk_to_ras[:3, 3]
    at_face = np.zeros(len(places), dtype=bool)
    for face in faces:
        flat = np.flatnonzero(np.abs(face.height(places)) < 1.5 * voxel)
        at_face[flat] |= np.linalg.norm(places[flat] - face.point, axis=1) < 2.0 * face.radius
    ahead = np.zeros(len(ras), dtype=bool)
    for face in faces:
        height = face.height(ras)
        if face.border:
            ahead |= height > 0
            continue
        candidates = np.flatnonzero((height > 0) & ~ahead)
        if candidates.size and at_face.any():
            shell = _shell(region)
            tree = cKDTree(places[shell])
            _, nearest = tree.query(ras[candidates])
            ahead[candidates] |= at_face[shell][nearest]
    return ahead


def _shell(region: Region) -> np.ndarray:
    """Of the voxels in the order of ``argwhere``, those that have a neighbour outside."""
    padded = np.pad(region.mask, 1)
    inner = region.mask.copy()
    for axis in range(3):
        for step in (-1, 1):
            inner &= np.roll(padded, step, axis)[1:-1, 1:-1, 1:-1]
    return ~inner[region.mask]


def _sampled(field: SampledField, ras: np.ndarray) -> np.ndarray:
    """The field at RAS mm points [N, 3]; infinite beyond its lattice."""
    nodes = np.linalg.solve(field.lattice.steps, (ras - field.lattice.origin).T)
    return map_coordinates(field.values, nodes, order=1, mode="constant", cval=1e3)


def _occupancy(region: Region, ras: np.ndarray, ijk_to_ras: np.ndarray) -> np.ndarray:
    """How much of a trusted structure is at RAS mm points [N, 3], 0 to 1."""
    inverse = np.linalg.inv(ijk_to_ras)
    kji = (ras @ inverse[:3, :3].T + inverse[:3, 3])[:, ::-1] - region.start
    return map_coordinates(region.mask.astype(np.float32), kji.T, order=1, mode="constant")
