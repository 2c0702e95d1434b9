"""The left atrial appendage in the four shapes of Di Biase 2012."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from Training.cohort.atria import LeftAtrium
from Training.cohort.curves import Tube, Vessel
from Training.cohort.great_vessels import PulmonaryArtery, swept
from Training.cohort.veins import on_surface


@dataclass(frozen=True)
class LeftAtrialAppendage(Vessel):
    """From the left front upper corner of the left atrium, forward along the left side of the pulmonary trunk."""

    atrium: LeftAtrium
    pulmonary_artery: PulmonaryArtery
    round_over = 4.0

    @cached_property
    def mouth(self) -> np.ndarray:
        """Centre [3] of the ostium; lower and further left where the pulmonary artery lies on the usual place."""
        for down in np.linspace(0.0, 0.8, 9):
            point = on_surface(self.atrium.body, (-0.72 - 0.2 * down, 0.52 - 0.3 * down, 0.38 - down), 0.88)
            if self.pulmonary_artery.field(point.astype(np.float32)[:, None])[0] > 1.0:
                break
        return point

    @cached_property
    def outward(self) -> np.ndarray:
        """Unit direction [3] in which it leaves the atrium: left, forward and up."""
        f = self.atrium.landmarks.factors
        yaw, pitch = np.radians(145.0 + f["laa_yaw"]), np.radians(18.0 + f["laa_pitch"])
        return self.atrium.landmarks.offset(np.cos(pitch) * np.cos(yaw), np.cos(pitch) * np.sin(yaw), np.sin(pitch))

    @cached_property
    def forward(self) -> np.ndarray:
        """Unit direction [3], square to `outward`, into which it bends: forward and down over the ventricle."""
        bend = self.atrium.landmarks.offset(0.15, 0.9, -0.3)
        bend = bend - bend @ self.outward * self.outward
        return bend / np.linalg.norm(bend)

    def lobe(self, parts: list[tuple[float, float, float, float]]) -> Tube:
        """A tube through points given as (outward, forward, sideways) in lengths, with a radius in radii."""
        f = self.atrium.landmarks.factors
        length, radius = f["laa_length"], f["laa_radius"]
        sideways = np.cross(self.outward, self.forward)
        points = [
            self.mouth + length * (along * self.outward + across * self.forward + side * sideways)
            for along, across, side, _ in parts
        ]
        return swept(points, [radius * part[3] for part in parts])

    @cached_property
    def tubes(self) -> list[Tube]:
        kind = self.atrium.landmarks.factors.variants["appendage"]
        neck = [(-0.15, 0.0, 0.0, 1.05), (0.12, 0.0, 0.0, 0.92)]
        bend = np.radians(self.atrium.landmarks.factors["laa_bend"])
        if kind == "chicken_wing":  # one lobe, sharply bent beyond its middle
            elbow = (0.42, 0.06, 0.0, 1.0)
            tip = (0.42 + 0.62 * np.cos(bend), 0.06 + 0.62 * np.sin(bend), 0.05)
            halfway = (0.42 + 0.32 * np.cos(bend), 0.06 + 0.34 * np.sin(bend), 0.02)
            return [self.lobe([*neck, elbow, (*halfway, 0.85), (*tip, 0.45)])]
        if kind == "windsock":  # one long lobe, gently curved, the rest small
            main = self.lobe([*neck, (0.5, 0.12, 0.0, 0.95), (0.85, 0.4, 0.0, 0.85), (1.02, 0.75, 0.0, 0.5)])
            return [main, self.lobe([(0.6, 0.2, 0.0, 0.6), (0.75, 0.15, 0.3, 0.45)])]
        if kind == "cactus":  # a dominant central lobe, secondary lobes up and down
            main = self.lobe([*neck, (0.45, 0.1, 0.0, 1.0), (0.8, 0.3, 0.0, 0.7)])
            upper = self.lobe([(0.4, 0.1, 0.0, 0.7), (0.55, 0.2, 0.42, 0.5)])
            lower = self.lobe([(0.4, 0.15, 0.0, 0.7), (0.45, 0.55, -0.35, 0.5)])
            return [main, upper, lower]
        # Cauliflower: short, without a dominant lobe.
        main = self.lobe([*neck, (0.4, 0.1, 0.0, 1.15)])
        buds = [(0.6, 0.0, 0.25), (0.5, 0.4, 0.1), (0.55, 0.1, -0.3), (0.35, 0.35, -0.25), (0.7, 0.25, 0.0)]
        return [main, *[self.lobe([(0.35, 0.1, 0.0, 0.7), (*bud, 0.5)]) for bud in buds]]
