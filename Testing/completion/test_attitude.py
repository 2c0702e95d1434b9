"""A heart that lies turned gets the answer that it would get upright, turned with it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from CardiacCompletionLib import HeartCompleter
from CardiacCompletionLib.anatomy.heart import Heart
from CardiacCompletionLib.geometry.region import Region
from Training.evaluation.metrics import dice, on_grid_of

TRUSTED = ("myocardium", "left_ventricle", "right_ventricle", "left_atrium")
CHAMBERS = (*TRUSTED, "right_atrium")
# The arch of an aorta lies far from the chambers that tell the turn, so what is left of it moves the arch most.
AGREEMENT = {"right_atrium": 0.87, "aorta": 0.7, "pulmonary_artery": 0.8}


def turned(heart: Heart, degrees: tuple[float, float, float]) -> Heart:
    turn = np.eye(4)
    turn[:3, :3] = Rotation.from_rotvec(degrees, degrees=True).as_matrix()
    return heart.transformed(turn)


@pytest.mark.parametrize("degrees", [(25, 0, 0), (0, -25, 0), (0, 0, 25)])
def test_the_answer_turns_with_the_heart(
    completer: HeartCompleter, sample: Heart, degrees: tuple[float, float, float]
) -> None:
    upright = completer.complete(sample, TRUSTED, spacing=3.0)
    heart = turned(sample, degrees)
    result = completer.complete(heart, TRUSTED, spacing=3.0, samples=4)
    assert any("lies turned by some" in warning for warning in result.warnings)
    back = on_grid_of(turned(result.heart, tuple(-angle for angle in degrees)), upright.heart)
    for key, least in AGREEMENT.items():
        assert dice(upright.heart.regions[key], back.regions[key]) > least, key
    for key in TRUSTED:
        assert np.array_equal(result.heart.regions[key].mask, sample.regions[key].mask)
    whole = result.samples.probability["right_atrium"] > 0.5
    places = result.samples.lattice.points(np.argwhere(whole))
    kji = np.linalg.solve(result.heart.ijk_to_ras, np.c_[places, np.ones(len(places))].T)[2::-1].T
    held = result.heart.regions["right_atrium"].holds(np.round(kji).astype(int))
    assert held.mean() > 0.8


@pytest.mark.parametrize(
    "trusted", [("left_ventricle",), ("myocardium", "left_ventricle"), ("right_ventricle", "right_atrium")]
)
def test_few_chambers_tell_a_turn_by_their_shapes(
    completer: HeartCompleter, sample: Heart, trusted: tuple[str, ...]
) -> None:
    """Muscle and ventricle share an axis, about which their places alone tell nothing."""
    for degrees in ((25, 0, 0), (-25, 0, 0), (0, 25, 0), (0, 0, -25), (0, 0, 0)):
        warnings = completer.complete(turned(sample, degrees), trusted, spacing=8.0).warnings
        assert any("lies turned" in warning for warning in warnings) == any(degrees), degrees


def test_an_upright_heart_stays_as_it_is(completer: HeartCompleter, sample: Heart) -> None:
    for degrees in ((0, 0, 0), (3, 0, 0), (0, 0, -3)):
        result = completer.complete(turned(sample, degrees), TRUSTED, spacing=6.0)
        assert not any("lies turned" in warning for warning in result.warnings)


@pytest.mark.parametrize("seed", [901, 922])
def test_a_flat_heart_below_a_usual_arch_is_not_turned_where_the_arch_is_made_anew(
    completer: HeartCompleter, virtual: Callable[[int], Heart], seed: int
) -> None:
    """Its chambers say that it lies turned; its great vessels, that it does not."""
    heart = virtual(seed)
    trusted = (*CHAMBERS, "aorta", "pulmonary_artery")
    for made_anew in (False, True):
        result = completer.complete(heart, trusted, spacing=3.0, resample_trusted=made_anew)
        assert any("lies turned" in warning for warning in result.warnings) != made_anew
    assert dice(on_grid_of(result.heart, heart).regions["aorta"], heart.regions["aorta"]) > 0.7


def test_vessels_alone_turn_nothing(completer: HeartCompleter, sample: Heart) -> None:
    """An aorta of which the arch alone was segmented has its middle where no whole one has it."""
    region = sample.regions["aorta"]
    arch = region.mask.copy()
    arch[: -len(arch) // 3] = False
    regions = {**sample.regions, "aorta": Region.of_mask(arch).shifted(region.start)}
    heart = Heart(regions, sample.shape, sample.ijk_to_ras)
    whole = {"aorta": False}
    result = completer.complete(heart, (*CHAMBERS, "aorta"), spacing=6.0, cut=whole, resample_trusted=True)
    assert not any("lies turned" in warning for warning in result.warnings)


def test_vessels_agree_where_the_whole_heart_is_turned(completer: HeartCompleter, sample: Heart) -> None:
    heart, trusted = turned(sample, (0, -20, 0)), (*CHAMBERS, "aorta", "pulmonary_artery")
    result = completer.complete(heart, trusted, spacing=6.0, resample_trusted=True)
    assert any("lies turned" in warning for warning in result.warnings)
