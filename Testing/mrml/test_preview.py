"""The coarse heart of the preview lies where the heart lies."""

from __future__ import annotations

import numpy as np
import pytest

from CardiacCompletionLib.mrml.preview import coarsened
from CardiacCompletionLib.mrml.segmentation_reading import read_heart
from Testing.mrml.phantoms import partial_heart, segment_id, segmentation_of


def _points(heart, key):
    region = heart.regions[key]
    kji = np.argwhere(region.mask) + region.start
    return kji[:, ::-1] @ heart.ijk_to_ras[:3, :3].T + heart.ijk_to_ras[:3, 3]


@pytest.mark.parametrize("spacing", [1.0, 3.0, 5.0])
def test_every_coarse_voxel_is_a_voxel_of_the_structure(scene, spacing):
    masks = partial_heart()
    node = segmentation_of(masks)
    fine = read_heart(node, {key: segment_id(node, key) for key in masks})
    coarse = coarsened(fine, spacing)
    for key in masks:
        known = {tuple(point) for point in np.round(_points(fine.heart, key), 6)}
        points = _points(coarse.heart, key)
        assert len(points) > 10
        assert {tuple(point) for point in np.round(points, 6)} <= known
        assert np.linalg.norm(points.mean(axis=0) - _points(fine.heart, key).mean(axis=0)) < 1.5
    assert (coarse.heart.spacing <= np.maximum(spacing, fine.heart.spacing) + 1e-9).all()
    np.testing.assert_allclose(coarse.grid.ijk_to_space, coarse.heart.ijk_to_ras)
