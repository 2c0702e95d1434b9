"""The veins at the heart: pulmonary veins, caval veins, coronary sinus."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from Training.cohort.atria import LeftAtrium, RightAtrium
from Training.cohort.curves import Tube, Vessel
from Training.cohort.fields import StarBody
from Training.cohort.great_vessels import Aorta, swept
from Training.cohort.landmarks import Landmarks

# Where each vein leaves the left atrium (direction from its centre, R A S) and where it heads.
_OSTIA = {"ls": (-0.80, -0.25, 0.60), "li": (-0.80, -0.50, 0.05), "rs": (0.82, -0.20, 0.55), "ri": (0.80, -0.52, -0.05)}
_COURSES = {"ls": (-0.80, 0.05, 0.55), "li": (-0.85, -0.45, 0.0), "rs": (0.85, 0.10, 0.40), "ri": (0.85, -0.45, -0.10)}


def on_surface(body: StarBody, direction: tuple[float, float, float], part: float) -> np.ndarray:
    """The point [3] that lies `part` of the way from a chamber's centre to its wall, along a direction in its axes."""
    unit = np.array(direction) / np.linalg.norm(direction)
    radius = float(body.radius(unit.astype(np.float32)[:, None])[0])
    return body.centre + part * radius * (np.asarray(body.axes).T @ unit)


@dataclass(frozen=True)
class PulmonaryVeins(Vessel):
    """Four veins into the left atrium; variants: a common left trunk, a third vein on the right."""

    atrium: LeftAtrium
    round_over = 3.0

    def ostium(self, name: str) -> np.ndarray:
        """Centre [3] of a vein's mouth: ls, li, rs or ri (left or right, superior or inferior)."""
        point = on_surface(self.atrium.body, _OSTIA[name], 0.86)
        return point + np.array([0, 0, self.atrium.landmarks.factors[f"vein_{name}_up"]])

    def course(self, name: str) -> np.ndarray:
        """Unit direction [3] in which a vein leaves."""
        turn = np.radians(self.atrium.landmarks.factors[f"vein_{name}_turn"])
        x, y, z = _COURSES[name]
        turned = np.array([x * np.cos(turn) - y * np.sin(turn), x * np.sin(turn) + y * np.cos(turn), z])
        return turned / np.linalg.norm(turned)

    def vein(self, name: str, start: np.ndarray | None = None) -> Tube:
        """One vein: a mouth that narrows into a gently curved tube."""
        f = self.atrium.landmarks.factors
        radius, length = f["vein_radius"], f["vein_length"]
        start = self.ostium(name) if start is None else start
        course = self.course(name)
        bend = np.array([0.0, -0.12, 0.08 if name in ("ls", "rs") else -0.08]) * length
        points = [start + along * course for along in (-4.0, 5.0, 0.55 * length)] + [start + length * course + bend]
        return swept(points, [1.3 * radius, 1.1 * radius, 0.92 * radius, 0.72 * radius], cut_end=True)

    def tributary(self, vein: Tube, name: str) -> Tube:
        """The first side branch of a vein, joining it at an acute angle on the way to the atrium."""
        f = self.atrium.landmarks.factors
        length, joint = 0.42 * f["vein_length"], vein.curve[int(0.62 * len(vein.curve))]
        away = {"ls": (0.0, 0.75, 0.45), "li": (0.0, -0.45, -0.75), "rs": (0.0, 0.5, 0.75), "ri": (0.0, -0.6, -0.6)}[
            name
        ]
        course = 0.8 * self.course(name) + np.array(away)
        course /= np.linalg.norm(course)
        points = [joint, joint + 0.5 * length * course, joint + length * course]
        return swept(points, [0.6 * f["vein_radius"], 0.55 * f["vein_radius"], 0.45 * f["vein_radius"]], cut_end=True)

    @cached_property
    def tubes(self) -> list[Tube]:
        """All veins of this heart."""
        factors = self.atrium.landmarks.factors
        radius, length = factors["vein_radius"], factors["vein_length"]
        veins = {"rs": self.vein("rs"), "ri": self.vein("ri")}
        tubes = []
        if factors.variants["left_veins"] == "common":
            mouth = 0.5 * (self.ostium("ls") + self.ostium("li"))
            course = self.course("ls") + self.course("li")
            fork = mouth + 0.45 * length * course / np.linalg.norm(course)
            tubes.append(swept([mouth - 0.2 * (fork - mouth), fork], [1.5 * radius, 1.3 * radius]))
            veins |= {"ls": self.vein("ls", fork), "li": self.vein("li", fork)}
        else:
            veins |= {"ls": self.vein("ls"), "li": self.vein("li")}
        for name, vein in veins.items():
            tubes += [vein, self.tributary(vein, name)]
        if factors.variants["right_veins"] == "middle":
            mouth = 0.5 * (self.ostium("rs") + self.ostium("ri"))
            course = 0.5 * (self.course("rs") + self.course("ri"))
            points = [mouth - 3.0 * course, mouth + 0.5 * length * course, mouth + 0.9 * length * course]
            tubes.append(swept(points, [0.7 * radius, 0.6 * radius, 0.5 * radius], cut_end=True))
        return tubes


@dataclass(frozen=True)
class SuperiorVenaCava(Vessel):
    """Down into the roof of the right atrium, to the right of the ascending aorta, which may push it aside."""

    atrium: RightAtrium
    aorta: Aorta

    @cached_property
    def tubes(self) -> list[Tube]:
        f = self.atrium.landmarks.factors
        start = on_surface(self.atrium.body, (0.0, -0.15, 1.0), 0.6)
        rise = 12.0 + f["svc_length"]
        points = [start, start + np.array([2.0, -2.0, 0.45 * rise]), start + np.array([2.0, f["svc_back"] - 2.0, rise])]
        away, reach = np.array([0.9, -0.44, 0.0]), f["svc_radius"] + 3.0
        points[1:] = [self.aorta.pushed_aside(point, reach, away) for point in points[1:]]
        return [swept(points, [1.15 * f["svc_radius"], f["svc_radius"], 0.95 * f["svc_radius"]], cut_end=True)]


@dataclass(frozen=True)
class InferiorVenaCava(Vessel):
    """Up into the floor of the right atrium, from the liver."""

    atrium: RightAtrium

    @cached_property
    def tubes(self) -> list[Tube]:
        f = self.atrium.landmarks.factors
        start = on_surface(self.atrium.body, (-0.2, -0.45, -1.0), 0.75)
        fall = f["ivc_length"]
        end = start + np.array([-2.0, f["ivc_back"] - 6.0, -8.0 - fall])
        points = [start, start + np.array([-1.0, -3.0, -0.5 * fall]), end]
        return [swept(points, [1.05 * f["ivc_radius"], f["ivc_radius"], f["ivc_radius"]], cut_end=True)]


@dataclass(frozen=True)
class CoronarySinus(Vessel):
    """In the posterior atrioventricular groove, from the left border of the heart to the right atrium."""

    landmarks: Landmarks
    right_atrium: RightAtrium
    lay: Callable[[list[np.ndarray], float], np.ndarray]  # lays a curve through control points onto the heart
    shelf: float  # outer radius (mm) of the left ventricle's muscle at the base

    @cached_property
    def tubes(self) -> list[Tube]:
        f, marks = self.landmarks.factors, self.landmarks
        radius = f["coronary_sinus_radius"]
        outward = self.shelf - 2.0
        around = np.radians([195.0, 225.0, 255.0, 280.0])
        height = 0.6 * radius + 3.0
        points = [marks.place(outward * np.cos(a), outward * np.sin(a), height) for a in around]
        mouth = on_surface(self.right_atrium.body, (-0.75, -0.45, -0.6), 0.85)
        course = self.lay([*points, mouth], radius)
        inside = mouth + 0.3 * (self.right_atrium.body.centre - mouth)
        widths = radius * np.linspace(0.6, 1.1, len(course))
        return [Tube(course, widths), Tube(np.stack([course[-1], inside]), np.full(2, 1.1 * radius))]
