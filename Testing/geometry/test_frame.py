"""The network frame is found from the trusted structures alone, and leads there and back."""

from __future__ import annotations

import numpy as np
import pytest

from CardiacCompletionLib.geometry.frame import HeartFrame, Moments, fit_frame, moments_of
from CardiacCompletionLib.geometry.reference import measure_reference
from Testing.geometry.phantoms import ball, grid, voxelised

ANCHORS = frozenset({"a", "b", "c"})
PLACES = {"a": (0.3, 0.1, 0.0), "b": (-0.4, 0.2, 0.1), "c": (0.1, -0.3, -0.2), "vessel": (0.0, 0.1, 0.8)}
AXES = {"a": (0.3, 0.18, 0.07), "b": (0.1, 0.25, 0.1), "c": (0.1, 0.15, 0.2), "vessel": (0.05, 0.05, 0.3)}


def cohort(seed: int) -> list[dict[str, Moments]]:
    """Hearts of one shape, each moved and scaled."""
    generator = np.random.default_rng(seed)
    frames = [HeartFrame(generator.uniform(-200, 200, 3), generator.uniform(60, 110)) for _ in range(8)]
    return [{key: seen_from(frame, key) for key in PLACES} for frame in frames]


def seen_from(frame: HeartFrame, key: str) -> Moments:
    return Moments(frame.to_ras(np.array(PLACES[key])), np.diag(AXES[key]) * frame.scale)


def test_every_subset_of_a_heart_finds_the_same_frame() -> None:
    hearts = cohort(1)
    reference = measure_reference(hearts, ANCHORS)
    for heart in hearts:
        whole = fit_frame(heart, reference)
        for subset in (("a",), ("b", "c"), ("a", "vessel")):
            part = fit_frame({key: heart[key] for key in subset}, reference)
            assert part.origin == pytest.approx(whole.origin, abs=0.01)
            assert part.scale == pytest.approx(whole.scale, rel=1e-4)


def test_vessels_do_not_place_a_heart_that_has_chambers() -> None:
    hearts = cohort(4)
    reference = measure_reference(hearts, ANCHORS)
    cut = {**hearts[0], "vessel": Moments(hearts[0]["vessel"].centroid - 25, np.eye(3))}
    assert fit_frame(cut, reference).origin == pytest.approx(fit_frame(hearts[0], reference).origin)


def test_the_frame_moves_and_scales_with_the_heart() -> None:
    hearts = cohort(5)
    reference = measure_reference(hearts, ANCHORS)
    given = {key: hearts[0][key] for key in ("a", "b")}
    shift = np.array([5.0, -7.0, 9.0])
    moved = {key: Moments(2 * m.centroid + shift, 2 * m.spread) for key, m in given.items()}
    frame, other = fit_frame(given, reference), fit_frame(moved, reference)
    assert other.origin == pytest.approx(2 * frame.origin + shift)
    assert other.scale == pytest.approx(2 * frame.scale)


def test_there_and_back() -> None:
    frame = HeartFrame(np.array([10.0, -20.0, 30.0]), 85.0)
    points = np.random.default_rng(4).uniform(-100, 100, (50, 3))
    assert frame.to_ras(frame.from_ras(points)) == pytest.approx(points)


def test_moments_of_a_ball_on_an_oblique_anisotropic_grid() -> None:
    ijk_to_ras = grid((1.0, 1.3, 2.4), (25, -40, 10), 40, center=(12, -34, 56))
    moments = moments_of(voxelised(ball(13, (13, -33, 55)), ijk_to_ras, 40), ijk_to_ras)
    assert moments.centroid == pytest.approx([13, -33, 55], abs=0.15)
    assert moments.size == pytest.approx(13 * np.sqrt(3 / 5), rel=0.02)
    assert moments.spread == pytest.approx(np.eye(3) * 13 / np.sqrt(5), abs=0.15)


def test_what_has_no_place_in_the_reference_gives_no_frame() -> None:
    hearts = cohort(7)
    with pytest.raises(ValueError, match="None of the given"):
        fit_frame({"spleen": hearts[0]["a"]}, measure_reference(hearts, ANCHORS))
