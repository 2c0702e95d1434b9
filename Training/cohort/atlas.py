"""Hearts from an atlas: a linear shape model over surfaces of real hearts in dense correspondence.

The file is a NumPy .npz without pickles:
    V: float [S, N, 3], LPS mm: the same N surface points on each of S hearts.
    parts: names of the pieces, in the order in which their points follow each other in V.
    n: int [parts], how many points each piece has.
    F_<part>: int [triangles, 3], indices into that piece's points.
Pieces that must be there are the walls, each a closed surface: LV, RV, LA, RA and the stubs AO and PA. All others
(valves MV, TV, AV, PV; discs over the appendage, the pulmonary and the caval veins) only close the walls' openings, so
that blood pools have an inside.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import vtk
from scipy import ndimage
from vtk.util.numpy_support import numpy_to_vtk, numpy_to_vtkIdTypeArray, vtk_to_numpy

from CardiacCompletionLib.anatomy.vocabulary import load_vocabulary
from CardiacCompletionLib.errors import CompletionError
from CardiacCompletionLib.geometry.label_map import LabelMap

_POOLS = {"LV": "left_ventricle", "RV": "right_ventricle", "LA": "left_atrium", "RA": "right_atrium"}
_STUBS = {"AO": "aorta", "PA": "pulmonary_artery"}  # tubes, open at their far end
# A valve's disc is blood: of the chamber whose side it is counted to, so that the two it parts touch.
_VALVES = {"MV": "left_atrium", "TV": "right_atrium", "AV": "left_ventricle", "PV": "right_ventricle"}
_SMALLEST = 5000  # voxels (5 ml): a smaller room is not a chamber
_SPACING = 1.0  # mm, at which surfaces are turned into voxels
_MARGIN = 6  # voxels of background


@dataclass(frozen=True)
class Atlas:
    """Surfaces in correspondence.

    Attributes:
        points: float64 [S, N, 3] RAS mm, each heart turned and shifted (not scaled) onto their mean.
        parts: piece -> where its points lie.
        triangles: piece -> [triangles, 3], indices into its own points.
    """

    points: np.ndarray
    parts: dict[str, slice]
    triangles: dict[str, np.ndarray]

    @cached_property
    def mean(self) -> np.ndarray:
        """[N, 3] RAS mm."""
        return self.points.mean(axis=0)

    @cached_property
    def modes(self) -> np.ndarray:
        """How much of each heart's difference from the mean one standard deviation of each mode is: [S, S - 1].

        Modes are the principal components of the points; as every mode is a sum of hearts, whatever else depends on
        hearts linearly goes along with them.
        """
        away = (self.points - self.mean).reshape(len(self.points), -1)
        vectors, _, _ = np.linalg.svd(away, full_matrices=False)
        return vectors[:, : len(away) - 1] / np.sqrt(len(away) - 1)

    def mixture(self, rng: np.random.Generator) -> np.ndarray:
        """Weights [S] of a random heart: mean + weights @ (hearts - mean), its modes normal and kept within two SD."""
        return self.modes @ np.clip(rng.standard_normal(self.modes.shape[1]), -2.0, 2.0)

    def surface(self, weights: np.ndarray) -> np.ndarray:
        """Points [N, 3] of a mixture; weights of one minus the mean give back a heart of the atlas."""
        return self.mean + np.tensordot(weights, self.points - self.mean, axes=1)

    def label_map(self, points: np.ndarray) -> LabelMap:
        """Blood pools and myocardium (cardiac10 labels) of a set of points [N, 3], 1 mm voxels."""
        low = np.floor(points.min(axis=0)) - _MARGIN
        size = np.ceil(points.max(axis=0) - low).astype(int) + _MARGIN
        filled = {name: self._voxels(name, points, low, size) for name in self.parts}
        closed = np.any(list(filled.values()), axis=0)
        labels = {structure.key: structure.label for structure in load_vocabulary()}
        voxels = np.zeros(closed.shape, dtype=np.uint8)
        for name, pool in self._pools({name: filled[name] for name in _POOLS}, closed).items():
            voxels[pool] = labels[_POOLS[name]]
        walls = np.any([filled[name] for name in (*_POOLS, *_STUBS)], axis=0)
        for name in _VALVES.keys() & filled.keys():
            voxels[filled[name] & ~walls & (voxels == 0)] = labels[_VALVES[name]]
        voxels[filled["LV"] & (voxels == 0)] = labels["myocardium"]
        for (
            name,
            key,
        ) in _STUBS.items():  # the lumen, as the wall rings it in axial slices, and what is ringed obliquely
            ringed = np.array([ndimage.binary_fill_holes(level) for level in filled[name]]) & ~filled[name]
            voxels[ringed & (voxels == 0)] = labels[key]
        placement = np.eye(4)
        placement[:3, 3] = low
        return LabelMap(voxels, placement)

    def _voxels(self, name: str, points: np.ndarray, low: np.ndarray, size: np.ndarray) -> np.ndarray:
        """Mask [K, J, I] of the inside of a piece's closed surface."""
        corners, triangles = points[self.parts[name]], self.triangles[name]
        surface = vtk.vtkPolyData()
        vertices = vtk.vtkPoints()
        vertices.SetData(numpy_to_vtk(np.ascontiguousarray(corners), deep=True))
        cells = vtk.vtkCellArray()
        faces = np.hstack([np.full((len(triangles), 1), 3), triangles]).astype(np.int64)
        cells.ImportLegacyFormat(numpy_to_vtkIdTypeArray(faces.ravel(), deep=True))
        surface.SetPoints(vertices)
        surface.SetPolys(cells)
        stencil = vtk.vtkPolyDataToImageStencil()
        stencil.SetInputData(surface)
        stencil.SetOutputOrigin(*low)
        stencil.SetOutputSpacing(_SPACING, _SPACING, _SPACING)
        stencil.SetOutputWholeExtent(0, size[0] - 1, 0, size[1] - 1, 0, size[2] - 1)
        image = vtk.vtkImageStencilToImage()
        image.SetInputConnection(stencil.GetOutputPort())
        image.SetInsideValue(1)
        image.SetOutsideValue(0)
        image.Update()
        return vtk_to_numpy(image.GetOutput().GetPointData().GetScalars()).reshape(size[::-1]) > 0

    @staticmethod
    def _pools(walls: dict[str, np.ndarray], closed: np.ndarray) -> dict[str, np.ndarray]:
        """Each wall's blood pool: the enclosed room that touches it most, grown back to the wall."""
        near = {name: ndimage.binary_dilation(wall, iterations=6) for name, wall in walls.items()}
        for thickening in (1, 2, 3, 4):  # thin walls have holes between voxels; thickened ones have not
            rooms, _ = ndimage.label(~ndimage.binary_dilation(closed, iterations=thickening))
            small = np.flatnonzero(np.bincount(rooms.ravel()) < _SMALLEST)
            inside = {}
            for name, around in near.items():
                touching = np.bincount(rooms[around], minlength=int(rooms.max()) + 1)
                touching[[0, rooms[0, 0, 0], *small]] = 0
                inside[name] = int(touching.argmax())
            if 0 not in inside.values() and len(set(inside.values())) == len(inside):
                return {
                    name: ndimage.binary_dilation(rooms == room, iterations=thickening + 1, mask=~closed)
                    for name, room in inside.items()
                }
        raise CompletionError("The atlas's walls do not enclose four blood pools; its openings need discs.")


def read_atlas(path: Path) -> Atlas:
    """The atlas of a file.

    Raises:
        CompletionError: when it cannot be read, or does not hold what the module's text lists.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            content = {name: file[name] for name in file.files}
    except (OSError, ValueError) as error:
        raise CompletionError(f"{path} cannot be read as an atlas (.npz).") from error
    names = [str(name) for name in content.get("parts", [])]
    missing = [key for key in ("V", "n") if key not in content] + [
        name for name in (*_POOLS, *_STUBS) if name not in names
    ]
    missing += [f"F_{name}" for name in names if f"F_{name}" not in content]
    if missing:
        raise CompletionError(f"{path} is no atlas: it lacks {', '.join(missing)}.")
    ends = np.cumsum(content["n"])
    parts = {
        name: slice(int(end - count), int(end)) for name, count, end in zip(names, content["n"], ends, strict=True)
    }
    points = content["V"].astype(np.float64) * [-1.0, -1.0, 1.0]
    if len(points) < 3 or points.shape[1] != ends[-1]:
        raise CompletionError(f"{path} is no atlas: it needs three hearts or more, with as many points as n says.")
    return Atlas(_aligned(points), parts, {name: content[f"F_{name}"] for name in names})


def _aligned(points: np.ndarray) -> np.ndarray:
    """Hearts [S, N, 3] turned and shifted onto their mean, not scaled (Procrustes; Gower 1975)."""
    points = points - points.mean(axis=1, keepdims=True)
    target = points[0]
    for _ in range(4):
        turned = []
        for heart in points:
            u, _, v = np.linalg.svd(heart.T @ target)
            turned.append(heart @ u @ np.diag([1, 1, np.linalg.det(u @ v)]) @ v)
        points = np.array(turned)
        target = points.mean(axis=0)
    return points
