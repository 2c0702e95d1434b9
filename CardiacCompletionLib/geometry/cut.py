"""Where a structure was cut off: flat contact with the border of its grid, and planar caps inside it.

A cap is a patch of surface that lies in one plane to within half a voxel and ends in a sharp rim: behind the rim the
surface turns away from the plane, whereas around the flattest patch of a rounded structure it bends away gently.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import islice

import numpy as np
from scipy.ndimage import label
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from CardiacCompletionLib.geometry.region import Region
from CardiacCompletionLib.geometry.surface import Surface

# A rounded end that just touches the border has a third as many voxels in its last slice as in the one before.
_FLAT_CONTACT = 0.6
_FEWEST_VOXELS = 3
# Caps: half the thickness of the plane and the least radius, in voxels; the smallest area in mm2.
_THICKNESS = 0.6
_LEAST_RADIUS = 2.5
_LEAST_AREA = 20.0
# Cosines: how far normals stray within a cap; how far the surface behind a cap's rim still faces as the cap does.
_STRAY = 0.9
_STRAIGHT = 0.97
_STEADY = 0.99995
_COARSEST = 3.0
_BLUNT = 0.5
# How far normals turn from a cap's middle to its rim at most, in radians.
_BULGE = 0.3
_SLENDER = 0.35
_SECTORS = 6
_RING = 0.5
# How much larger the section just behind a cap may be than the cap: the last slice of a rounded end is a small one.
_WIDENING = 1.7
# At how many places to look, at every how many points of a plane that has been found, on a surface of how many points.
_TRIES = 60
_STRIDE = 5
_POINTS = 1800


@dataclass(frozen=True)
class CutFace:
    """A flat face at which a structure was cut off.

    Attributes:
        point: RAS mm [3], the middle of the face, on its plane.
        normal: unit vector [3] in RAS, away from what is left of the structure.
        points: RAS mm [N, 3], points spread over the face.
        area: mm2.
        border: whether the face is the border of the grid.
        certain: whether there is no doubt that something was cut off here: at the border, or because a user says so.
    """

    point: np.ndarray
    normal: np.ndarray
    points: np.ndarray
    area: float
    border: bool
    certain: bool

    @property
    def radius(self) -> float:
        """Of a disc of the same area, in mm."""
        return float(np.sqrt(self.area / np.pi))

    def height(self, ras: np.ndarray) -> np.ndarray:
        """How far RAS mm points [..., 3] lie beyond the plane, in mm."""
        return (ras - self.point) @ self.normal


def border_cuts(
    region: Region, shape: tuple[int, int, int], ijk_to_ras: np.ndarray, flat: bool = True
) -> list[CutFace]:
    """Faces in which a structure leaves its grid (shape k, j, i), one per connected patch.

    Args:
        flat: whether a rounded end that just touches the border does not count.
    """
    lattice = np.asarray(ijk_to_ras)[:3, :3][:, ::-1]
    faces = []
    for axis in range(3):
        sides = lattice[:, axis - 2], lattice[:, axis - 1]
        across = np.cross(*sides)
        across *= np.sign(across @ lattice[:, axis])
        slices = np.moveaxis(region.mask, axis, 0)
        for end, at_border in ((0, region.start[axis] == 0), (-1, _last(region, axis) == shape[axis] - 1)):
            if not at_border:
                continue
            inner = slices[(1 if end == 0 else -2)] if len(slices) > 1 else slices[end]
            for patch in _patches(slices[end], inner, flat):
                kji = np.insert(np.argwhere(patch), axis, 0 if end == 0 else len(slices) - 1, axis=1).astype(float)
                kji[:, axis] += -0.5 if end == 0 else 0.5
                points = (kji + region.start) @ lattice.T + np.asarray(ijk_to_ras)[:3, 3]
                normal = across / np.linalg.norm(across) * (-1 if end == 0 else 1)
                area = float(len(kji) * np.linalg.norm(across))
                faces.append(CutFace(points.mean(axis=0), normal, points, area, border=True, certain=True))
    return faces


def level_ends(region: Region, ijk_to_ras: np.ndarray) -> list[CutFace]:
    """Faces in which a structure ends flat in a slice of its image, as no valve does: somebody erased what follows."""
    own = np.array(ijk_to_ras, dtype=float)
    own[:3, 3] += own[:3, :3] @ np.array(region.start)[::-1]
    faces = border_cuts(Region(region.mask, (0, 0, 0)), region.mask.shape, own)
    return [replace(face, border=False, certain=False) for face in faces]


def planar_caps(surface: Surface, ijk_to_ras: np.ndarray) -> list[CutFace]:
    """Flat faces with a sharp rim on a surface, the largest first; the border of the grid is not looked at.

    In voxels larger than 3 mm nothing can be told from anything, and none are found.
    """
    lattice = np.asarray(ijk_to_ras)[:3, :3]
    if len(surface.points) < 10 or np.cbrt(abs(np.linalg.det(lattice))) > _COARSEST:
        return []
    thinned = surface.resampled(_POINTS) if len(surface.points) > _POINTS else surface
    reach = max(2.2 * float(np.linalg.norm(lattice, axis=0).max()), 2.2 * np.sqrt(float(np.median(thinned.areas))))
    tree = cKDTree(thinned.points)
    pairs = tree.query_pairs(reach, output_type="ndarray").T
    caps: list[CutFace] = []
    taken = np.zeros(len(thinned.points), dtype=bool)

    def look(seed: int) -> None:
        taken[seed] = True
        patch = _grown(thinned, tree, pairs, seed, lattice)
        if patch is None:
            return
        taken[patch] = True
        cap = _cap(thinned, patch, lattice, reach)
        if cap is not None:
            caps.append(cap)

    promising = (seed for seed in _flattest(thinned, tree, reach) if _is_flat_around(thinned, tree, seed, lattice))
    for seed in islice(promising, _TRIES):
        if not taken[seed]:
            look(seed)
    # What cuts one leg of a vessel often cuts the other too.
    for cap in list(caps):
        level = np.abs(cap.height(thinned.points)) < _THICKNESS * _thickness(cap.normal, lattice)
        for seed in np.flatnonzero(level & (thinned.normals @ cap.normal > _STRAIGHT))[::_STRIDE]:
            if not taken[seed]:
                look(int(seed))
    return sorted(caps, key=lambda cap: -cap.area)


def off_faces(surface: Surface, faces: list[CutFace], ijk_to_ras: np.ndarray) -> Surface:
    """The surface without the points that lie on the faces: a cut is not a wall."""
    voxel = float(np.linalg.norm(np.asarray(ijk_to_ras)[:3, :3], axis=0).max())
    keep = np.ones(len(surface.points), dtype=bool)
    for face in faces:
        if face.border:
            continue
        near = np.flatnonzero(np.abs(face.height(surface.points)) < 1.2 * _thickness(face.normal, ijk_to_ras))
        apart = 1.5 * voxel + 2.0 * np.sqrt(face.area / max(len(face.points), 1))
        distance, _ = cKDTree(face.points).query(surface.points[near], distance_upper_bound=apart)
        keep[near[np.isfinite(distance) & (surface.normals[near] @ face.normal > 0.5)]] = False
    return Surface(surface.points[keep], surface.normals[keep], surface.areas[keep])


def _last(region: Region, axis: int) -> int:
    return region.start[axis] + region.mask.shape[axis] - 1


def _patches(outer: np.ndarray, inner: np.ndarray, flat: bool) -> list[np.ndarray]:
    """Connected patches of the outermost slice, or only those that the next slice does not widen much."""
    patches, count = label(outer, structure=np.ones((3, 3)))
    insides, _ = label(inner, structure=np.ones((3, 3)))
    found = []
    for number in range(1, count + 1):
        patch = patches == number
        behind = np.isin(insides, np.setdiff1d(insides[patch], [0]))
        if not flat or patch.sum() >= max(_FEWEST_VOXELS, _FLAT_CONTACT * behind.sum()):
            found.append(patch)
    return found


def _thickness(normal: np.ndarray, ijk_to_ras: np.ndarray) -> float:
    """The extent of a voxel along a direction, in mm."""
    return float(np.linalg.norm(normal @ np.asarray(ijk_to_ras)[:3, :3]))


def _flattest(surface: Surface, tree: cKDTree, reach: float) -> np.ndarray:
    """The points in the order of how little the surface bends around them in any direction."""
    here, there = tree.query_pairs(1.4 * reach, output_type="ndarray").T
    offset = surface.points[there] - surface.points[here]
    turned = surface.normals[there] - surface.normals[here]
    count = len(surface.points)
    square, product = np.zeros((2, count, 3, 3))
    for a in range(3):
        for b in range(3):
            for sums, values in ((square, offset[:, a] * offset[:, b]), (product, offset[:, a] * turned[:, b])):
                # From the other end of a pair both offset and turn change sign, their product does not.
                sums[:, a, b] = np.bincount(here, values, count) + np.bincount(there, values, count)
    bending = np.linalg.solve(square + 1e-3 * reach**2 * np.eye(3), product)
    return np.argsort(np.linalg.norm(bending, axis=(1, 2)))


def _plane_around(surface: Surface, tree: cKDTree, seed: int, lattice: np.ndarray) -> tuple[np.ndarray, ...]:
    """Indices of the points around a seed, their middle and mean normal: on stairs, single normals are unsure."""
    voxel = _thickness(surface.normals[seed], lattice)
    near = np.array(tree.query_ball_point(surface.points[seed], 1.2 * _LEAST_RADIUS * voxel))
    normal = surface.normals[near].sum(axis=0)
    return near, surface.points[near].mean(axis=0), normal / max(float(np.linalg.norm(normal)), 1e-9)


def _is_flat_around(surface: Surface, tree: cKDTree, seed: int, lattice: np.ndarray) -> bool:
    """Whether the nearest surroundings of a point lie in one plane: a quick look before a patch is grown."""
    near, point, normal = _plane_around(surface, tree, seed, lattice)
    slab = np.abs((surface.points[near] - point) @ normal) < _THICKNESS * _thickness(normal, lattice)
    return bool((slab & (surface.normals[near] @ normal > _STRAY)).mean() > 0.8)


def _grown(surface: Surface, tree: cKDTree, pairs: np.ndarray, seed: int, lattice: np.ndarray) -> np.ndarray | None:
    """Bool [N]: the connected points around a seed that lie in one plane; None if they are too few."""
    near, point, normal = _plane_around(surface, tree, seed, lattice)
    away = np.linalg.norm(surface.points - surface.points[seed], axis=1)
    radius, farthest = float(away[near].max()), float(away.max())
    while True:
        radius *= 1.6
        slab = np.abs((surface.points - point) @ normal) < _THICKNESS * _thickness(normal, lattice)
        slab &= surface.normals @ normal > _STRAY
        patch = slab & (away < radius)
        if patch.sum() < 5:
            return None
        before = normal
        point, axes, extent, bend = _form(surface, patch)
        # Most places lie on walls, which even a small patch shows.
        if bend > 2.0 * _BULGE:
            return None
        normal = axes[2] * np.sign(axes[2] @ normal)
        if radius > farthest or (extent[0] < 0.5 * radius and before @ normal > _STEADY):
            patch = _connected(slab, pairs, seed)
            return patch if patch.sum() >= 5 else None


def _form(surface: Surface, patch: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """Of a patch: middle [3]; axes [3, 3] as rows, the normal last; half length and width; how its normals turn."""
    points, areas = surface.points[patch], surface.areas[patch]
    middle = areas @ points / areas.sum()
    offset = points - middle
    axes = np.linalg.eigh(offset.T @ (offset * areas[:, None]))[1].T[::-1]
    place = offset @ axes[:2].T
    squares = place**2
    extent = 2.0 * np.sqrt(areas @ squares / areas.sum())
    slope = (place * (surface.normals[patch] @ axes[:2].T)).sum(axis=0) / np.maximum(squares.sum(axis=0), 1e-9)
    return middle, axes, extent, float((np.abs(slope) * extent).max())


def _connected(among: np.ndarray, pairs: np.ndarray, seed: int) -> np.ndarray:
    """Bool [N]: those of the points that are connected to a seed."""
    reached = np.zeros(len(among), dtype=bool)
    if not among[seed]:
        return reached
    here, there = pairs
    both = among[here] & among[there]
    chosen = np.flatnonzero(among)
    number = np.zeros(len(among), dtype=np.int32)
    number[chosen] = np.arange(len(chosen), dtype=np.int32)
    ends = (number[here[both]], number[there[both]])
    graph = csr_matrix((np.ones(len(ends[0]), dtype=np.int8), ends), shape=(len(chosen),) * 2)
    _, piece = connected_components(graph, directed=False)
    reached[chosen[piece == piece[number[seed]]]] = True
    return reached


def _cap(surface: Surface, patch: np.ndarray, lattice: np.ndarray, reach: float) -> CutFace | None:
    middle, axes, extent, bend = _form(surface, patch)
    normal = axes[2] * np.sign((surface.normals[patch] @ axes[2]).sum())
    area = float(surface.areas[patch].sum())
    face = CutFace(middle, normal, surface.points[patch], area, border=False, certain=False)
    if face.area < _LEAST_AREA or face.radius < _LEAST_RADIUS * np.cbrt(abs(np.linalg.det(lattice))):
        return None
    # A disc is as wide as long, and its normals turn neither along nor across.
    if extent[1] < _SLENDER * extent[0] or bend > _BULGE:
        return None
    return face if _has_sharp_rim(surface, face, ~patch, axes[:2], reach, _thickness(normal, lattice)) else None


def _has_sharp_rim(
    surface: Surface, face: CutFace, others: np.ndarray, axes: np.ndarray, reach: float, voxel: float
) -> bool:
    """Whether all around a face the surface turns back from it, and none of it goes on ahead."""
    around = np.flatnonzero(others)
    distance, _ = cKDTree(face.points).query(surface.points[around], distance_upper_bound=4.0 * voxel + 1.5 * reach)
    near = around[np.isfinite(distance)]
    height = face.height(surface.points[near])
    behind = near[(height < -1.2 * voxel) & (height > -4.0 * voxel - reach)]
    ahead = near[height > 1.2 * voxel]
    if len(behind) < 5 or surface.areas[ahead].sum() > 0.2 * surface.areas[behind].sum():
        return False
    place = (surface.points[behind] - face.point) @ axes.T
    sector = ((np.arctan2(place[:, 1], place[:, 0]) + np.pi) / (2 * np.pi) * _SECTORS).astype(int) % _SECTORS
    if len(np.unique(sector)) < _SECTORS or (place - place.mean(axis=0)).var(axis=0).sum() > _WIDENING * face.radius**2:
        return False
    facing = surface.normals[behind] @ face.normal
    if np.average(facing, weights=surface.areas[behind]) > _BLUNT:
        return False
    # Seen from ahead, little of the surface lies around a cap; around the flattest patch of a wall it goes on.
    flat = cKDTree((face.points - face.point) @ axes.T)
    step = max(voxel, float(np.sqrt(np.median(surface.areas))))
    beside, _ = flat.query((surface.points[near] - face.point) @ axes.T, distance_upper_bound=3.5 * step)
    ring = near[np.isfinite(beside) & (beside > 1.5 * step)]
    seen = surface.areas[ring] @ np.clip(surface.normals[ring] @ face.normal, 0.0, None)
    return bool(seen < _RING * np.pi * 2.0 * step * (2.0 * face.radius + 5.0 * step))
