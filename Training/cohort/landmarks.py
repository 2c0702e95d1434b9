"""Where things are: the frame of the left ventricle, and the valves, in a patient whose mitral centre is the origin.

Heart coordinates are R, A, S in mm. The ventricular frame has its origin there too: z up the left ventricular axis to
the base, x across the septum to the right ventricle, y = z cross x towards the outflow tracts.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from Training.cohort.factors import Factors
from Training.cohort.fields import ValvePlane

# The attitude (azimuth, elevation, roll; degrees) of the average heart, in which the atria's own axes are R, A, S.
AVERAGE_ATTITUDE = (-50.0, 38.0, 0.0)


def attitude(azimuth: float, elevation: float, roll: float) -> np.ndarray:
    """Rotation [3, 3] from the ventricular frame to R, A, S; its columns are the frame's x, y, z.

    Args:
        azimuth: of the axis (apex to base), degrees from right towards front.
        elevation: of the axis above the horizontal, degrees: a vertical heart has much, a horizontal one little.
        roll: about the axis, degrees.
    """
    a, e, r = np.radians([azimuth, elevation, roll])
    base = np.array([np.cos(e) * np.cos(a), np.cos(e) * np.sin(a), np.sin(e)])
    level = np.array([-np.sin(a), np.cos(a), 0.0])
    septal = np.cos(r) * level + np.sin(r) * np.cross(base, level)
    return np.stack([septal, np.cross(base, septal), base], axis=1)


def attitude_angles(frame: np.ndarray) -> tuple[float, float, float]:
    """Azimuth, elevation and roll (degrees) whose `attitude` is a frame [3, 3]."""
    septal, base = frame[:, 0], frame[:, 2]
    azimuth, elevation = np.degrees([np.arctan2(base[1], base[0]), np.arcsin(base[2])])
    level = np.array([-base[1], base[0], 0.0]) / np.hypot(base[0], base[1])
    roll = np.degrees(np.arctan2(septal @ np.cross(base, level), septal @ level))
    return float(azimuth), float(elevation), float(roll)


@dataclass(frozen=True)
class Landmarks:
    """Frame and valves of one heart."""

    factors: Factors

    @cached_property
    def frame(self) -> np.ndarray:
        """Rotation [3, 3] from the ventricular frame to R, A, S."""
        f = self.factors
        return attitude(f["axis_azimuth"], f["axis_elevation"], f["axis_roll"])

    @cached_property
    def turn(self) -> np.ndarray:
        """Rotation [3, 3] that carries the average heart's attitude into this one's."""
        return self.frame @ attitude(*AVERAGE_ATTITUDE).T

    def place(self, x: float, y: float, z: float) -> np.ndarray:
        """Heart coordinates [3] of a point given in the ventricular frame (mm)."""
        return self.frame @ np.array([x, y, z])

    def offset(self, right: float, front: float, up: float) -> np.ndarray:
        """Heart coordinates [3] of a vector that turns with the heart: R, A, S (mm) as in the average attitude."""
        return self.turn @ np.array([right, front, up])

    def tilted(self, x: float, y: float) -> np.ndarray:
        """The base direction [3], tilted by small angles (degrees) towards the frame's x and y."""
        normal = self.place(np.tan(np.radians(x)), np.tan(np.radians(y)), 1.0)
        return normal / np.linalg.norm(normal)

    @cached_property
    def mitral(self) -> ValvePlane:
        """Mitral ring; normal into the left atrium."""
        f = self.factors
        return ValvePlane(np.zeros(3), self.tilted(f["mitral_tilt_x"], f["mitral_tilt_y"]), f["mitral_radius"])

    @cached_property
    def tricuspid(self) -> ValvePlane:
        """Tricuspid ring; normal into the right atrium, leaning to the inferior side as it does in real hearts."""
        f = self.factors
        normal = self.tilted(8.0 + f["tricuspid_tilt_x"], -14.0 + f["tricuspid_tilt_y"])
        return ValvePlane(self.place(*f.triple("tricuspid_valve")), normal, f["tricuspid_radius"])

    @cached_property
    def aortic(self) -> ValvePlane:
        """Aortic ring; normal into the aorta, up the axis but leaning over the septum and forward."""
        f = self.factors
        normal = self.place(0.55, 0.42, 0.72) + self.place(
            *np.tan(np.radians([f["aortic_tilt_x"], f["aortic_tilt_y"]])), 0.0
        )
        return ValvePlane(
            self.place(*self.factors.triple("aortic_valve")),
            normal / np.linalg.norm(normal),
            self.factors["outflow_radius"],
        )

    @cached_property
    def pulmonary(self) -> ValvePlane:
        """Pulmonary ring; normal into the trunk, up, back and a little to the left."""
        f = self.factors
        tilt = np.tan(np.radians([f["pulmonary_tilt_x"], f["pulmonary_tilt_y"]]))
        normal = self.offset(-0.05 + tilt[0], -0.45 + tilt[1], 0.9)
        radius = f["pulmonary_radius"]
        return ValvePlane(self.place(*self.factors.triple("pulmonary_valve")), normal / np.linalg.norm(normal), radius)
