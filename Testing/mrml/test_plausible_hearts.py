"""Plausible hearts in the scene: at their place, one at a time, and gone without a trace."""

from __future__ import annotations

import numpy as np
import pytest
import slicer
import vtk
from vtk.util.numpy_support import vtk_to_numpy

from CardiacCompletionLib.anatomy.heart import Heart
from CardiacCompletionLib.anatomy.vocabulary import load_vocabulary
from CardiacCompletionLib.completion.likelihood import likelihood
from CardiacCompletionLib.completion.result import CompletionResult
from CardiacCompletionLib.completion.samples import Samples
from CardiacCompletionLib.geometry.lattice import Lattice
from CardiacCompletionLib.geometry.region import Region
from CardiacCompletionLib.mrml.certainty import certainty_of
from CardiacCompletionLib.mrml.plausible_hearts import PlausibleHearts, hearts_of_samples
from CardiacCompletionLib.mrml.result_writing import mark_as_trusted, new_output_beside, write_result
from CardiacCompletionLib.mrml.segmentation_reading import ReadHeart, read_heart
from Testing.mrml.phantoms import linear_transform, partial_heart, segment_id, segmentation_of

VOCABULARY = load_vocabulary()
TRUSTED = ("left_ventricle", "myocardium")
CENTRES = np.array([(-20.0, -45.0, 60.0), (-26.0, -45.0, 60.0), (-20.0, -51.0, 63.0)])
RADIUS = 12.0
TURNED = np.array([[0.8, -0.6, 0.0, 40.0], [0.6, 0.8, 0.0, -10.0], [0.0, 0.0, 1.0, 5.0], [0.0, 0.0, 0.0, 1.0]])


def _drawn(heart: Heart, centres: np.ndarray) -> Samples:
    """Right atria that are balls around points (RAS mm), on a lattice along the heart's axes, as the engine has it."""
    axes = heart.ijk_to_ras[:3, :3][:, ::-1]
    lattice = Lattice.around(centres.mean(axis=0), 30.0, 1.5, axes)
    points = lattice.all_points()
    balls = [np.linalg.norm(points - centre, axis=1).reshape(lattice.shape) < RADIUS for centre in centres]
    return Samples(lattice, tuple({"right_atrium": Region.of_mask(ball)} for ball in balls), {"right_atrium": 0.8})


def _completed(transform: np.ndarray | None) -> tuple[slicer.vtkMRMLSegmentationNode, ReadHeart, Samples, np.ndarray]:
    """A result with plausible hearts, what it was made of, and the balls' centres in world RAS."""
    node = segmentation_of(partial_heart())
    to_world = np.eye(4) if transform is None else transform
    if transform is not None:
        node.SetAndObserveTransformNodeID(linear_transform(transform).GetID())
    read = read_heart(node, {key: segment_id(node, key) for key in TRUSTED})
    centres = CENTRES @ to_world[:3, :3].T + to_world[:3, 3]
    samples = _drawn(read.heart, centres)
    some = {"right_atrium": Region(np.ones((9, 9, 9), dtype=bool), (5, 5, 5))}
    heart = Heart({**read.heart.regions, **some}, read.heart.shape, read.heart.ijk_to_ras)
    result = CompletionResult(heart, TRUSTED, ("right_atrium",), (), {}, samples=samples)
    output = new_output_beside(node)
    write_result(result, read, node, output, VOCABULARY)
    PlausibleHearts.attach(output, hearts_of_samples(samples, read, VOCABULARY))
    return output, read, samples, centres


def _proxy() -> slicer.vtkMRMLSegmentationNode:
    return next(n for n in slicer.util.getNodesByClass("vtkMRMLSegmentationNode") if "plausible" in n.GetName())


@pytest.mark.parametrize("transform", [None, TURNED], ids=["as it is", "under a transform"])
def test_each_heart_is_shown_where_it_was_drawn(scene, transform):
    output, _read, _samples, centres = _completed(transform)
    hearts = PlausibleHearts.of(output)
    assert (hearts.count, hearts.shown) == (3, 0)
    for number, centre in enumerate(centres, start=1):
        hearts.show(number)
        assert hearts.shown == number
        image = slicer.vtkOrientedImageData()
        slicer.vtkSlicerSegmentationsModuleLogic.GetSegmentBinaryLabelmapRepresentation(_proxy(), "right_atrium", image)
        voxels = np.count_nonzero(vtk_to_numpy(image.GetPointData().GetScalars()))
        assert voxels * np.prod(image.GetSpacing()) == pytest.approx(4 / 3 * np.pi * RADIUS**3, rel=0.03)
        np.testing.assert_allclose(_proxy().GetSegmentCenterRAS("right_atrium"), centre, atol=2.0)


@pytest.mark.parametrize("transform", [None, TURNED], ids=["as it is", "under a transform"])
def test_probability_follows_from_all_hearts_outside_what_is_trusted(scene, transform):
    output, read, _samples, centres = _completed(transform)
    volume = PlausibleHearts.of(output).probability(VOCABULARY["right_atrium"])
    values = slicer.util.arrayFromVolume(volume)
    matrix = slicer.util.arrayFromVTKMatrix(_ijk_to_ras(volume))
    kji = np.indices(values.shape).reshape(3, -1)
    to_world = np.eye(4) if transform is None else transform
    points = (to_world @ matrix @ np.vstack([kji[::-1], np.ones(kji.shape[1])]))[:3].T
    share = np.mean([np.linalg.norm(points - centre, axis=1) < RADIUS for centre in centres], axis=0)
    ijk = np.linalg.solve(read.heart.ijk_to_ras, np.vstack([points.T, np.ones(len(points))]))[:3].T
    held = [region.holds(np.round(ijk).astype(int)[:, ::-1]) for region in read.heart.regions.values()]
    free = ~np.any(held, axis=0).reshape(values.shape)
    expected = likelihood(share.reshape(values.shape), free, np.linalg.norm(matrix[:3, 2::-1], axis=0))
    np.testing.assert_allclose(values, expected, atol=1e-5)
    assert values[~free].max() == 0.0 < values.max() <= 1.0
    assert values.dtype == np.float32


def _ijk_to_ras(volume: slicer.vtkMRMLScalarVolumeNode) -> vtk.vtkMatrix4x4:
    matrix = vtk.vtkMatrix4x4()
    volume.GetIJKToRASMatrix(matrix)
    return matrix


def test_hearts_leave_nothing_behind(scene):
    output, read, samples, _centres = _completed(None)
    PlausibleHearts.detach(output)
    nodes = scene.GetNumberOfNodes()
    PlausibleHearts.attach(output, hearts_of_samples(samples, read, VOCABULARY))
    hearts = PlausibleHearts.of(output)
    hearts.show(2)
    hearts.probability(VOCABULARY["right_atrium"])
    assert scene.GetNumberOfNodes() > nodes
    assert len(PlausibleHearts.detach(output)) == 3
    assert scene.GetNumberOfNodes() == nodes
    assert PlausibleHearts.of(output) is None
    assert output.GetDisplayNode().GetSegmentVisibility(segment_id(output, "Right atrium"))


def test_what_the_user_has_hidden_stays_hidden(scene):
    output, _read, _samples, _centres = _completed(None)
    identifier = segment_id(output, "Right atrium")
    output.GetDisplayNode().SetSegmentVisibility(identifier, False)
    PlausibleHearts.detach(output)
    assert not output.GetDisplayNode().GetSegmentVisibility(identifier)


def test_hearts_of_a_result_that_was_never_shown_can_be_shown(scene):
    node = segmentation_of(partial_heart())
    read = read_heart(node, {key: segment_id(node, key) for key in TRUSTED})
    output = scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "Bare")
    PlausibleHearts.attach(output, hearts_of_samples(_drawn(read.heart, CENTRES), read, VOCABULARY)).show(1)
    assert _proxy().GetDisplayVisibility()


def test_a_structure_left_out_is_in_no_heart(scene):
    output, read, samples, _centres = _completed(None)
    PlausibleHearts.attach(output, hearts_of_samples(samples, read, VOCABULARY, left_out=["right_atrium"]))
    assert not PlausibleHearts.of(output).knows(VOCABULARY["right_atrium"])


def test_hearts_lie_beside_the_result_in_the_subject_hierarchy(scene):
    node = segmentation_of(partial_heart())
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)
    study = hierarchy.CreateStudyItem(hierarchy.GetSceneItemID(), "Study")
    hierarchy.SetItemParent(hierarchy.GetItemByDataNode(node), study)
    read = read_heart(node, {key: segment_id(node, key) for key in TRUSTED})
    output = new_output_beside(node)
    PlausibleHearts.attach(output, hearts_of_samples(_drawn(read.heart, CENTRES), read, VOCABULARY))
    assert hierarchy.GetItemParent(hierarchy.GetItemByDataNode(_proxy())) == study


def test_certainty_is_a_tag_of_the_segment_until_it_is_trusted(scene):
    output, _read, samples, _centres = _completed(None)
    identifier = segment_id(output, "Right atrium")
    said = certainty_of(output.GetSegmentation().GetSegment(identifier))
    assert said.confidence == 0.8
    np.testing.assert_allclose((said.low_ml, said.high_ml), samples.interval_ml("right_atrium"), atol=1e-3)
    assert certainty_of(output.GetSegmentation().GetSegment(segment_id(output, "Left ventricle"))) is None
    mark_as_trusted(output, identifier)
    assert certainty_of(output.GetSegmentation().GetSegment(identifier)) is None
