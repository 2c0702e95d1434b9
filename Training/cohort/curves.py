"""Centrelines and the tubes swept along them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce

import numpy as np
from numpy.typing import ArrayLike
from scipy.interpolate import CubicSpline, PchipInterpolator

from Training.cohort.fields import FAR, smooth_union

_FEW = 200_000  # values: below, a broadcast over cones is faster than a loop


def spline(points: np.ndarray, step: float) -> np.ndarray:
    """A smooth curve [M, 3] through control points [N, 3] (mm), sampled about every `step` mm."""
    return spline_with_radii(points, np.ones(len(points)), step)[0]


def spline_with_radii(points: np.ndarray, radii: np.ndarray, step: float) -> tuple[np.ndarray, np.ndarray]:
    """A smooth curve [M, 3] through control points [N, 3] with radii [M] that pass monotonically through [N] (mm).

    Centripetal parameters (Lee 1989) keep the curve from looping where control points stand unevenly.
    """
    points = np.asarray(points, dtype=np.float64)
    chords = np.linalg.norm(np.diff(points, axis=0), axis=1)
    parameter = np.concatenate([[0.0], np.cumsum(np.sqrt(np.maximum(chords, 1e-3)))])
    if len(points) == 2:
        fine = np.linspace(0, parameter[-1], max(2, int(np.ceil(chords[0] / step)) + 1))
        part = fine[:, None] / parameter[-1]
        return points[0] + part * (points[1] - points[0]), np.interp(fine, parameter, radii)
    curve = CubicSpline(parameter, points)
    samples = np.linspace(0, parameter[-1], max(8, 4 * len(points), int(2 * chords.sum() / step)))
    dense = curve(samples)
    length = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(dense, axis=0), axis=1))])
    even = np.interp(np.linspace(0, length[-1], max(2, int(np.ceil(length[-1] / step)) + 1)), length, samples)
    return curve(even), PchipInterpolator(parameter, radii)(even)


def tangents(curve: np.ndarray) -> np.ndarray:
    """Unit tangents [M, 3] of a curve [M, 3]."""
    slopes = np.gradient(curve, axis=0)
    return slopes / np.linalg.norm(slopes, axis=1, keepdims=True)


class Vessel:
    """A solid made of tubes that join smoothly.

    Attributes:
        tubes: its branches.
        round_over: mm over which the seams between them are rounded.
    """

    tubes: list[Tube]
    round_over: float = 0.0

    def join(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """The field of two branches together."""
        return smooth_union(first, second, self.round_over) if self.round_over else np.minimum(first, second)

    def field(self, points: np.ndarray) -> np.ndarray:
        """Field float32 [...] (mm) at points [3, ...]."""
        return reduce(self.join, (tube.field(points) for tube in self.tubes))

    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        """Lower and upper corner [3] (mm)."""
        corners = [tube.bounds() for tube in self.tubes]
        return np.min([low for low, _ in corners], axis=0), np.max([high for _, high in corners], axis=0)


@dataclass(frozen=True)
class Branches(Vessel):
    """A vessel given by its tubes."""

    tubes: list[Tube]
    round_over: float = 0.0


@dataclass(frozen=True)
class Tube:
    """A round tube around a polyline.

    Attributes:
        curve: [M, 3] mm.
        radii: [M] mm.
        cut_start, cut_end: whether that end is cut flat; otherwise it is a round cap.
    """

    curve: np.ndarray
    radii: np.ndarray
    cut_start: bool = False
    cut_end: bool = False

    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        reach = np.asarray(self.radii)[:, None]
        return (self.curve - reach).min(axis=0), (self.curve + reach).max(axis=0)

    def shortened(self, end: float) -> Tube:
        """The tube cut flat at a sample of its centreline, parts of a sample included; as it is from its end on."""
        if end >= len(self.curve) - 1:
            return self
        whole, part = int(end), max(end - int(end), 0.05)  # a cone of no length would have no direction
        last = (1 - part) * self.curve[whole] + part * self.curve[whole + 1]
        radius = (1 - part) * self.radii[whole] + part * self.radii[whole + 1]
        return Tube(
            np.vstack([self.curve[: whole + 1], last]), np.append(self.radii[: whole + 1], radius), self.cut_start, True
        )

    def segments(self) -> list[tuple[np.ndarray, np.ndarray, float, float]]:
        """The tube's cones: start, end, radius at each (mm)."""
        return list(zip(self.curve[:-1], self.curve[1:], self.radii[:-1], self.radii[1:], strict=True))

    def ends(self) -> list[tuple[np.ndarray, np.ndarray, float]]:
        """The flat cuts: centre, outward unit normal, radius (mm)."""
        if not (self.cut_start or self.cut_end):
            return []
        along = tangents(self.curve)
        cuts = []
        if self.cut_start:
            cuts.append((self.curve[0], -along[0], float(self.radii[0])))
        if self.cut_end:
            cuts.append((self.curve[-1], along[-1], float(self.radii[-1])))
        return cuts

    def field(self, points: np.ndarray) -> np.ndarray:
        if points.size * len(self.curve) < _FEW:  # all cones at once
            flat = points.reshape(3, 1, -1)
            values = cone(flat, self.curve[:-1], self.curve[1:], self.radii[:-1], self.radii[1:]).min(axis=0)
            values = values.reshape(points.shape[1:])
        else:
            values = np.full(points.shape[1:], FAR, dtype=np.float32)
            for start, end, first, last in self.segments():
                np.minimum(values, cone(points, start, end, first, last), out=values)
        for centre, normal, radius in self.ends():
            cut_flat(values, points, centre, normal, radius)
        return values


def cone(points: np.ndarray, start: np.ndarray, end: np.ndarray, first: ArrayLike, last: ArrayLike) -> np.ndarray:
    """Field (mm) of a round-ended cone between two balls, at points [3, ...]; of several at points [3, 1, N].

    Args:
        points: float32 [3, ...] mm.
        start, end: the balls' centres, [3], or [cones, 3] for a field [cones, N].
        first, last: their radii, one or [cones].
    """
    start, axis = (np.asarray(values, dtype=np.float32).T for values in (start, end - start))
    first, growth = np.asarray(first, dtype=np.float32), np.asarray(last - first, dtype=np.float32)
    along = axis / np.maximum(np.sum(axis * axis, axis=0), np.float32(1e-6))
    if start.ndim == 2:
        start, axis, along = (values[:, :, None] for values in (start, axis, along))
        first, growth = first[:, None], growth[:, None]
    x, y, z = (points[a] - start[a] for a in range(3))
    t = x * along[0]
    t += y * along[1]
    t += z * along[2]
    np.minimum(t, 1, out=t)
    np.maximum(t, 0, out=t)
    x -= t * axis[0]
    y -= t * axis[1]
    z -= t * axis[2]
    x *= x
    x += y * y
    x += z * z
    np.sqrt(x, out=x)
    t *= growth
    x -= t
    x -= first
    return x


def cut_flat(values: np.ndarray, points: np.ndarray, centre: np.ndarray, normal: np.ndarray, radius: float) -> None:
    """Cut a tube's field flat at one end, in place; only near that end, for the tube may bend back past the plane."""
    x, y, z = (points[a] - np.float32(centre[a]) for a in range(3))
    beyond = x * np.float32(normal[0]) + y * np.float32(normal[1]) + z * np.float32(normal[2])
    near = x * x + y * y + z * z < np.float32((1.8 * radius + 4) ** 2)
    np.copyto(values, np.maximum(values, beyond), where=near)
