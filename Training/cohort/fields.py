"""Implicit solids: functions of position that are negative inside, in millimetres, roughly distances near the surface.

Points are float32 [3, ...]: one leading axis for R, A, S (mm), any shape after it; a field has the shape without it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import product
from typing import Protocol

import numpy as np

_BLOCK = 8192  # points
FAR = np.float32(1.0e3)  # field value (mm) where a solid was not evaluated: certainly outside


def _between_half_axes() -> np.ndarray:
    """Unit directions float32 [20, 3] of a cube's 8 corners and 12 edges; its 6 faces are the half axes themselves."""
    steps = np.array([s for s in product((-1, 0, 1), repeat=3) if np.count_nonzero(s) >= 2], dtype=np.float32)
    return steps / np.linalg.norm(steps, axis=1, keepdims=True)


def _all_around(count: int) -> np.ndarray:
    """Unit directions float32 [3, count], evenly spread over the sphere along a golden spiral (Vogel 1979)."""
    steps = np.arange(count) + 0.5
    height, turn = 1 - 2 * steps / count, np.pi * (1 + np.sqrt(5)) * steps
    level = np.sqrt(1 - height * height)
    return np.stack([level * np.cos(turn), level * np.sin(turn), height]).astype(np.float32)


REGIONS = _between_half_axes()
_ALL_AROUND = _all_around(800)
_REGION_COSINE = np.float32(0.5)  # a region reaches 60 degrees from its direction


class Solid(Protocol):
    """Something with a surface."""

    def field(self, points: np.ndarray) -> np.ndarray:
        """Values float32 [...] (mm, negative inside) at points [3, ...]."""

    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        """Lower and upper corner [3] (mm) of a box that holds the solid."""


def blockwise(function: Callable[[np.ndarray], np.ndarray], points: np.ndarray) -> np.ndarray:
    """A field at points [3, ...], evaluated in blocks small enough to stay in the processor's cache."""
    flat = points.reshape(3, -1)
    values = np.empty(flat.shape[1], dtype=np.float32)
    for start in range(0, values.size, _BLOCK):
        values[start : start + _BLOCK] = function(flat[:, start : start + _BLOCK])
    return values.reshape(points.shape[1:])


def smooth_union(a: np.ndarray, b: np.ndarray, width: float) -> np.ndarray:
    """Union whose seam is rounded over `width` mm (the polynomial minimum of Quilez 2013)."""
    overlap = np.maximum(width - np.abs(a - b), 0)
    return np.minimum(a, b) - overlap * overlap * np.float32(0.25 / width)


def smooth_intersection(a: np.ndarray, b: np.ndarray, width: float) -> np.ndarray:
    """Intersection whose edge is rounded over `width` mm."""
    return -smooth_union(-a, -b, width)


def apart(inner: np.ndarray, other: np.ndarray, gap: float) -> np.ndarray:
    """What remains of a solid once it keeps `gap` mm away from another one."""
    return np.maximum(inner, gap - other)


def dot(points: np.ndarray, direction: np.ndarray) -> np.ndarray:
    """Component of points [3, ...] along a direction [3]."""
    flat = np.asarray(direction, dtype=np.float32) @ points.reshape(3, -1)
    return flat.reshape(points.shape[1:])


def from_origin(points: np.ndarray, origin: np.ndarray) -> np.ndarray:
    """Points [3, ...] relative to an origin [3]."""
    return points - np.asarray(origin, dtype=np.float32).reshape(3, *[1] * (points.ndim - 1))


def half_axis_mean(unit: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Interpolate six values over the sphere: squares of direction cosines weigh them, and those sum to one.

    Args:
        unit: unit directions [3, N].
        values: [3, 2]: on the negative and the positive half of each axis.
    """
    values = np.asarray(values, dtype=np.float32)
    chosen = np.where(unit > 0, values[:, 1:], values[:, :1])
    return np.einsum("an,an->n", unit * unit, chosen)


@dataclass(frozen=True)
class StarBody:
    """A chamber seen from its centre: a radius for every direction.

    The radius is that of a superellipsoid with different half axes on each side, swollen or drawn in region by region.

    Attributes:
        centre: [3] mm.
        axes: rotation [3, 3]; rows are the body's axes.
        half_axes: [3, 2] mm, on the negative and the positive side of each axis.
        exponent: 2 for an ellipsoid, more for a boxier body.
        regions: [20] relative radial swelling at the directions `REGIONS`.
    """

    centre: np.ndarray
    axes: np.ndarray
    half_axes: np.ndarray
    exponent: float = 2.0
    regions: np.ndarray = field(default_factory=lambda: np.zeros(len(REGIONS)))

    def polar(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Distance [N] from the centre and unit direction [3, N] in the body's axes, for points [3, N]."""
        local = np.asarray(self.axes, dtype=np.float32) @ from_origin(points, self.centre)
        distance = np.sqrt(np.einsum("an,an->n", local, local)) + np.float32(1e-6)
        return distance, local / distance

    def radius(self, unit: np.ndarray) -> np.ndarray:
        """Radius (mm) [N] along unit directions [3, N] in the body's axes."""
        half = np.asarray(self.half_axes, dtype=np.float32)
        scaled = unit / np.where(unit > 0, half[:, 1:], half[:, :1])
        if self.exponent == 2.0:
            radius = 1 / np.sqrt(np.maximum(np.einsum("an,an->n", scaled, scaled), np.float32(1e-12)))
        else:
            exponent = np.float32(self.exponent)
            radius = np.sum(np.abs(scaled) ** exponent, axis=0) ** (-1 / exponent)
        near = np.maximum(REGIONS @ unit - _REGION_COSINE, 0) / (1 - _REGION_COSINE)
        near *= near
        return radius * (1 + np.asarray(self.regions, dtype=np.float32) @ near)

    def field(self, points: np.ndarray) -> np.ndarray:
        distance, unit = self.polar(points.reshape(3, -1))
        return (distance - self.radius(unit)).reshape(points.shape[1:])

    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        surface = np.asarray(self.axes).T @ (_ALL_AROUND * self.radius(_ALL_AROUND))
        # Between the directions tried, the surface may stand out by a little more.
        slack = 0.02 * np.ptp(surface, axis=1)
        return self.centre + surface.min(axis=1) - slack, self.centre + surface.max(axis=1) + slack


@dataclass(frozen=True)
class ValvePlane:
    """A valve ring: centre [3] (mm), unit normal [3] away from the ventricle, radius (mm)."""

    centre: np.ndarray
    normal: np.ndarray
    radius: float

    def height(self, points: np.ndarray) -> np.ndarray:
        """Signed distance (mm) from the valve plane, positive along the normal."""
        return dot(from_origin(points, self.centre), self.normal)

    def below(self, field: np.ndarray, points: np.ndarray, slope: float) -> np.ndarray:
        """What of a ventricle's field stays on its side of the valve, clear of the groove around the ring."""
        return np.maximum(field, self.height(points) + self.groove(points, slope))

    def above(self, field: np.ndarray, points: np.ndarray, slope: float) -> np.ndarray:
        """What of an atrium's field stays on its side of the valve, clear of the groove around the ring."""
        return np.maximum(field, self.groove(points, slope) - self.height(points))

    def groove(self, points: np.ndarray, slope: float) -> np.ndarray:
        """Depth (mm) of the fat-filled groove around the ring: zero inside, growing by `slope` per mm outside it."""
        relative = from_origin(points, self.centre)
        along = dot(relative, self.normal)
        across = np.sqrt(np.maximum(np.einsum("a...,a...->...", relative, relative) - along * along, 0))
        return np.float32(slope) * np.maximum(across - np.float32(self.radius), 0)
