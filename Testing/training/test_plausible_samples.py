"""Samples are set beside hearts that share what is trusted: how many are sound, and how far apart they are."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from CardiacCompletionLib.anatomy.heart import Heart
from CardiacCompletionLib.anatomy.vocabulary import load_vocabulary
from CardiacCompletionLib.completion.result import CompletionResult
from CardiacCompletionLib.completion.samples import Samples
from CardiacCompletionLib.geometry.lattice import Lattice
from CardiacCompletionLib.geometry.region import Region
from Training.calibrate import add_arguments
from Training.data.hearts import PreparedHearts
from Training.evaluation.contestants import Question
from Training.evaluation.equally_valid import EquallyValid
from Training.evaluation.held_out_samples import SPACING, Sampled
from Training.evaluation.metrics import on_grid_of
from Training.evaluation.plausible_samples import scatter, sound, spread_ratios
from Training.schemes import schemes

TRUSTED = ("myocardium", "left_ventricle")


def sampled(heart: Heart, source: Path, hearts: list[dict[str, Region]]) -> Sampled:
    """A heart, completed by itself, with these samples on its own grid."""
    lattice = Lattice(heart.ijk_to_ras[:3, 3], heart.ijk_to_ras[:3, :3][:, ::-1], heart.shape)
    inferred = tuple(key for key in heart.regions if key not in TRUSTED)
    samples = Samples(lattice, tuple(hearts), dict.fromkeys(inferred, 1.0))
    result = CompletionResult(heart, TRUSTED, inferred, (), {}, samples=samples)
    return Sampled(heart, source, TRUSTED, list(inferred), result)


@pytest.fixture
def tested(prepared: Path) -> PreparedHearts:
    return PreparedHearts([prepared], "test", load_vocabulary().keys[:10])


def test_equally_valid_hearts_as_samples_have_just_their_own_spread(tested: PreparedHearts) -> None:
    redrawn, heart, source = EquallyValid(3, tested), tested.heart(0), tested.sources[0]
    valid = [on_grid_of(h, heart).regions for h in redrawn.answers(Question(heart, source, TRUSTED, SPACING))]
    ratios = spread_ratios([sampled(heart, source, valid)], redrawn)
    assert ratios.keys() == heart.regions.keys() - set(TRUSTED)
    for apart, overlap, volume in ratios.values():
        assert 0.0 < apart < 1.0
        assert (overlap, volume) == pytest.approx((1.0, 1.0))
    # A chamber shares a wall with what is trusted; a grid off by a few voxels would show.
    assert ratios["right_ventricle"][0] < 0.3


def test_the_same_heart_twice_is_not_apart_and_a_missing_structure_says_nothing(tested: PreparedHearts) -> None:
    regions = tested.heart(0).regions
    assert scatter([regions, regions], "aorta").apart == 0.0
    assert scatter([regions, {}], "aorta") is None


def test_a_vein_in_mid_air_is_not_sound(tested: PreparedHearts) -> None:
    heart = tested.heart(0)
    hidden = {key: region for key, region in heart.regions.items() if key not in TRUSTED}
    torn = {**hidden, "aorta": hidden["aorta"].shifted((40, 0, 0))}
    halved = {**hidden, "right_atrium": replace(hidden["right_atrium"], mask=hidden["right_atrium"].mask.copy())}
    halved["right_atrium"].mask[np.array(halved["right_atrium"].mask.shape)[0] // 2] = False
    without = {key: region for key, region in hidden.items() if key != "pulmonary_veins"}
    found = sound(sampled(heart, tested.sources[0], [hidden, torn, halved, without]))
    assert found == (True, [True, False, False, False])


def test_calibration_infers_every_structure_in_some_scheme() -> None:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    names = parser.get_default("schemes").split(",")
    always = set.intersection(*(set(schemes()[name]) for name in names))
    assert not always
