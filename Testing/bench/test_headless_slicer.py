"""The bench itself: what it promises is Slicer's own behaviour, checked on a phantom whose place is known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import slicer
import vtk

from Testing.bench.headless_slicer import start
from Testing.bench.mrml_views import SliceView, ThreeDView

_OBLIQUE = np.array([[0.8, 0.1, 0.0, 5.0], [-0.1, 0.8, 0.3, 6.0], [0.0, -0.3, 1.2, 7.0], [0.0, 0.0, 0.0, 1.0]])


def _segmentation_of_two_boxes() -> slicer.vtkMRMLSegmentationNode:
    voxels = np.zeros((20, 30, 40), np.int16)
    voxels[5:10, 6:12, 7:20] = 1
    voxels[10:14, 6:12, 7:20] = 3
    volume = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLabelMapVolumeNode", "Boxes")
    slicer.util.updateVolumeFromArray(volume, voxels)
    volume.SetIJKToRASMatrix(_matrix(_OBLIQUE))
    segmentation = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", "Heart")
    assert slicer.modules.segmentations.logic().ImportLabelmapToSegmentationNode(volume, segmentation)
    segmentation.CreateDefaultDisplayNodes()
    return segmentation


def _matrix(values: np.ndarray) -> vtk.vtkMatrix4x4:
    matrix = vtk.vtkMatrix4x4()
    slicer.util.updateVTKMatrixFromArray(matrix, values)
    return matrix


def test_starting_twice_keeps_the_scene(scene):
    scene.AddNewNodeByClass("vtkMRMLModelNode", "Kept")
    assert start() is scene
    assert slicer.util.getNode("Kept") is not None


def test_a_saved_scene_comes_back_with_its_hierarchy(scene, tmp_path: Path):
    _segmentation_of_two_boxes()
    bundle = tmp_path / "with a space.mrb"
    assert slicer.util.saveScene(str(bundle), {})
    scene.Clear(0)
    slicer.util.loadScene(str(bundle), {"clear": True})
    node = slicer.util.getNode("Heart")
    assert node.GetSegmentation().GetNumberOfSegments() == 2
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)
    assert hierarchy.GetItemByDataNode(node) != 0


def test_a_missing_file_raises_and_leaves_no_node(scene, tmp_path: Path):
    before = scene.GetNumberOfNodes()
    with pytest.raises(RuntimeError, match=r"none\.seg\.nrrd"):
        slicer.util.loadSegmentation(str(tmp_path / "none.seg.nrrd"), {})
    assert scene.GetNumberOfNodes() == before


def test_the_views_draw_what_is_visible_and_nothing_else(scene):
    segmentation = _segmentation_of_two_boxes()
    segmentation.CreateClosedSurfaceRepresentation()
    first, second = segmentation.GetSegmentation().GetSegmentIDs()
    view = ThreeDView(scene, size=(200, 200))
    view.setBackground((1.0, 1.0, 1.0))
    view.frame("A")
    both = view.pixels()
    segmentation.GetDisplayNode().SetSegmentVisibility(first, False)
    one = view.pixels()
    segmentation.GetDisplayNode().SetSegmentVisibility(second, False)
    none = view.pixels()
    drawn = [int((picture != 255).any(axis=2).sum()) for picture in (both, one, none)]
    assert drawn[0] > drawn[1] > 500
    assert drawn[2] == 0


def test_translucent_surfaces_are_drawn_with_what_is_behind_them(scene):
    segmentation = _segmentation_of_two_boxes()
    segmentation.CreateClosedSurfaceRepresentation()
    view = ThreeDView(scene, size=(200, 200))
    view.setBackground((1.0, 1.0, 1.0))
    view.frame("A")
    solid = view.pixels()
    for identifier in segmentation.GetSegmentation().GetSegmentIDs():
        segmentation.GetDisplayNode().SetSegmentOpacity3D(identifier, 0.4)
    glassy = view.pixels()
    drawn = (solid != 255).any(axis=2)
    assert (glassy[drawn] != 255).any(axis=1).mean() > 0.9
    assert glassy[drawn].mean() > solid[drawn].mean() + 20


def test_a_slice_shows_left_on_the_right_hand_side(scene):
    segmentation = _segmentation_of_two_boxes()
    bounds = [0.0] * 6
    segmentation.GetRASBounds(bounds)
    # 30 mm of empty space to the patient's right: the boxes must appear in the right half of the axial picture.
    view = SliceView(scene, "Axial", size=(200, 200))
    view.frame((bounds[0], bounds[1] + 30.0, *bounds[2:]))
    columns = np.nonzero(view.pixels().any(axis=2))[1]
    assert columns.size > 100
    assert columns.min() > 100
