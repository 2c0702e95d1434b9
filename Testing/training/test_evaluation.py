"""Metrics and baselines against cases whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest

from CardiacCompletionLib.anatomy.heart import Heart
from CardiacCompletionLib.geometry.expectation import Places
from CardiacCompletionLib.geometry.frame import HeartFrame
from CardiacCompletionLib.geometry.region import Region
from Testing.geometry.phantoms import ball, grid, voxelised
from Training.baselines.mean_heart import heart_fields
from Training.baselines.shape_model import BAND, PosteriorShapeModel
from Training.evaluation.comparison import counted, within
from Training.evaluation.metrics import dice, heart_surface, on_grid_of, surface_distances
from Training.evaluation.truncation import up_to_the_end

SIZE = 56
GRID = grid((1.0, 1.0, 1.0), (10, 20, 30), SIZE, center=(5, 6, 7))


def heart(**radii: float) -> Heart:
    """Balls at two places: ``a`` on the left, ``b`` on the right."""
    places = {"a": (-5, 6, 7), "b": (15, 6, 7)}
    regions = {key: voxelised(ball(radius, places[key]), GRID, SIZE) for key, radius in radii.items()}
    return Heart(regions, (SIZE,) * 3, GRID)


def test_dice() -> None:
    cube = Region(np.ones((4, 4, 4), dtype=bool), (2, 2, 2))
    assert dice(cube, cube) == 1.0
    assert dice(cube, cube.shifted((0, 0, 2))) == 0.5
    assert dice(cube, cube.shifted((9, 0, 0))) == 0.0
    assert dice(cube, None) == 0.0


def test_distances_between_concentric_spheres() -> None:
    small, large = heart(a=8), heart(a=10)
    assd, hd95 = surface_distances(heart_surface(small, "a"), heart_surface(large, "a"))
    assert assd == pytest.approx(2.0, abs=0.25)
    assert hd95 == pytest.approx(2.0, abs=0.7)


def test_hearts_on_shifted_grids_are_compared_where_they_are() -> None:
    original = heart(a=8)
    moved = GRID.copy()
    moved[:3, 3] += GRID[:3, :3] @ [3, -2, 5]
    region = original.regions["a"].shifted((-5, 2, -3))
    same = on_grid_of(Heart({"a": region}, (SIZE,) * 3, moved), original)
    assert dice(same.regions["a"], original.regions["a"]) == 1.0
    with pytest.raises(ValueError, match="lattice"):
        on_grid_of(Heart({}, (4, 4, 4), np.eye(4)), original)


def test_what_lies_beyond_the_image_does_not_count() -> None:
    region = Region(np.ones((4, 4, 4), dtype=bool), (-2, 1, SIZE - 1))
    kept = within(Heart({"a": region, "b": region.shifted((-9, 0, 0))}, (SIZE,) * 3, GRID)).regions
    assert kept.keys() == {"a"}
    assert kept["a"].start == (0, 1, SIZE - 1)
    assert kept["a"].mask.shape == (2, 4, 1)


def test_what_lies_beyond_the_end_of_a_stub_does_not_count() -> None:
    """A ball with a tube that leaves upwards, cut flat at 20 mm: of a longer tube only as much counts."""
    k, j, i = np.indices((60, 24, 24))
    tube = np.hypot(i - 12, j - 12) < 5
    stub, longer = tube & (k >= 12) & (k < 32), tube & (k >= 12) & (k < 45)
    body = (k - 6) ** 2 + (j - 12) ** 2 + (i - 12) ** 2 < 36
    regions = {"body": Region.of_mask(body), "vessel": Region.of_mask(stub)}
    kept = up_to_the_end(Region.of_mask(longer), Heart(regions, (60, 24, 24), np.eye(4)), "vessel")
    assert kept.start[0] == 12
    assert kept.mask.shape[0] == pytest.approx(20, abs=1)


@pytest.mark.parametrize("height", [60, 40])
def test_what_comes_back_down_beyond_the_end_of_a_stub_does_not_count_either(height: int) -> None:
    """An arch over a stub, in the image or above it: its far leg is reached only through the cut or from outside.

    The cut slopes, so that the far leg is on this side of its plane. A piece of its own is an error and counts.
    """
    k, j, i = np.indices((60, 24, 60))
    near, far = np.hypot(i - 12, j - 12) < 5, np.hypot(i - 44, j - 12) < 5
    arch = (np.hypot(np.hypot(i - 28, k - 44) - 16, j - 12) < 5) & (k >= 44)
    island = (k - 20) ** 2 + (j - 12) ** 2 + (i - 28) ** 2 < 9
    body = (k - 6) ** 2 + (j - 12) ** 2 + (i - 12) ** 2 < 36
    stub = near & (k >= 12) & (k < 20 + i)
    heart = Heart({"body": Region.of_mask(body), "vessel": Region.of_mask(stub)}, (height, 24, 60), np.eye(4))
    whole = (near & (k >= 12) & (k < 45)) | arch | (far & (k >= 12) & (k < 45)) | island
    answer = Heart({"vessel": Region.of_mask(whole)}, heart.shape, np.eye(4))
    kept = counted(answer, heart, trusted=["body"], partly=["vessel"]).regions["vessel"]
    mask = kept.cropped(np.zeros(3, int), np.array(body.shape))
    assert not mask[far].any()
    assert mask[island].all()
    assert mask[stub].mean() > 0.95


def test_what_turns_off_before_the_end_of_a_stub_counts_as_far_as_the_stub_is_long() -> None:
    """A vessel that bends sideways too soon and runs on for long: it is wrong up to where nothing was labelled."""
    k, j, i = np.indices((60, 24, 90))
    up = (np.hypot(i - 12, j - 12) < 5) & (k >= 12)
    stub, level = up & (k < 40), (np.hypot(k - 24, j - 12) < 5) & (i >= 12)
    body = (k - 6) ** 2 + (j - 12) ** 2 + (i - 12) ** 2 < 36
    heart = Heart({"body": Region.of_mask(body), "vessel": Region.of_mask(stub)}, body.shape, np.eye(4))
    kept = up_to_the_end(Region.of_mask((up & (k < 29)) | level), heart, "vessel")
    mask = kept.cropped(np.zeros(3, int), np.array(body.shape))
    assert mask[12:29, :, :17][stub[12:29, :, :17]].all()
    # Seven voxels up to the bend's inner side, 22 of the stub's 28 or 29 along it.
    assert np.argwhere(mask)[:, 2].max() == pytest.approx(12 + 22, abs=3)


def test_what_comes_back_into_the_image_from_outside_does_not_count() -> None:
    """A vessel that leaves the image by its border, where it has no flat end: its arch lies outside, a leg inside."""
    k, j, i = np.indices((60, 24, 60))
    near, far = np.hypot(i - 12, j - 12) < 5, np.hypot(i - 44, j - 12) < 5
    arch = (np.hypot(np.hypot(i - 28, k - 44) - 16, j - 12) < 5) & (k >= 44)
    body = (k - 6) ** 2 + (j - 12) ** 2 + (i - 12) ** 2 < 36
    stub = near & (k >= 12) & (k < 40)
    heart = Heart({"body": Region.of_mask(body), "vessel": Region.of_mask(stub)}, (40, 24, 60), np.eye(4))
    whole = ((near | far) & (k >= 12) & (k < 45)) | arch
    kept = up_to_the_end(Region.of_mask(whole), heart, "vessel")
    assert np.array_equal(kept.cropped(np.zeros(3, int), np.array(body.shape)), stub)


def test_the_shape_model_infers_what_varies_together() -> None:
    """Two balls whose radii grow together: from a large left one follows a large right one."""
    frame = HeartFrame(np.array([5.0, 6.0, 7.0]), 40.0)
    centroids = (np.array([[-5.0, 6.0, 7.0], [15.0, 6.0, 7.0]]) - frame.origin) / frame.scale
    places = Places(centroids, np.array([np.eye(3), np.eye(3)]) * 4.0 / frame.scale)
    axis = np.linspace(-4.0, 4.0, 20)
    nodes = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1).reshape(-1, 3)
    small, large = (
        np.clip(heart_fields(heart(a=r, b=r), ("a", "b"), frame, places, nodes), -BAND, BAND) for r in (7.0, 11.0)
    )
    model = PosteriorShapeModel(("a", "b"), places, nodes, (small + large) / 2, (large - small)[None] / 2)
    for radius in (7.0, 9.0, 11.0):
        inferred = model.posterior_mean(heart(a=radius), ["a"], frame)[1]
        expected = heart_fields(heart(b=radius), ("a", "b"), frame, places, nodes)[1]
        surface = abs(expected) < 0.4
        assert inferred[surface] == pytest.approx(expected[surface], abs=0.25)
