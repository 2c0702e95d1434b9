"""Segmentation nodes in, hearts out: where every voxel is, whatever the grid and the parent transform."""

from __future__ import annotations

import numpy as np
import pytest
import slicer
import vtk

from CardiacCompletionLib.anatomy.identification import identify
from CardiacCompletionLib.anatomy.vocabulary import load_vocabulary
from CardiacCompletionLib.errors import CompletionError
from CardiacCompletionLib.mrml.segmentation_reading import read_heart, segments_of
from Testing.mrml.phantoms import (
    OBLIQUE,
    SHAPE,
    ball,
    bent_transform,
    linear_transform,
    partial_heart,
    segment_id,
    segmentation_of,
)

_SHEAR = np.array([[0.9, 0.3, 0.0, 10.0], [-0.2, 1.1, 0.1, -4.0], [0.0, 0.2, 0.8, 30.0], [0, 0, 0, 1.0]])


def _players(node, masks):
    return {key: segment_id(node, key) for key in masks}


def _full(heart, key):
    mask = np.zeros(heart.shape, dtype=bool)
    mask[heart.regions[key].box] = heart.regions[key].mask
    return mask


def _points(heart, key):
    """RAS mm [N, 3] of a structure's voxels, in a fixed order."""
    kji = np.argwhere(_full(heart, key))
    return kji[:, ::-1] @ heart.ijk_to_ras[:3, :3].T + heart.ijk_to_ras[:3, 3]


def test_voxels_and_place_of_an_oblique_segmentation_are_exact(scene):
    masks = partial_heart()
    node = segmentation_of(masks)
    heart = read_heart(node, _players(node, masks)).heart
    assert heart.shape == SHAPE
    np.testing.assert_allclose(heart.ijk_to_ras, OBLIQUE, atol=1e-12)
    for key, mask in masks.items():
        np.testing.assert_array_equal(_full(heart, key), mask)


def test_overlapping_segments_are_both_read_whole(scene):
    masks = {"left_ventricle": ball((15, -20, 50), 20), "aorta": ball((5, -20, 62), 15)}
    assert (masks["left_ventricle"] & masks["aorta"]).any()
    node = segmentation_of(masks)
    heart = read_heart(node, _players(node, masks)).heart
    for key, mask in masks.items():
        np.testing.assert_array_equal(_full(heart, key), mask)


def test_a_label_map_import_reads_its_shared_layer(scene):
    masks = partial_heart()
    labels = sum(number * mask.astype(np.int16) for number, mask in enumerate(masks.values(), start=1))
    volume = scene.AddNewNodeByClass("vtkMRMLLabelMapVolumeNode", "Labels")
    slicer.util.updateVolumeFromArray(volume, labels)
    matrix = vtk.vtkMatrix4x4()
    slicer.util.updateVTKMatrixFromArray(matrix, np.diag([1.5, 1.5, 2.0, 1.0]))
    volume.SetIJKToRASMatrix(matrix)
    node = scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "Heart")
    slicer.modules.segmentations.logic().ImportLabelmapToSegmentationNode(volume, node)
    node.SetReferenceImageGeometryParameterFromVolumeNode(volume)
    assert node.GetSegmentation().GetNumberOfLayers() == 1
    identifiers = node.GetSegmentation().GetSegmentIDs()
    heart = read_heart(node, dict(zip(masks, identifiers, strict=True))).heart
    for key, mask in masks.items():
        np.testing.assert_array_equal(_full(heart, key), mask)


@pytest.mark.parametrize("matrix", [np.diag([-1.0, -1.0, 1.0, 1.0]), _SHEAR], ids=["rotation", "shear"])
def test_a_linear_parent_transform_moves_every_voxel_as_slicer_does(scene, matrix):
    masks = partial_heart()
    node = segmentation_of(masks)
    before = _points(read_heart(node, _players(node, masks)).heart, "aorta")
    node.SetAndObserveTransformNodeID(linear_transform(matrix).GetID())
    after = _points(read_heart(node, _players(node, masks)).heart, "aorta")
    np.testing.assert_allclose(after, before @ matrix[:3, :3].T + matrix[:3, 3], atol=1e-9)
    # Slicer's own bounds of the moved segment hold all moved voxels and are no larger than a voxel more.
    bounds = np.zeros(6)
    node.GetRASBounds(bounds)
    everything = np.vstack([_points(read_heart(node, _players(node, masks)).heart, key) for key in masks])
    assert (everything.min(axis=0) >= bounds[0::2] - 1e-6).all()
    assert (everything.max(axis=0) <= bounds[1::2] + 1e-6).all()


def test_nested_linear_transforms_are_all_applied(scene):
    masks = partial_heart()
    node = segmentation_of(masks)
    outer = linear_transform(np.array([[1, 0, 0, 7], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1.0]]), "Outer")
    inner = linear_transform(np.diag([-1.0, 1.0, 1.0, 1.0]), "Inner")
    inner.SetAndObserveTransformNodeID(outer.GetID())
    node.SetAndObserveTransformNodeID(inner.GetID())
    heart = read_heart(node, _players(node, masks)).heart
    outer_after_inner = np.diag([-1.0, 1.0, 1.0, 1.0])
    outer_after_inner[0, 3] = 7
    np.testing.assert_allclose(heart.ijk_to_ras, outer_after_inner @ OBLIQUE, atol=1e-12)


def test_a_bent_parent_transform_is_refused_with_what_to_do(scene):
    masks = partial_heart()
    node = segmentation_of(masks)
    node.SetAndObserveTransformNodeID(bent_transform().GetID())
    with pytest.raises(CompletionError, match=r"Heart is under the non-linear transform Bent: harden it first"):
        read_heart(node, _players(node, masks))


def test_without_a_reference_geometry_the_grid_has_an_empty_margin(scene):
    masks = partial_heart()
    node = segmentation_of(masks, reference=False)
    heart = read_heart(node, _players(node, masks)).heart
    for key, mask in masks.items():
        whole = _full(heart, key)
        assert whole.sum() == mask.sum()
        np.testing.assert_allclose(
            _points(heart, key), np.argwhere(mask)[:, ::-1] @ OBLIQUE[:3, :3].T + OBLIQUE[:3, 3], atol=1e-9
        )
        # An edge of the grid would be taken for a cut.
        assert not whole[[0, -1]].any()
        assert not whole[:, [0, -1]].any()
        assert not whole[:, :, [0, -1]].any()


def test_segments_on_different_grids_come_to_one(scene):
    masks = partial_heart()
    node = segmentation_of({"left_ventricle": masks["left_ventricle"], "myocardium": masks["myocardium"]})
    finer = OBLIQUE.copy()
    finer[:3, :3] *= 0.75
    other = segmentation_of({"aorta": ball((-5, -15, 55), 12, finer)}, finer, name="Other")
    identifier = segment_id(other, "aorta")
    node.GetSegmentation().CopySegmentFromSegmentation(other.GetSegmentation(), identifier)
    played = {"left_ventricle": segment_id(node, "left_ventricle"), "aorta": identifier}
    heart = read_heart(node, played).heart
    np.testing.assert_array_equal(_full(heart, "left_ventricle"), masks["left_ventricle"])
    centre = _points(heart, "aorta").mean(axis=0)
    expected = np.argwhere(ball((-5, -15, 55), 12, finer))[:, ::-1].mean(axis=0) @ finer[:3, :3].T + finer[:3, 3]
    assert np.linalg.norm(centre - expected) < 0.6


def test_surfaces_without_voxels_are_voxelised_on_one_grid(scene):
    node = scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "Surfaces")
    node.SetSourceRepresentationToClosedSurface()
    for key, centre in (("left_ventricle", (10.0, -20.0, 30.0)), ("aorta", (-25.0, -20.0, 60.0))):
        sphere = vtk.vtkSphereSource()
        sphere.SetRadius(20)
        sphere.SetCenter(centre)
        sphere.SetThetaResolution(60)
        sphere.SetPhiResolution(60)
        sphere.Update()
        node.AddSegmentFromClosedSurfaceRepresentation(sphere.GetOutput(), key, [1, 0, 0], key)
    heart = read_heart(node, {"left_ventricle": "left_ventricle", "aorta": "aorta"}).heart
    np.testing.assert_allclose(_points(heart, "aorta").mean(axis=0), (-25, -20, 60), atol=0.6)
    assert heart.volume_ml("left_ventricle") == pytest.approx(4 / 3 * np.pi * 8.0, rel=0.03)
    assert not node.GetSegmentation().ContainsRepresentation("Binary labelmap")


def test_an_empty_segment_is_no_structure(scene):
    masks = partial_heart() | {"left_atrium": np.zeros(SHAPE, dtype=bool)}
    node = segmentation_of(masks)
    node.GetSegmentation().AddEmptySegment("drawn", "right_atrium")
    played = _players(node, masks) | {"right_atrium": "drawn"}
    assert set(read_heart(node, played).heart.regions) == {"left_ventricle", "myocardium", "aorta"}


def test_a_removed_segment_is_named_in_a_sentence(scene):
    node = segmentation_of(partial_heart())
    with pytest.raises(CompletionError, match="no longer in Heart"):
        read_heart(node, {"left_ventricle": "gone"})


def test_segments_are_identified_by_what_slicer_keeps_of_them(scene):
    node = segmentation_of(partial_heart())
    segmentation = node.GetSegmentation()
    wall = segmentation.GetSegment(segment_id(node, "myocardium"))
    wall.SetName("What the tool called it")
    wall.SetTag(
        slicer.vtkSegment.GetTerminologyEntryTagName(),
        "Any context~SCT^123037004^Anatomical Structure~SCT^74281007^Whatever~^^~Any~^^~^^",
    )
    found = {f.segment.name: f.key for f in identify(segments_of(node), load_vocabulary())}
    assert found == {
        "left_ventricle": "left_ventricle",
        "What the tool called it": "myocardium",
        "aorta": "aorta",
    }
