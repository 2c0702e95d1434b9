"""The coronary arteries: from their sinuses along the grooves of the epicardium."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.ndimage import gaussian_filter1d

from Training.cohort.curves import Tube, Vessel, spline
from Training.cohort.great_vessels import Aorta
from Training.cohort.sampled import SampledField
from Training.cohort.ventricles import Myocardium, RightVentricle

_LEVELS = np.radians(np.linspace(62.0, 176.0, 16))  # polar angle from the base, seen from the cavity's centre
_AROUND = np.radians(np.arange(-180.0, 180.0, 5.0))


@dataclass(frozen=True)
class CoronaryArteries(Vessel):
    """Left main, LAD with a diagonal, circumflex with a marginal, right coronary, posterior descending.

    Attributes:
        aorta, myocardium, right_ventricle: what they rise from and run on.
        surface: field of the whole heart's outside, on which the vessels are laid.
    """

    aorta: Aorta
    myocardium: Myocardium
    right_ventricle: RightVentricle
    surface: SampledField

    def on_left_ventricle(self, polar: np.ndarray, around: np.ndarray, above: float = 1.0) -> np.ndarray:
        """Points [N, 3] `above` mm over the left ventricle's epicardium, at angles (radians) from base and septum."""
        cavity = self.myocardium.ventricle.cavity
        unit = np.stack([np.sin(polar) * np.cos(around), np.sin(polar) * np.sin(around), np.cos(polar)])
        points = cavity.centre + 80.0 * (cavity.axes.T @ unit).T
        outside = self.myocardium.epicardium(points.T.astype(np.float32))
        return cavity.centre + (80.0 - outside + above)[:, None] * (cavity.axes.T @ unit).T

    @cached_property
    def grooves(self) -> dict[str, np.ndarray]:
        """Anterior and inferior interventricular groove [levels, 3]: where the right ventricle leaves the left one."""
        polar, around = np.meshgrid(_LEVELS, _AROUND, indexing="ij")
        points = self.on_left_ventricle(polar.ravel(), around.ravel())
        covered = self.right_ventricle.field(points.T.astype(np.float32)).reshape(polar.shape) < 2.0
        edges = {"anterior": np.pi / 3, "inferior": -np.pi / 3}
        angles: dict[str, list[float]] = {"anterior": [], "inferior": []}
        for row in covered:
            here = _AROUND[row & (np.abs(_AROUND) < np.radians(140))]
            if len(here) > 2:  # towards the apex the right ventricle ends: the grooves go on as they were
                edges = {"anterior": float(here.max()), "inferior": float(here.min())}
            for side, angle in edges.items():
                angles[side].append(angle)
        return {
            side: self.on_left_ventricle(_LEVELS, gaussian_filter1d(np.array(angle), 1.5, mode="nearest"))
            for side, angle in angles.items()
        }

    def left_groove(self, degrees: np.ndarray) -> np.ndarray:
        """Points [N, 3] of the left atrioventricular groove at angles around the mitral ring (0: septum, 90: front)."""
        marks = self.myocardium.ventricle.landmarks
        outward = 0.5 * (marks.mitral.radius + self.shelf)
        return np.array([marks.place(outward * np.cos(a), outward * np.sin(a), 2.5) for a in np.radians(degrees)])

    @property
    def shelf(self) -> float:
        """Outer radius (mm) of the left ventricle's muscle at the base."""
        f = self.myocardium.ventricle.landmarks.factors
        return f["lv_radius"] * f["lv_base_narrowing"] + f["wall_lateral"]

    def right_groove(self, degrees: np.ndarray) -> np.ndarray:
        """Points [N, 3] of the right atrioventricular groove at angles round its ring (0: right, 90: front)."""
        marks = self.myocardium.ventricle.landmarks
        ring = marks.tricuspid
        front = marks.place(0.0, 1.0, 0.0)
        front = front - front @ ring.normal * ring.normal
        front /= np.linalg.norm(front)
        right = np.cross(front, ring.normal)
        outward = ring.radius + 7.0
        return np.array([ring.centre + outward * (np.cos(a) * right + np.sin(a) * front) for a in np.radians(degrees)])

    def lay(self, points: list[np.ndarray] | np.ndarray, radius: float, fixed: int = 0) -> np.ndarray:
        """A smooth curve [M, 3] through control points, lifted to rest on the heart; the first `fixed` mm stay put."""
        curve = spline(np.array(points), 2.0)
        free = np.arange(len(curve)) * 2.0 >= fixed
        for _ in range(8):
            height, slope = self.surface.at(curve)
            lift = np.clip(radius - height, -1.0, 4.0)
            curve = curve + np.where(free, lift, 0.0)[:, None] * slope
        smooth = gaussian_filter1d(curve, 1.5, axis=0, mode="nearest")
        return np.where(free[:, None], smooth, curve)

    @cached_property
    def courses(self) -> dict[str, np.ndarray]:
        """Centrelines [M, 3] of the named arteries."""
        f = self.myocardium.ventricle.landmarks.factors
        radius, dominance = f["coronary_radius"], f.variants["dominance"]
        anterior, inferior = self.grooves["anterior"], self.grooves["inferior"]
        end = max(6, min(len(anterior), round(f["lad_reach"] * (len(anterior) - 1))))
        left_mouth, right_mouth = (self._mouth(side) for side in ("left", "right"))
        fork = self._left_fork(left_mouth, anterior[0])
        last = {"right": 235, "balanced": 250, "left": 275}[dominance]
        circumflex = np.array([fork, *self.left_groove(np.arange(125, last + 1, 22))])
        right_end = {"right": -150, "balanced": -140, "left": -70}[dominance]
        right = np.array([*right_mouth, *self.right_groove(np.arange(70, right_end - 1, -22))])
        courses = {
            "left_main": self.lay([*left_mouth, fork], radius, fixed=8),
            "left_anterior_descending": self.lay([fork, *anterior[:end]], radius, fixed=3),
            "circumflex": self.lay(circumflex, radius, fixed=3),
            "right_coronary": self.lay(right, radius, fixed=12),
        }
        parent = courses["circumflex" if dominance == "left" else "right_coronary"]
        courses["posterior_descending"] = self.lay([parent[-1], *inferior[2:11]], radius, fixed=2)
        lad, circumflex = courses["left_anterior_descending"], courses["circumflex"]
        start = lad[int(f["diagonal_level"] * len(lad))]
        courses["diagonal"] = self.lay([start, *self._down(start, np.radians([100, 118, 132]), 18.0)], radius, fixed=2)
        start = circumflex[int(f["marginal_level"] * len(circumflex))]
        courses["marginal"] = self.lay([start, *self._down(start, np.radians([92, 112, 130]), 8.0)], radius, fixed=2)
        return courses

    def _mouth(self, side: str) -> list[np.ndarray]:
        """The first three control points of an artery: in its sinus, at its mouth, and outside."""
        radius = self.aorta.landmarks.factors["sinus_radius"]
        centre, outward = self.aorta.sinus_centre(side), self.aorta.sinus_directions[side]
        up = 0.25 * radius * self.aorta.landmarks.aortic.normal
        return [centre + up + part * radius * outward for part in (0.3, 0.62, 0.95)]

    def _left_fork(self, mouth: list[np.ndarray], groove: np.ndarray) -> np.ndarray:
        """Where the left main divides [3]: on the way from its mouth to the top of the anterior groove."""
        length = self.aorta.landmarks.factors["left_main_length"]
        way = groove + 6.0 * self.aorta.landmarks.mitral.normal - mouth[-1]
        fork = mouth[-1] + min(length, 0.6 * float(np.linalg.norm(way))) * way / np.linalg.norm(way)
        height, slope = self.surface.at(fork[None])
        return fork + max(0.0, 1.5 - float(height[0])) * slope[0]

    def _down(self, start: np.ndarray, polar: np.ndarray, sweep: float) -> np.ndarray:
        """Points [N, 3] down the free wall from a start, swinging `sweep` degrees to the lateral side."""
        cavity = self.myocardium.ventricle.cavity
        local = cavity.axes @ (start - cavity.centre)
        around = np.arctan2(local[1], local[0]) + np.radians(sweep) * np.linspace(0.5, 1.5, len(polar))
        lowest = np.arccos(np.clip(local[2] / np.linalg.norm(local), -1, 1))
        return self.on_left_ventricle(np.maximum(polar, lowest + np.radians([12, 30, 48])), around)

    @cached_property
    def tubes(self) -> list[Tube]:
        """The arteries, tapering as they go."""
        radius = self.myocardium.ventricle.landmarks.factors["coronary_radius"]
        widths = {"left_main": (1.15, 1.1), "right_coronary": (1.0, 0.8), "circumflex": (0.9, 0.65)}
        widths["left_anterior_descending"] = (1.0, 0.5)
        tubes = []
        for name, curve in self.courses.items():
            first, last = widths.get(name, (0.65, 0.45))
            tubes.append(Tube(curve, radius * np.linspace(first, last, len(curve))))
        return tubes
