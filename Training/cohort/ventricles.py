"""The ventricles: the left one a truncated bullet in its muscle, the right one wrapped around the septum."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from Training.cohort.curves import Tube, spline_with_radii
from Training.cohort.fields import StarBody, half_axis_mean, smooth_union
from Training.cohort.landmarks import Landmarks

_CENTRE = 0.45  # the cavity's centre lies this part of the way from the mitral plane to the apex


@dataclass(frozen=True)
class LeftVentricle:
    """Blood pool (papillary muscles and trabeculation included) from the mitral ring to the aortic ring."""

    landmarks: Landmarks

    @cached_property
    def cavity(self) -> StarBody:
        """The bullet; it would close above the mitral plane, where it is cut."""
        f = self.landmarks.factors
        length, radius = f["lv_length"], f["lv_radius"]
        broad, deep = radius * np.exp(f["lv_ovality"]), radius * np.exp(-f["lv_ovality"])
        # Height of the half ellipsoid that has narrowed to the wanted width where the mitral plane cuts it.
        upward = _CENTRE * length / np.sqrt(1 - min(f["lv_base_narrowing"], 0.97) ** 2)
        return StarBody(
            centre=self.landmarks.place(f["lv_centre_x"], f["lv_centre_y"], -_CENTRE * length),
            axes=self.landmarks.frame.T,
            half_axes=np.array([[broad, broad], [deep, deep], [(1 - _CENTRE) * length, upward]]),
            regions=f.series("lv_region"),
        )

    @cached_property
    def outlet(self) -> Tube:
        """The outflow tract, from under the anterior mitral leaflet to the aortic ring."""
        marks, radius = self.landmarks, self.landmarks.factors["outflow_radius"]
        ring = marks.aortic
        entry = self.cavity.centre + marks.place(5.0, 4.0, 10.0)
        inside = ring.centre - 9.0 * ring.normal
        points = np.array([entry, inside, ring.centre])
        curve, radii = spline_with_radii(points, radius * np.array([1.2, 1.12, 1.0]), 3.0)
        return Tube(curve, radii, cut_end=True)

    def field(self, points: np.ndarray) -> np.ndarray:
        # Outside the ring the cavity stays deeper, so that the muscle's rim closes over it.
        bullet = self.landmarks.mitral.below(self.cavity.field(points), points, slope=0.9)
        return smooth_union(bullet, self.outlet.field(points), 5.0)

    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        (low, high), (low2, high2) = self.cavity.bounds(), self.outlet.bounds()
        return np.minimum(low, low2), np.maximum(high, high2)


@dataclass(frozen=True)
class Myocardium:
    """The left ventricle's muscle: everything within the wall's thickness of the cavity, open at the base."""

    ventricle: LeftVentricle

    @cached_property
    def thickness(self) -> np.ndarray:
        """Wall thickness (mm) [3, 2] on the half axes: lateral and septal, inferior and anterior, apical and basal."""
        f = self.ventricle.landmarks.factors
        return np.array(
            [
                [f["wall_lateral"], f["wall_septal"]],
                [f["wall_inferior"], f["wall_anterior"]],
                [f["wall_apical"], f["wall_basal"]],
            ]
        )

    def epicardium(self, points: np.ndarray) -> np.ndarray:
        """Field (mm) of cavity and wall together, as if the base were closed."""
        cavity = self.ventricle.cavity
        distance, unit = cavity.polar(points.reshape(3, -1))
        return (distance - cavity.radius(unit) - half_axis_mean(unit, self.thickness)).reshape(points.shape[1:])

    def field(self, points: np.ndarray) -> np.ndarray:
        """Cavity and wall together, below the mitral plane."""
        return np.maximum(self.epicardium(points), self.ventricle.landmarks.mitral.height(points))

    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        low, high = self.ventricle.cavity.bounds()
        return low - self.thickness.max(), high + self.thickness.max()


@dataclass(frozen=True)
class RightVentricle:
    """Blood pool: inflow under the tricuspid ring, sinus and apex, and the infundibulum up to the pulmonary ring.

    It is drawn as if it were alone; what lies in the left ventricle's muscle is the septum, which makes it a crescent.
    """

    landmarks: Landmarks

    @cached_property
    def sinus(self) -> StarBody:
        """The body of the chamber."""
        f = self.landmarks.factors
        return StarBody(
            centre=self.landmarks.place(*f.triple("rv_centre")),
            axes=self.landmarks.frame.T,
            half_axes=np.array(
                [[f["rv_left"], f["rv_right"]], [f["rv_inferior"], f["rv_outward"]], [f["rv_apical"], f["rv_basal"]]]
            ),
            regions=f.series("rv_region"),
        )

    @cached_property
    def inflow(self) -> Tube:
        """From the tricuspid ring into the sinus."""
        ring = self.landmarks.tricuspid
        deep = ring.centre + 0.5 * (self.sinus.centre - ring.centre)
        return Tube(np.stack([ring.centre + 2 * ring.normal, deep]), ring.radius * np.array([1.0, 0.95]))

    @cached_property
    def infundibulum(self) -> Tube:
        """The outflow tract."""
        f, ring = self.landmarks.factors, self.landmarks.pulmonary
        below = ring.centre - 14.0 * ring.normal
        deep = below + 0.55 * (self.sinus.centre - below)
        radii = np.array([1.25 * f["infundibulum_radius"], f["infundibulum_radius"], ring.radius])
        curve, radii = spline_with_radii(np.array([deep, below, ring.centre]), radii, 4.0)
        return Tube(curve, radii, cut_end=True)

    def field(self, points: np.ndarray) -> np.ndarray:
        body = smooth_union(self.sinus.field(points), self.inflow.field(points), 6.0)
        body = self.landmarks.tricuspid.below(body, points, slope=0.35)
        return smooth_union(body, self.infundibulum.field(points), 10.0)

    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        corners = [part.bounds() for part in (self.sinus, self.inflow, self.infundibulum)]
        return np.min([c[0] for c in corners], axis=0), np.max([c[1] for c in corners], axis=0)
