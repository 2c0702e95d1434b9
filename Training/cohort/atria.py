"""The atria: the left one a flattened cuboid behind, the right one a taller body with its auricle in front."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from Training.cohort.curves import Tube, spline_with_radii
from Training.cohort.fields import StarBody, smooth_union
from Training.cohort.landmarks import Landmarks

_GROOVE = 0.45  # how steeply the atrioventricular groove opens, mm per mm outside the ring


@dataclass(frozen=True)
class LeftAtrium:
    """Blood pool without veins and appendage."""

    landmarks: Landmarks

    @cached_property
    def body(self) -> StarBody:
        f, marks = self.landmarks.factors, self.landmarks
        return StarBody(
            centre=marks.place(*f.triple("la_centre")),
            axes=marks.turn.T,
            half_axes=np.array(
                [[f["la_left"], f["la_right"]], [f["la_back"], f["la_front"]], [f["la_down"], f["la_up"]]]
            ),
            exponent=f["la_boxiness"],
            regions=f.series("la_region"),
        )

    @cached_property
    def vestibule(self) -> Tube:
        """The funnel to the mitral ring."""
        ring = self.landmarks.mitral
        deep = ring.centre + 0.6 * (self.body.centre - ring.centre)
        return Tube(np.stack([ring.centre, deep]), ring.radius * np.array([1.0, 1.05]))

    def field(self, points: np.ndarray) -> np.ndarray:
        body = smooth_union(self.body.field(points), self.vestibule.field(points), 6.0)
        return self.landmarks.mitral.above(body, points, _GROOVE)

    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        (low, high), (low2, high2) = self.body.bounds(), self.vestibule.bounds()
        return np.minimum(low, low2), np.maximum(high, high2)


@dataclass(frozen=True)
class RightAtrium:
    """Blood pool with its auricle, without the caval veins."""

    landmarks: Landmarks

    @cached_property
    def body(self) -> StarBody:
        f, marks = self.landmarks.factors, self.landmarks
        return StarBody(
            centre=marks.place(*f.triple("ra_centre")),
            axes=marks.turn.T,
            half_axes=np.array(
                [[f["ra_left"], f["ra_right"]], [f["ra_back"], f["ra_front"]], [f["ra_down"], f["ra_up"]]]
            ),
            exponent=f["ra_boxiness"],
            regions=f.series("ra_region"),
        )

    @cached_property
    def vestibule(self) -> Tube:
        """The funnel to the tricuspid ring."""
        ring = self.landmarks.tricuspid
        deep = ring.centre + 0.5 * (self.body.centre - ring.centre)
        return Tube(np.stack([ring.centre, deep]), ring.radius * np.array([1.0, 1.05]))

    @cached_property
    def auricle(self) -> Tube:
        """The right appendage: a broad flap forward, up and towards the midline, over the root of the aorta."""
        f, marks = self.landmarks.factors, self.landmarks
        length, radius = f["auricle_length"], f["auricle_radius"]
        root = self.body.centre + marks.offset(2.0, 0.5 * f["ra_front"], 0.5 * f["ra_up"])
        middle = root + length * marks.offset(-0.2, 0.5, 0.3)
        tip = root + length * marks.offset(-0.7, 0.75, 0.55)
        curve, radii = spline_with_radii(np.array([root, middle, tip]), radius * np.array([1.3, 1.0, 0.55]), 4.0)
        return Tube(curve, radii)

    def field(self, points: np.ndarray) -> np.ndarray:
        body = smooth_union(self.body.field(points), self.vestibule.field(points), 6.0)
        body = smooth_union(body, self.auricle.field(points), 8.0)
        return self.landmarks.tricuspid.above(body, points, _GROOVE)

    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        corners = [part.bounds() for part in (self.body, self.vestibule, self.auricle)]
        return np.min([c[0] for c in corners], axis=0), np.max([c[1] for c in corners], axis=0)
