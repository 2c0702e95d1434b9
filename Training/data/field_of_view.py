"""Scans that end too soon: a plane at which everything ends, and vessels of which little is shown."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# Of all scans of partial hearts, how many end within the heart; of all vessels, how many are shown in part.
SCAN_END_SHARE = 0.3
CUT_SHARE = 0.5
_SHORTEST = 0.25
# Share of a structure's surface beyond the end of a scan: less is nothing lost, more is all lost.
_WHOLE, _GONE = 0.02, 0.9


@dataclass(frozen=True)
class ScanEnd:
    """A plane at which a scan ends: unit normal [3] in RAS, away from what is seen, and its offset in mm."""

    normal: np.ndarray
    offset: float

    @classmethod
    def drawn(cls, surfaces: np.ndarray, generator: np.random.Generator) -> ScanEnd:
        """Mostly the first or last slice, sometimes a side; up to half of the trusted surfaces lie beyond.

        Args:
            surfaces: surface points of the trusted structures, RAS mm [G, N, 3].
        """
        axis = generator.choice(3, p=[0.15, 0.15, 0.7])
        normal = np.eye(3)[axis] * generator.choice([-1.0, 1.0]) + 0.15 * generator.standard_normal(3)
        normal /= np.linalg.norm(normal)
        return cls(normal, float(np.quantile(surfaces.reshape(-1, 3) @ normal, generator.uniform(0.5, 1.0))))

    def sees(self, points: np.ndarray) -> np.ndarray:
        """Which points [..., 3] the scan still shows: bool [...]."""
        return points @ self.normal <= self.offset

    def lost(self, surfaces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Of structures with surface points [G, N, 3], which are cut off and which are not seen at all: bool [G]."""
        beyond = 1.0 - self.sees(surfaces).mean(axis=1)
        return (beyond > _WHOLE) & (beyond <= _GONE), beyond > _GONE


def cut_surface(points: np.ndarray, heart: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """The points on the heart's side of a random plane, RAS mm [N, 3] -> [M, 3]; no point lies on the cut itself.

    Args:
        points: surface points of one structure.
        heart: RAS mm [3], the middle of the heart: what lies nearer to it is what a narrow field of view still shows.
    """
    away = points - heart
    direction = generator.standard_normal(3) * 0.5 + away.mean(axis=0) / np.linalg.norm(away.mean(axis=0))
    along = away @ direction
    return points[along <= np.quantile(along, generator.uniform(_SHORTEST, 1.0))]
