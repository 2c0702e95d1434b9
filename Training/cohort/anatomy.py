"""One heart as solids in heart coordinates: every structure placed, none yet cut by its neighbours."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, reduce

import numpy as np

from Training.cohort.appendage import LeftAtrialAppendage
from Training.cohort.atria import LeftAtrium, RightAtrium
from Training.cohort.coronaries import CoronaryArteries
from Training.cohort.factors import Factors
from Training.cohort.fields import Solid
from Training.cohort.great_vessels import Aorta, PulmonaryArtery
from Training.cohort.landmarks import Landmarks
from Training.cohort.sampled import SampledField
from Training.cohort.veins import CoronarySinus, InferiorVenaCava, PulmonaryVeins, SuperiorVenaCava
from Training.cohort.ventricles import LeftVentricle, Myocardium, RightVentricle

_VALVES = frozenset({"attitude", "left_ventricle", "right_ventricle"})  # the themes that place them
_LEFT, _RIGHT = _VALVES | {"left_atrium"}, _VALVES | {"right_atrium"}

# The themes of factors that a structure's own surface depends on; neighbours that push it come on top.
BUILT_FROM: dict[str, frozenset[str]] = {
    "left_ventricle": frozenset({"attitude", "left_ventricle"}),
    "aorta": frozenset({"attitude", "left_ventricle", "aorta"}),
    "myocardium": frozenset({"attitude", "left_ventricle"}),
    "pulmonary_artery": _VALVES | {"aorta", "pulmonary_artery"},
    "right_ventricle": frozenset({"attitude", "right_ventricle"}),
    "left_atrium": frozenset({"attitude", "left_ventricle", "left_atrium"}),
    "right_atrium": frozenset({"attitude", "right_ventricle", "right_atrium"}),
    "superior_vena_cava": _RIGHT | {"aorta", "cavae"},
    "inferior_vena_cava": _RIGHT | {"cavae"},
    "pulmonary_veins": _LEFT | {"veins"},
    "left_atrial_appendage": _LEFT | _VALVES | {"aorta", "pulmonary_artery", "appendage"},
    "coronary_sinus": _LEFT | _RIGHT | {"aorta", "pulmonary_artery", "cavae"},
}


@dataclass(frozen=True)
class Anatomy:
    """The fifteen structures of a set of factors; walls follow from the chambers when the heart is composed."""

    factors: Factors

    @cached_property
    def landmarks(self) -> Landmarks:
        return Landmarks(self.factors)

    @cached_property
    def left_ventricle(self) -> LeftVentricle:
        return LeftVentricle(self.landmarks)

    @cached_property
    def myocardium(self) -> Myocardium:
        return Myocardium(self.left_ventricle)

    @cached_property
    def right_ventricle(self) -> RightVentricle:
        return RightVentricle(self.landmarks)

    @cached_property
    def left_atrium(self) -> LeftAtrium:
        return LeftAtrium(self.landmarks)

    @cached_property
    def right_atrium(self) -> RightAtrium:
        return RightAtrium(self.landmarks)

    @cached_property
    def aorta(self) -> Aorta:
        return Aorta(self.landmarks)

    @cached_property
    def pulmonary_artery(self) -> PulmonaryArtery:
        return PulmonaryArtery(self.landmarks, self.aorta)

    @cached_property
    def pulmonary_veins(self) -> PulmonaryVeins:
        return PulmonaryVeins(self.left_atrium)

    @cached_property
    def left_atrial_appendage(self) -> LeftAtrialAppendage:
        return LeftAtrialAppendage(self.left_atrium, self.pulmonary_artery)

    @cached_property
    def superior_vena_cava(self) -> SuperiorVenaCava:
        return SuperiorVenaCava(self.right_atrium, self.aorta)

    @cached_property
    def inferior_vena_cava(self) -> InferiorVenaCava:
        return InferiorVenaCava(self.right_atrium)

    @cached_property
    def coronary_sinus(self) -> CoronarySinus:
        arteries = self.coronary_arteries
        return CoronarySinus(self.landmarks, self.right_atrium, arteries.lay, arteries.shelf)

    @cached_property
    def coronary_arteries(self) -> CoronaryArteries:
        corners = [
            solid.bounds() for solid in (self.myocardium, self.right_ventricle, self.left_atrium, self.right_atrium)
        ]
        low = np.min([low for low, _ in corners], axis=0) - 8.0
        high = np.max([high for _, high in corners], axis=0) + 8.0
        surface = SampledField.of(self.outside, low, high)
        return CoronaryArteries(self.aorta, self.myocardium, self.right_ventricle, surface)

    def solid(self, key: str) -> Solid:
        """The structure of a key, e.g. left_atrium."""
        return getattr(self, key)

    def outside(self, points: np.ndarray) -> np.ndarray:
        """Field (mm) of the heart's outer surface, walls included, on which the coronary arteries lie."""
        f = self.factors
        fields = [
            self.solid("myocardium").field(points),
            self.solid("right_ventricle").field(points) - np.float32(f["rv_wall"]),
            self.solid("left_atrium").field(points) - np.float32(f["la_wall"]),
            self.solid("right_atrium").field(points) - np.float32(1.5),
            *[tube.field(points) - np.float32(1.0) for tube in self.pulmonary_artery.tubes[:1]],
            *[tube.field(points) - np.float32(0.5) for tube in self.aorta.tubes[1:]],
        ]
        return reduce(np.minimum, fields)
