"""The great arteries: the aorta from its three sinuses over the arch, the pulmonary trunk to its two branches."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from Training.cohort.curves import Tube, Vessel, spline_with_radii
from Training.cohort.landmarks import Landmarks

_STEP = 4.0  # mm between centreline samples


def swept(points: list[np.ndarray], radii: list[float], cut_start: bool = False, cut_end: bool = False) -> Tube:
    """A smooth tube through control points [3] (mm) with their radii (mm)."""
    curve, widths = spline_with_radii(np.array(points), np.array(radii), _STEP)
    return Tube(curve, widths, cut_start, cut_end)


@dataclass(frozen=True)
class Aorta(Vessel):
    """Root with three sinuses, ascending aorta, arch, and the start of the descending aorta."""

    landmarks: Landmarks
    round_over = 3.0

    @cached_property
    def sinus_directions(self) -> dict[str, np.ndarray]:
        """Unit direction [3] from the root's axis to each sinus: right in front, left to the left and behind."""
        normal = self.landmarks.aortic.normal
        front = self.landmarks.offset(0.25, 1.0, 0.0)
        front = front - front @ normal * normal
        front /= np.linalg.norm(front)
        side = np.cross(normal, front)  # to the patient's left
        half, root = 0.5, np.sqrt(0.75)
        return {"right": front, "left": root * side - half * front, "non_coronary": -root * side - half * front}

    def sinus_centre(self, name: str) -> np.ndarray:
        """Centre [3] of a sinus (right, left or non_coronary)."""
        ring, radius = self.landmarks.aortic, self.landmarks.factors["sinus_radius"]
        return ring.centre + 0.72 * radius * ring.normal + 0.42 * radius * self.sinus_directions[name]

    @cached_property
    def trunk(self) -> Tube:
        """The whole course, cut flat below at the valve ring and at the end of the descending part."""
        f, ring = self.landmarks.factors, self.landmarks.aortic
        sinus, length = f["sinus_radius"], f["ascending_length"]
        start, normal = ring.centre, ring.normal
        middle = start + np.array([f["ascending_lean_x"], f["ascending_lean_y"], 0.55 * length])
        top = start + np.array([0.85 * f["ascending_lean_x"], -4.0, length])
        summit = top + np.array([-0.4 * f["arch_leftward"], -0.42 * f["arch_span"], f["arch_rise"]])
        beyond = top + np.array([-f["arch_leftward"], -f["arch_span"], -0.15 * f["arch_span"]])
        end = beyond + np.array([2.0, -3.0, -f["descending_length"]])
        points = [start, start + 0.75 * sinus * normal, start + 1.55 * sinus * normal, middle, top, summit, beyond, end]
        radii = [ring.radius, 0.9 * sinus, f["junction_radius"], f["ascending_radius"], f["ascending_radius"]]
        radii += [f["arch_radius"], f["descending_radius"], f["descending_radius"]]
        return swept(points, radii, cut_start=True, cut_end=True)

    def pushed_aside(self, point: np.ndarray, reach: float, away: np.ndarray) -> np.ndarray:
        """A point [3] of a neighbour, moved along a direction [3] until `reach` mm lie between it and the aorta."""
        for _ in range(12):
            gap = float(np.min(np.linalg.norm(self.trunk.curve - point, axis=1) - self.trunk.radii)) - reach
            if gap >= 0:
                break
            point = point - 0.7 * min(gap, -0.5) * away
        return point

    @cached_property
    def tubes(self) -> list[Tube]:
        """Course and sinuses."""
        radius = 0.62 * self.landmarks.factors["sinus_radius"]
        sinuses = [self.sinus_centre(name) for name in self.sinus_directions]
        return [self.trunk, *[Tube(np.stack([centre, centre]), np.full(2, radius)) for centre in sinuses]]


@dataclass(frozen=True)
class PulmonaryArtery(Vessel):
    """Trunk from the right ventricle, in front of and then left of the aorta, and the branches under the arch."""

    landmarks: Landmarks
    aorta: Aorta
    round_over = 4.0

    @cached_property
    def bifurcation(self) -> np.ndarray:
        """Where the trunk divides [3]."""
        return self._beside_aorta(self.landmarks.pulmonary.centre + self.landmarks.factors.triple("trunk"))

    def _beside_aorta(self, point: np.ndarray) -> np.ndarray:
        """A point [3] of the trunk's axis, to the left of where a wide or leaning aorta would flatten the trunk."""
        reach = 0.8 * self.landmarks.factors["trunk_radius"]
        return self.aorta.pushed_aside(point, reach, np.array([-0.98, 0.2, 0.0]))

    @cached_property
    def trunk(self) -> Tube:
        """From the valve ring to the bifurcation."""
        ring, radius = self.landmarks.pulmonary, self.landmarks.factors["trunk_radius"]
        points = [ring.centre, self._beside_aorta(ring.centre + 15.0 * ring.normal), self.bifurcation]
        return swept(points, [ring.radius, radius, 0.95 * radius], cut_start=True)

    @cached_property
    def right_branch(self) -> Tube:
        """Behind the ascending aorta and the superior caval vein to the right hilum."""
        f, fork = self.landmarks.factors, self.bifurcation
        length, radius = f["right_pa_length"], f["right_pa_radius"]
        points = [fork, fork + np.array([0.3 * length, -9.0, 0.0]), fork + np.array([0.7 * length, -16.0, -2.0])]
        points.append(fork + np.array([length, -18.0, -6.0]))
        return swept(points, [1.05 * radius, radius, radius, 0.85 * radius], cut_end=True)

    @cached_property
    def left_branch(self) -> Tube:
        """The trunk's continuation, back and left over the left bronchus."""
        f, fork = self.landmarks.factors, self.bifurcation
        length, radius = f["left_pa_length"], f["left_pa_radius"]
        points = [fork, fork + length * np.array([-0.35, -0.45, 0.0]) + np.array([0, 0, f["left_pa_rise"]])]
        points.append(fork + length * np.array([-0.8, -1.0, -0.05]) + np.array([0, 0, f["left_pa_rise"]]))
        return swept(points, [1.05 * radius, radius, 0.85 * radius], cut_end=True)

    @cached_property
    def tubes(self) -> list[Tube]:
        """Trunk and branches."""
        return [self.trunk, self.right_branch, self.left_branch]
