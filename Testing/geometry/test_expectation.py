"""What is expected of hidden structures: it follows from the given ones, and from nothing else."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from CardiacCompletionLib.geometry.expectation import Expectation
from CardiacCompletionLib.geometry.frame import HeartFrame, Moments

KEYS = ("lv", "la", "aorta")
ANCHORS = np.array([True, True, False])
UPRIGHT = HeartFrame(np.array([10.0, -20.0, 30.0]), 100.0, np.eye(3))


def heart(dilation: float, frame: HeartFrame = UPRIGHT) -> dict[str, Moments]:
    """A family of one factor: as the LV widens, the LA widens and lies further back; the aorta moves to the right."""
    shapes = {
        "lv": ((-0.2, 0.0, 0.0), (0.15 * dilation, 0.15 * dilation, 0.25)),
        "la": ((0.1, -0.3 * dilation, 0.2), (0.2 * dilation, 0.1, 0.15)),
        "aorta": ((0.2 * dilation - 0.2, 0.0, 0.6), (0.08, 0.1, 0.3)),
    }
    return {
        key: Moments(frame.to_ras(np.array(place)), frame.rotation @ np.diag(axes) @ frame.rotation.T * frame.scale)
        for key, (place, axes) in shapes.items()
    }


@pytest.fixture(scope="module")
def expectation() -> Expectation:
    generator = np.random.default_rng(0)
    hearts = [heart(dilation) for dilation in generator.normal(1.0, 0.12, 400)]
    return Expectation.measure(KEYS, ANCHORS, hearts, [UPRIGHT] * len(hearts))


@pytest.mark.parametrize("dilation", [0.85, 1.0, 1.2])
def test_hidden_structures_follow_what_they_vary_with(expectation: Expectation, dilation: float) -> None:
    truth = heart(dilation)
    expected = expectation.places({"lv": truth["lv"]}, UPRIGHT)
    assert expected.centroids[1] == pytest.approx([0.1, -0.3 * dilation, 0.2], abs=0.025)
    assert np.diag(expected.spreads[1]) == pytest.approx([0.2 * dilation, 0.1, 0.15], rel=0.1)


def test_given_structures_stand_as_they_are(expectation: Expectation) -> None:
    truth = heart(1.1)
    expected = expectation.places({"lv": truth["lv"]}, UPRIGHT)
    assert expected.centroids[0] == pytest.approx(UPRIGHT.from_ras(truth["lv"].centroid))
    assert expected.spreads[0] == pytest.approx(truth["lv"].spread / 100.0)


def test_a_vessel_is_not_relied_on_beside_a_chamber(expectation: Expectation) -> None:
    truth = heart(1.0)
    cut = Moments(truth["aorta"].centroid - 30.0, truth["aorta"].spread * 0.3)
    alone = expectation.places({"lv": truth["lv"]}, UPRIGHT)
    beside = expectation.places({"lv": truth["lv"], "aorta": cut}, UPRIGHT)
    assert beside.centroids == pytest.approx(alone.centroids)


def test_an_error_of_the_frame_is_taken_back(expectation: Expectation) -> None:
    """The frame is 8 degrees and 5 mm off; the hidden atrium is expected within 2 mm of where it is all the same."""
    turn = Rotation.from_euler("xyz", [4, -6, 3], degrees=True).as_matrix()
    wrong = HeartFrame(UPRIGHT.origin + np.array([3.0, -3.0, 2.0]), 104.0, turn)
    truth = heart(1.0)
    expected = expectation.places({"lv": truth["lv"]}, wrong)
    place = wrong.to_ras(expected.centroids[1])
    stiff = wrong.to_ras(expectation.places({}, wrong).centroids[1])
    off, stiff_off = (np.linalg.norm(p - truth["la"].centroid) for p in (place, stiff))
    assert off < 0.6 * stiff_off


def test_nothing_given_is_the_mean_heart(expectation: Expectation) -> None:
    mean = expectation.places({}, UPRIGHT)
    assert mean.centroids[2] == pytest.approx([0.0, 0.0, 0.6], abs=0.01)
    assert (np.linalg.eigvalsh(mean.spreads) > 0).all()


def test_extreme_input_still_gives_proper_spreads(expectation: Expectation) -> None:
    odd = Moments(np.array([500.0, -500.0, 900.0]), np.diag([0.01, 80.0, 300.0]))
    places = expectation.places({"lv": odd}, UPRIGHT)
    assert np.isfinite(places.centroids).all()
    assert (np.linalg.eigvalsh(places.spreads) > 0).all()
    itself = replace(expectation, anchors=np.ones(3, dtype=bool))
    assert itself.places(heart(1.0), UPRIGHT).centroids[2] == pytest.approx([0.0, 0.0, 0.6])
