"""Voxel grids of segments: vtkOrientedImageData in and out of arrays, without losing where a voxel is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import slicer
import vtk
from vtk.util.numpy_support import numpy_to_vtk, vtk_to_numpy

_GEOMETRY = slicer.vtkSegmentationConverter.GetReferenceImageGeometryParameterName()
_SURFACE = slicer.vtkSegmentationConverter.GetClosedSurfaceRepresentationName()
_MARGIN = 2
# Two grids are one if no voxel is further apart than this, in voxels.
_SAME = 1e-3
_SURFACE_SPACING = 1.0


@dataclass(frozen=True)
class VoxelGrid:
    """A box of voxels on an infinite lattice.

    Attributes:
        lattice: float64 [4, 4]; lattice index (i, j, k, 1) to mm in the segmentation's own coordinates.
        first: lattice index i, j, k of the box's first voxel; may be negative.
        shape: voxels along k, j, i.
    """

    lattice: np.ndarray
    first: tuple[int, int, int]
    shape: tuple[int, int, int]

    @property
    def ijk_to_space(self) -> np.ndarray:
        """Index within the box (i, j, k, 1) to mm: float64 [4, 4]."""
        matrix = self.lattice.copy()
        matrix[:3, 3] = self.lattice[:3, :3] @ self.first + self.lattice[:3, 3]
        return matrix

    @property
    def extent(self) -> tuple[int, int, int, int, int, int]:
        """First and last lattice index along i, j and k, as VTK has it."""
        last = [start + size - 1 for start, size in zip(self.first, self.shape[::-1], strict=True)]
        return (self.first[0], last[0], self.first[1], last[1], self.first[2], last[2])

    @classmethod
    def of_extent(cls, lattice: np.ndarray, extent: Sequence[int]) -> VoxelGrid:
        sizes = [extent[2 * axis + 1] - extent[2 * axis] + 1 for axis in range(3)]
        return cls(lattice, (extent[0], extent[2], extent[4]), tuple(sizes[::-1]))

    @classmethod
    def of_image(cls, image: slicer.vtkOrientedImageData) -> VoxelGrid:
        matrix = vtk.vtkMatrix4x4()
        image.GetImageToWorldMatrix(matrix)
        return cls.of_extent(slicer.util.arrayFromVTKMatrix(matrix), image.GetExtent())

    def boxed(self, first: Sequence[int], shape: Sequence[int]) -> VoxelGrid:
        """Another box on the same lattice: first voxel i, j, k counted from this box's first; shape along k, j, i."""
        start = tuple(int(a + b) for a, b in zip(self.first, first, strict=True))
        return VoxelGrid(self.lattice, start, tuple(int(size) for size in shape))

    def on_lattice_of(self, other: VoxelGrid) -> VoxelGrid | None:
        """This box counted on the other's lattice; None if the two lattices differ."""
        relative = np.linalg.solve(other.lattice, self.lattice)
        shift = np.round(relative[:3, 3])
        whole = np.eye(4)
        whole[:3, 3] = shift
        extent = np.array(self.extent).reshape(3, 2)
        corners = np.array(np.meshgrid(*extent)).reshape(3, -1)
        if np.abs((relative - whole)[:3] @ np.vstack([corners, np.ones(8)])).max() > _SAME:
            return None
        start = tuple(int(a + s) for a, s in zip(self.first, shift, strict=True))
        return VoxelGrid(other.lattice, start, self.shape)

    def image(self) -> slicer.vtkOrientedImageData:
        """A vtkOrientedImageData of this geometry, without voxels."""
        image = slicer.vtkOrientedImageData()
        image.SetExtent(*self.extent)
        image.SetImageToWorldMatrix(_matrix(self))
        return image


def common_grid(images: Sequence[slicer.vtkOrientedImageData], references: Sequence[VoxelGrid]) -> VoxelGrid:
    """One box on one lattice that holds all images: the first reference's on whose lattice the first image lies."""
    boxes = [VoxelGrid.of_image(image) for image in images if not _is_empty(image)]
    if not boxes:
        return next(iter(references), VoxelGrid(np.eye(4), (0, 0, 0), (1, 1, 1)))
    reference = next((grid for grid in references if boxes[0].on_lattice_of(grid) is not None), None)
    seen = reference is not None
    main = reference if seen else boxes[0]
    extents = [main.extent] if seen else []
    for image, box in zip((image for image in images if not _is_empty(image)), boxes, strict=True):
        placed = box.on_lattice_of(main)
        extents.append(placed.extent if placed else _resampled(image, main).GetExtent())
    low = np.min(np.array(extents)[:, 0::2], axis=0) - (0 if seen else _MARGIN)
    high = np.max(np.array(extents)[:, 1::2], axis=0) + (0 if seen else _MARGIN)
    return VoxelGrid.of_extent(main.lattice, [int(v) for pair in zip(low, high, strict=True) for v in pair])


def mask_on_grid(image: slicer.vtkOrientedImageData, label: int, grid: VoxelGrid) -> np.ndarray:
    """The voxels that hold a label, on the grid: bool [K, J, I]."""
    mask = np.zeros(grid.shape, dtype=bool)
    if _is_empty(image):
        return mask
    box = VoxelGrid.of_image(image).on_lattice_of(grid)
    if box is None:
        image = _resampled(image, grid)
        box = VoxelGrid.of_extent(grid.lattice, image.GetExtent())
    voxels = vtk_to_numpy(image.GetPointData().GetScalars()).reshape(box.shape) == label
    start = [a - b for a, b in zip(box.first[::-1], grid.first[::-1], strict=True)]
    into = tuple(slice(max(s, 0), min(s + n, m)) for s, n, m in zip(start, box.shape, grid.shape, strict=True))
    mask[into] = voxels[tuple(slice(i.start - s, i.stop - s) for i, s in zip(into, start, strict=True))]
    return mask


def labelmap_image(mask: np.ndarray, grid: VoxelGrid) -> slicer.vtkOrientedImageData:
    """A binary labelmap (0 and 1) of a mask [K, J, I] on a grid of its shape."""
    image = grid.image()
    scalars = numpy_to_vtk(np.ascontiguousarray(mask, dtype=np.uint8).ravel(), deep=True)
    scalars.SetName("ImageScalars")
    image.GetPointData().SetScalars(scalars)
    return image


def reference_grid(segmentation: slicer.vtkSegmentation) -> VoxelGrid | None:
    """The segmentation's reference image geometry, if it has one."""
    return grid_from_text(segmentation.GetConversionParameter(_GEOMETRY))


def set_reference_grid(segmentation: slicer.vtkSegmentation, grid: VoxelGrid) -> None:
    """Make a grid the segmentation's reference image geometry."""
    segmentation.SetConversionParameter(_GEOMETRY, text_from_grid(grid))


def grid_from_text(text: str | None) -> VoxelGrid | None:
    """A grid in the form in which Slicer stores image geometries; None if there is none."""
    image = slicer.vtkOrientedImageData()
    if not text or not slicer.vtkSegmentationConverter.DeserializeImageGeometry(text, image, False):
        return None
    return None if _is_empty(image) else VoxelGrid.of_image(image)


def text_from_grid(grid: VoxelGrid) -> str:
    """The inverse of :func:`grid_from_text`."""
    return slicer.vtkSegmentationConverter.SerializeImageGeometry(grid.image())


def grid_around_surfaces(segmentation: slicer.vtkSegmentation) -> VoxelGrid:
    """A 1 mm grid along the axes, with a margin around all closed surfaces."""
    bounds = vtk.vtkBoundingBox()
    for ID in segmentation.GetSegmentIDs():
        surface = segmentation.GetSegment(ID).GetRepresentation(_SURFACE)
        if surface is not None and surface.GetNumberOfPoints() > 0:
            bounds.AddBounds(surface.GetBounds())
    lattice = np.diag([_SURFACE_SPACING, _SURFACE_SPACING, _SURFACE_SPACING, 1.0])
    if not bounds.IsValid():
        return VoxelGrid(lattice, (0, 0, 0), (1, 1, 1))
    low = np.floor(np.array(bounds.GetMinPoint()) / _SURFACE_SPACING).astype(int) - _MARGIN
    high = np.ceil(np.array(bounds.GetMaxPoint()) / _SURFACE_SPACING).astype(int) + _MARGIN
    return VoxelGrid(lattice, tuple(int(v) for v in low), tuple(int(v) for v in (high - low + 1)[::-1]))


def _is_empty(image: slicer.vtkOrientedImageData) -> bool:
    extent = image.GetExtent()
    return any(extent[2 * axis] > extent[2 * axis + 1] for axis in range(3))


def _resampled(image: slicer.vtkOrientedImageData, grid: VoxelGrid) -> slicer.vtkOrientedImageData:
    """The image on the grid's lattice, nearest neighbour, as large as it needs to be."""
    output = slicer.vtkOrientedImageData()
    slicer.vtkOrientedImageDataResample.ResampleOrientedImageToReferenceOrientedImage(
        image, grid.image(), output, False, True
    )
    return output


def _matrix(grid: VoxelGrid) -> vtk.vtkMatrix4x4:
    matrix = vtk.vtkMatrix4x4()
    slicer.util.updateVTKMatrixFromArray(matrix, grid.lattice)
    return matrix
