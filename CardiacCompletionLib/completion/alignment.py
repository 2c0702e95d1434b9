"""Leading the inferred field of a cut structure to what is seen of it, as one stiff piece."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import map_coordinates
from scipy.spatial.transform import Rotation

from CardiacCompletionLib.completion.field import SampledField
from CardiacCompletionLib.geometry.lattice import Lattice

_POINTS = 600
_ROUNDS = 12
# How far a field is usually off: mm, radians, logarithm of scale. What is seen must speak against it to move it more.
_USUAL = np.array([8.0] * 3 + [np.radians(12.0)] * 3 + [0.12])
# A free size would swell to swallow outliers: the logarithm of the scale at most.
_MOST_SCALE = 0.25
# Distances in mm: their usual scatter, and from where on they pull no harder.
_SCATTER = 2.0
_OUTLIER = 6.0
# Neighbouring surface points say the same: so many say as much as one.
_REDUNDANCY = 15.0


def aligned(field: SampledField, seen: np.ndarray) -> SampledField:
    """The field moved, turned and scaled so that its surface passes through the points that are seen.

    Args:
        seen: RAS mm [N, 3], surface points of the trusted part, none of them on a cut.
    """
    if len(seen) < 10:
        return field
    points = seen[:: max(1, len(seen) // _POINTS)]
    middle = points.mean(axis=0)
    pose = np.zeros(7)
    for _ in range(_ROUNDS):
        distance, slope = _residuals(field, points, middle, pose)
        weight = np.minimum(1.0, _OUTLIER / np.maximum(np.abs(distance), 1e-9)) / (_SCATTER**2 * _REDUNDANCY)
        normal = (slope * weight[:, None]).T @ slope + np.diag(1.0 / _USUAL**2)
        step = np.linalg.solve(normal, -(slope * weight[:, None]).T @ distance - pose / _USUAL**2)
        pose = pose + step
        pose[6] = np.clip(pose[6], -_MOST_SCALE, _MOST_SCALE)
        if np.abs(step / _USUAL).max() < 1e-3:
            break
    return _moved(field, middle, pose)


def _residuals(
    field: SampledField, points: np.ndarray, middle: np.ndarray, pose: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Distances [N] of moved points to the field's surface, and their slopes [N, 7] over the pose."""
    step = 0.05 * _USUAL
    distance = _distance(field, _there(points, middle, pose))
    slopes = [(_distance(field, _there(points, middle, pose + d)) - distance) / d.sum() for d in np.diag(step)]
    return distance, np.stack(slopes, axis=1)


def _there(ras: np.ndarray, middle: np.ndarray, pose: np.ndarray) -> np.ndarray:
    """Where in the unmoved field a point of the patient lies."""
    turn = Rotation.from_rotvec(pose[3:6]).as_matrix() * np.exp(pose[6])
    return (ras - middle) @ turn.T + middle + pose[:3]


def _distance(field: SampledField, ras: np.ndarray) -> np.ndarray:
    nodes = np.linalg.solve(field.lattice.steps, (ras - field.lattice.origin).T)
    return map_coordinates(field.values, nodes, order=1, mode="nearest")


def _moved(field: SampledField, middle: np.ndarray, pose: np.ndarray) -> SampledField:
    """The field on a lattice of the same steps around its new place."""
    inside = np.argwhere(field.values < 0)
    corners = np.array(np.meshgrid(*np.stack([inside.min(axis=0), inside.max(axis=0)], axis=1))).reshape(3, -1).T
    back = np.linalg.inv(Rotation.from_rotvec(pose[3:6]).as_matrix() * np.exp(pose[6]))
    places = (field.lattice.points(corners) - middle - pose[:3]) @ back.T + middle
    nodes = np.linalg.solve(field.lattice.steps, (places - field.lattice.origin).T).T
    low, high = np.floor(nodes.min(axis=0)).astype(int) - 3, np.ceil(nodes.max(axis=0)).astype(int) + 4
    lattice = Lattice(field.lattice.points(low), field.lattice.steps, tuple(int(n) for n in high - low))
    values = _distance(field, _there(lattice.all_points(), middle, pose)) / np.exp(pose[6])
    return SampledField(values.astype(np.float32).reshape(lattice.shape), lattice)
