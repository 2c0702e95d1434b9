"""What is expected of hidden structures: it follows from the given ones, and from nothing else."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from CardiacCompletionLib.geometry.expectation import Expectation, Places, moved_numbers, place_numbers
from CardiacCompletionLib.geometry.frame import HeartFrame, Moments, Reference, TypicalPlace, fit_frame

KEYS = ("lv", "la", "aorta")
ANCHORS = np.array([True, True, False])
FRAME = HeartFrame(np.array([10.0, -20.0, 30.0]), 100.0)
SHAPES = 2


def heart(dilation: float, frame: HeartFrame = FRAME) -> dict[str, Moments]:
    """A family of one factor: as the LV widens, the LA widens and lies further back; the aorta moves to the right."""
    shapes = {
        "lv": ((-0.2, 0.0, 0.0), (0.15 * dilation, 0.15 * dilation, 0.25)),
        "la": ((0.1, -0.3 * dilation, 0.2), (0.2 * dilation, 0.1, 0.15)),
        "aorta": ((0.2 * dilation - 0.2, 0.0, 0.6), (0.08, 0.1, 0.3)),
    }
    return {key: Moments(frame.to_ras(np.array(p)), np.diag(axes) * frame.scale) for key, (p, axes) in shapes.items()}


def numbers(dilation: float, frame: HeartFrame = FRAME) -> dict[str, np.ndarray]:
    """The same in numbers; the atrium's first shape follows the dilation, all other shapes are nought."""
    shapes = {"lv": (0.0, 0.0), "la": ((dilation - 1) / 0.12, 0.0), "aorta": (0.0, 0.0)}
    return {key: np.append(place_numbers(m, frame), shapes[key]) for key, m in heart(dilation).items()}


def table(dilations: np.ndarray) -> np.ndarray:
    generator = np.random.default_rng(1)
    rows = np.array([[numbers(dilation)[key] for key in KEYS] for dilation in dilations])
    return rows + generator.normal(0, 1e-3, rows.shape)


@pytest.fixture(scope="module")
def expectation() -> Expectation:
    dilations = np.random.default_rng(0).normal(1.0, 0.12, 400)
    return measured(table(dilations), np.ones(400))


def measured(rows: np.ndarray, weights: np.ndarray, fine: int = 0, scales: np.ndarray | None = None) -> Expectation:
    """A cohort of hearts that are all of one size, unless their scales are given."""
    scales = np.full(len(rows), FRAME.scale) if scales is None else scales
    return Expectation.measure(KEYS, ANCHORS, rows, scales, weights, np.full((len(KEYS), SHAPES), 0.2), fine)


@pytest.fixture(scope="module")
def growing() -> Expectation:
    """A cohort of which the largest hearts have atria that are small for them."""
    generator = np.random.default_rng(7)
    sizes = generator.normal(0, 0.1, 2000)
    rows = table(np.ones(2000))
    rows[:, 1, 3:6] -= sizes[:, None]
    return measured(rows, np.ones(2000), scales=FRAME.scale * np.exp(sizes))


@pytest.mark.parametrize("dilation", [0.85, 1.0, 1.2])
def test_hidden_structures_follow_what_they_vary_with(expectation: Expectation, dilation: float) -> None:
    mean = expectation.posterior({"lv": numbers(dilation)["lv"]}).mean
    places = Places.of(mean)
    assert places.centroids[1] == pytest.approx([0.1, -0.3 * dilation, 0.2], abs=0.03)
    assert np.diag(places.spreads[1]) == pytest.approx([0.2 * dilation, 0.1, 0.15], rel=0.1)
    assert mean[1, 9] == pytest.approx((dilation - 1) / 0.12, abs=0.5)


def test_given_structures_stand_as_they_are(expectation: Expectation) -> None:
    given = {"lv": numbers(1.1)["lv"]}
    posterior = expectation.posterior(given)
    assert posterior.mean[0] == pytest.approx(given["lv"])
    assert posterior.drawn(np.random.default_rng(0), np.ones(3))[0] == pytest.approx(given["lv"])


def test_a_vessel_is_not_relied_on_beside_a_chamber_and_stands_as_it_is(expectation: Expectation) -> None:
    truth = numbers(1.0)
    odd = {"lv": truth["lv"], "aorta": truth["aorta"] - 0.3}
    posterior, without = expectation.posterior(odd), expectation.posterior({"lv": truth["lv"]})
    assert posterior.mean[:2] == pytest.approx(without.mean[:2])
    assert posterior.mean[2] == pytest.approx(odd["aorta"])
    assert posterior.drawn(np.random.default_rng(0), np.ones(3))[2] == pytest.approx(odd["aorta"])


def test_fine_shapes_tell_of_others_and_are_not_expected() -> None:
    """Nothing but the finest shape of the ventricle says where the atrium lies."""
    generator = np.random.default_rng(4)
    rows = generator.normal(0, 0.05, (400, 3, 9 + SHAPES))
    rows[:, 0, 10] = generator.normal(0, 1, 400)
    rows[:, 1, 0] = 0.1 * rows[:, 0, 10]
    expectation = measured(rows, np.ones(400), fine=1)
    given = np.zeros(9 + SHAPES)
    given[10] = 2.0
    mean = expectation.posterior({"lv": given}).mean
    assert mean.shape == (3, 9 + SHAPES - 1)
    assert mean[1, 0] == pytest.approx(0.2, rel=0.2)
    blurred = replace(expectation, misread=np.full((3, SHAPES), 2.0))
    assert blurred.posterior({"lv": given}).mean[1, 0] < 0.1


def test_fine_shapes_tell_of_vessels_by_what_they_tell_of_anchors() -> None:
    """The ventricle's finest shape goes with the places of atrium and aorta, which go together."""
    generator = np.random.default_rng(5)
    rows = generator.normal(0, 0.05, (400, 3, 9 + SHAPES))
    rows[:, 0, 10] = generator.normal(0, 1, 400)
    rows[:, 1, 0] = 0.1 * rows[:, 0, 10]
    rows[:, 2, :2] = 0.1 * rows[:, 0, 10, None]
    given = np.zeros(9 + SHAPES)
    given[10] = 2.0
    by_the_atrium = measured(rows, np.ones(400), fine=1).posterior({"lv": given}).mean
    assert by_the_atrium[2, :2] == pytest.approx(0.2, rel=0.3)
    rows[:, 1, 0] = generator.normal(0, 0.1, 400)
    by_nothing = measured(rows, np.ones(400), fine=1)
    assert by_nothing.posterior({"lv": given}).mean[2, :2] == pytest.approx(0.0, abs=0.05)
    assert np.linalg.eigvalsh(by_nothing.covariance).min() > 0.0


def test_hidden_structures_follow_in_the_frame_that_the_given_ones_set(expectation: Expectation) -> None:
    """The frame of a wide ventricle alone is too large: what is expected in it is that much smaller."""
    reference = Reference(
        {
            key: TypicalPlace(tuple(moments.centroid), tuple(map(tuple, moments.spread)), 0.01, 0.01, key != "aorta")
            for key, moments in heart(1.0, HeartFrame(np.zeros(3), 1.0)).items()
        },
        100.0,
    )
    framed = expectation.in_frames_of(["lv", "aorta"], reference)
    for dilation in (0.9, 1.1):
        frame = fit_frame({"lv": heart(dilation)["lv"]}, reference)
        given = {"lv": numbers(dilation, frame)["lv"]}
        truth = heart(dilation)["la"].centroid
        found, unframed = (
            frame.to_ras(believed.posterior(given).mean[1, :3]) - truth for believed in (framed, expectation)
        )
        assert np.linalg.norm(found) < 0.5
        assert np.linalg.norm(unframed) > 1.0


def test_size_tells_of_proportions(growing: Expectation) -> None:
    given = {"lv": numbers(1.0)["lv"]}
    smaller, unknown, larger = (
        growing.posterior(given, scale).mean[1, 3:6].mean() for scale in (0.9 * FRAME.scale, None, 1.1 * FRAME.scale)
    )
    assert 0.03 < smaller - unknown < 0.1
    assert 0.03 < unknown - larger < 0.1


def test_the_less_usual_a_size_the_less_it_tells(growing: Expectation) -> None:
    given = {"lv": numbers(1.0)["lv"]}
    unknown = growing.posterior(given).mean[1]
    for factor in (0.5, 2.0):
        assert growing.posterior(given, factor * FRAME.scale).mean[1] == pytest.approx(unknown, abs=0.01)


def test_size_is_known_in_other_frames_too(growing: Expectation) -> None:
    """Of the same heart, whatever sets the frame and however large its unit is there."""
    places = {
        key: TypicalPlace(tuple(moments.centroid), tuple(map(tuple, moments.spread)), 0.01, 0.01, key != "aorta")
        for key, moments in heart(1.0, HeartFrame(np.zeros(3), 2.0)).items()
    }
    framed = growing.in_frames_of(["lv"], Reference(places, 50.0))
    for factor in (0.9, 1.0, 1.1):
        whole = HeartFrame(FRAME.origin, factor * FRAME.scale)
        own = fit_frame({"lv": heart(1.0, whole)["lv"]}, Reference(places, 50.0))
        assert own.scale == pytest.approx(whole.scale / 2)
        moments = heart(1.0, whole)["lv"]
        one, other = (
            believed.posterior({"lv": np.append(place_numbers(moments, frame), (0.0, 0.0))}, frame.scale).mean[1, 3:6]
            for believed, frame in ((growing, whole), (framed, own))
        )
        assert other - np.log(2) == pytest.approx(one, abs=0.01)


def test_of_vessels_alone_size_tells_nothing(growing: Expectation) -> None:
    given = {"aorta": numbers(1.0)["aorta"]}
    assert growing.posterior(given, 1.1 * FRAME.scale).mean == pytest.approx(growing.posterior(given).mean)


def test_numbers_are_moved_from_frame_to_frame() -> None:
    other = HeartFrame(np.array([1.0, 2.0, 3.0]), 120.0)
    own, elsewhere = (np.array([numbers(1.1, frame)[key] for key in KEYS]) for frame in (FRAME, other))
    assert moved_numbers(own, FRAME, other) == pytest.approx(elsewhere)


def test_a_structure_of_unknown_shape_still_tells_its_place(expectation: Expectation) -> None:
    known = numbers(1.2)["lv"]
    unknown = np.append(known[:9], [np.nan, np.nan])
    places = Places.of(expectation.posterior({"lv": unknown}).mean)
    assert places.centroids[1] == pytest.approx([0.1, -0.36, 0.2], abs=0.03)


def test_nothing_given_is_the_mean_heart(expectation: Expectation) -> None:
    places = Places.of(expectation.posterior({}).mean)
    assert places.centroids[2] == pytest.approx([0.0, 0.0, 0.6], abs=0.01)
    assert (np.linalg.eigvalsh(places.spreads) > 0).all()


def test_hearts_that_lack_structures_count_with_what_they_have() -> None:
    """Large hearts come without an atrium: its mean is that of all hearts, as its tie to the ventricle says."""
    dilations = np.random.default_rng(3).normal(1.0, 0.12, 400)
    rows = table(dilations)
    rows[dilations > 1.0, 1] = np.nan
    found = measured(rows, np.ones(400))
    truth, naive = -0.3 * dilations.mean(), np.nanmean(rows[:, 1, 1])
    assert abs(found.mean[1, 1] - truth) < 0.4 * abs(naive - truth)


def test_a_weighted_heart_counts_as_many() -> None:
    rows = table(np.array([0.9, 1.0, 1.1, 1.2]))
    weighted = measured(rows, np.array([1.0, 1.0, 1.0, 3.0]))
    repeated = measured(rows[[0, 1, 2, 3, 3, 3]], np.ones(6))
    assert weighted.mean == pytest.approx(repeated.mean)
    assert weighted.covariance == pytest.approx(repeated.covariance)


def test_draws_scatter_as_the_cohort_does(expectation: Expectation) -> None:
    generator = np.random.default_rng(5)
    posterior = expectation.posterior({})
    drawn = np.array([posterior.drawn(generator, np.ones(3)) for _ in range(2000)])
    assert drawn[:, 1, 1].std() == pytest.approx(0.3 * 0.12, rel=0.15)
    assert drawn.mean(axis=0) == pytest.approx(posterior.mean, abs=0.15)


def test_a_structure_scatters_as_widely_as_it_is_said_to(expectation: Expectation) -> None:
    posterior = expectation.posterior({})
    spread = np.array([1.0, 2.0, 0.5])
    usual, changed = (posterior.drawn(np.random.default_rng(1), by) for by in (np.ones(3), spread))
    assert changed - posterior.mean == pytest.approx((usual - posterior.mean) * spread[:, None])


def test_extreme_input_still_gives_proper_spreads(expectation: Expectation) -> None:
    odd = place_numbers(Moments(np.array([500.0, -500.0, 900.0]), np.diag([0.01, 80.0, 300.0])), FRAME)
    places = Places.of(expectation.posterior({"lv": np.append(odd, [0, 0])}).mean)
    assert np.isfinite(places.centroids).all()
    assert (np.linalg.eigvalsh(places.spreads) > 0).all()
