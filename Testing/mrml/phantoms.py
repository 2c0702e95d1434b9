"""Small hearts whose place is known, as segmentation nodes; and transforms to put them under."""

from __future__ import annotations

import numpy as np
import slicer
import vtk
from vtk.util.numpy_support import vtk_to_numpy

from CardiacCompletionLib.mrml.oriented_image import VoxelGrid, labelmap_image, set_reference_grid

# Oblique, anisotropic, and left-handed in no axis: index (i, j, k) to RAS mm.
OBLIQUE = np.array([[1.4, 0.2, -0.3, -60.0], [-0.2, 1.5, 0.4, -80.0], [0.25, -0.3, 2.0, 20.0], [0.0, 0.0, 0.0, 1.0]])
SHAPE = (40, 60, 70)
# A quarter turn and a shift, RAS mm.
TURN = np.array([[0.0, -1.0, 0.0, 12.0], [1.0, 0.0, 0.0, -7.0], [0.0, 0.0, 1.0, 40.0], [0, 0, 0, 1.0]])


def ball(centre: tuple[float, float, float], radius: float, matrix: np.ndarray = OBLIQUE) -> np.ndarray:
    """Voxels of a ball given in RAS mm: bool [K, J, I] of ``SHAPE``."""
    k, j, i = np.indices(SHAPE).reshape(3, -1)
    ras = matrix[:3, :3] @ np.vstack([i, j, k]) + matrix[:3, 3:]
    return (np.linalg.norm(ras - np.array(centre)[:, None], axis=0) < radius).reshape(SHAPE)


def partial_heart(matrix: np.ndarray = OBLIQUE) -> dict[str, np.ndarray]:
    """A left ventricle in its wall, an aorta to the right and above, and no mirror symmetry."""
    cavity, apex = ball((15, -20, 50), 18, matrix), ball((25, -10, 40), 14, matrix)
    ventricle = cavity | apex
    wall = (ball((15, -20, 50), 26, matrix) | ball((25, -10, 40), 22, matrix)) & ~ventricle
    aorta = ball((-5, -15, 80), 12, matrix) & ~wall & ~ventricle
    return {"left_ventricle": ventricle, "myocardium": wall, "aorta": aorta}


def segmentation_of(
    masks: dict[str, np.ndarray], matrix: np.ndarray = OBLIQUE, name: str = "Heart", reference: bool = True
) -> slicer.vtkMRMLSegmentationNode:
    """A segmentation with one segment per mask [K, J, I]; its name is the key, its ID random as in Slicer."""
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", name)
    node.CreateDefaultDisplayNodes()
    grid = VoxelGrid(matrix, (0, 0, 0), next(iter(masks.values())).shape)
    if reference:
        set_reference_grid(node.GetSegmentation(), grid)
    for key, mask in masks.items():
        identifier = node.AddSegmentFromBinaryLabelmapRepresentation(labelmap_image(mask, grid), key, [0.5, 0.5, 0.5])
        assert identifier
    return node


def segment_id(node: slicer.vtkMRMLSegmentationNode, name: str) -> str:
    return node.GetSegmentation().GetSegmentIdBySegmentName(name)


def voxels_of(node: slicer.vtkMRMLSegmentationNode, identifier: str, shape: tuple[int, int, int]) -> np.ndarray:
    """Voxels of a segment by Slicer's own export, from lattice index 0 on: bool [K, J, I]."""
    image = slicer.vtkOrientedImageData()
    node.GetBinaryLabelmapRepresentation(identifier, image)
    mask = np.zeros(shape, dtype=bool)
    box = VoxelGrid.of_image(image)
    values = vtk_to_numpy(image.GetPointData().GetScalars()).reshape(box.shape)
    for k, j, i in np.argwhere(values):
        mask[k + box.first[2], j + box.first[1], i + box.first[0]] = True
    return mask


def linear_transform(matrix: np.ndarray, name: str = "Moved") -> slicer.vtkMRMLLinearTransformNode:
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode", name)
    values = vtk.vtkMatrix4x4()
    slicer.util.updateVTKMatrixFromArray(values, matrix)
    node.SetMatrixTransformToParent(values)
    return node


def bent_transform(name: str = "Bent") -> slicer.vtkMRMLTransformNode:
    """A thin plate spline, which is not linear."""
    spline = vtk.vtkThinPlateSplineTransform()
    source, target = vtk.vtkPoints(), vtk.vtkPoints()
    for point in ((0, 0, 0), (100, 0, 0), (0, 100, 0), (0, 0, 100), (100, 100, 100)):
        source.InsertNextPoint(point)
        target.InsertNextPoint(point[0] + (5 if point[1] else 0), point[1], point[2])
    spline.SetSourceLandmarks(source)
    spline.SetTargetLandmarks(target)
    spline.SetBasisToR()
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTransformNode", name)
    node.SetAndObserveTransformToParent(spline)
    return node
