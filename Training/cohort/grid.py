"""The voxels of one case, the anatomical position of each, and solids evaluated on them box by box."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce

import numpy as np

from Training.cohort.curves import Tube, Vessel, cone, cut_flat
from Training.cohort.fields import FAR, Solid, blockwise

Box = tuple[slice, slice, slice]


@dataclass(frozen=True)
class Grid:
    """An axis-aligned voxel grid.

    Attributes:
        origin: [3] RAS mm of voxel (0, 0, 0)'s centre.
        spacing: voxel edge, mm.
        points: float32 [3, K, J, I]: where each voxel lies in the undeformed heart, mm.
        slack: largest distance (mm) between a voxel and its undeformed position.
    """

    origin: np.ndarray
    spacing: float
    points: np.ndarray
    slack: float

    @property
    def shape(self) -> tuple[int, int, int]:
        """Voxels along K, J, I."""
        return self.points.shape[1:]

    def box(self, low: np.ndarray, high: np.ndarray, margin: float = 0.0) -> Box:
        """Voxels [K, J, I] whose undeformed positions may lie between two corners [3], widened by `margin` mm."""
        reach = self.slack + margin
        first = np.floor((np.asarray(low) - reach - self.origin) / self.spacing).astype(int)
        last = np.ceil((np.asarray(high) + reach - self.origin) / self.spacing).astype(int) + 1
        size = np.array(self.shape[::-1])
        first, last = np.clip(first, 0, size), np.clip(last, 0, size)
        return tuple(slice(int(a), int(b)) for a, b in zip(first[::-1], last[::-1], strict=True))

    def box_of(self, solid: Solid, margin: float = 0.0) -> Box:
        """Voxels that may lie in a solid, widened by `margin` mm."""
        return self.box(*solid.bounds(), margin)

    def field(self, solid: Solid, box: Box, reach: float) -> np.ndarray:
        """A solid's field on a box; of a vessel, exact only up to `reach` mm outside it."""
        if isinstance(solid, Vessel):
            return reduce(solid.join, (self.tube_field(tube, box, reach) for tube in solid.tubes))
        return blockwise(solid.field, self.points[(slice(None), *box)])

    def tube_field(self, tube: Tube, box: Box, reach: float) -> np.ndarray:
        """A tube's field on a box, exact up to `reach` mm outside it, `FAR` beyond; each cone visits its own voxels."""
        values = np.full(tuple(s.stop - s.start for s in box), FAR, dtype=np.float32)
        for start, end, first, last in tube.segments():
            margin = max(first, last) + reach
            part = self._within(self.box(np.minimum(start, end), np.maximum(start, end), margin), box)
            if part is None:
                continue
            window, local = part
            np.minimum(
                values[local], cone(self.points[(slice(None), *window)], start, end, first, last), out=values[local]
            )
        for centre, normal, radius in tube.ends():
            part = self._within(self.box(centre, centre, 1.8 * radius + 4), box)
            if part is not None:
                window, local = part
                cut_flat(values[local], self.points[(slice(None), *window)], centre, normal, radius)
        return values

    @staticmethod
    def _within(window: Box, box: Box) -> tuple[Box, Box] | None:
        """The part of a window inside a box: in grid indices and in the box's own; None where they do not meet."""
        inner = tuple(slice(max(w.start, b.start), min(w.stop, b.stop)) for w, b in zip(window, box, strict=True))
        if any(s.stop <= s.start for s in inner):
            return None
        return inner, tuple(slice(s.start - b.start, s.stop - b.start) for s, b in zip(inner, box, strict=True))
