"""Pictures of a heart: surfaces from four sides, and slices through it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import vtk
from scipy import ndimage
from vtk.util.numpy_support import numpy_to_vtk, vtk_to_numpy

from CardiacCompletionLib.anatomy.vocabulary import load_vocabulary
from CardiacCompletionLib.geometry.label_map import LabelMap
from Training.cohort.factors import Factors
from Training.cohort.landmarks import Landmarks

VIEWS = {"front": (0, 1, 0), "left": (-1, 0, 0), "back": (0, -1, 0), "right": (1, 0, 0)}
PLANES = ("axial", "coronal", "sagittal", "four-chamber", "short-axis")
THIN = {"coronary_arteries"}
_WALLS = {"right_ventricle_wall", "left_atrium_wall"}  # they would hide what they line


def surfaces(label_map: LabelMap, size: int) -> list[np.ndarray]:
    """The heart's surfaces seen from `VIEWS`, each an image float [size, size, 3]; upright, orthographic."""
    actors = []
    for structure in load_vocabulary():
        mask = label_map.voxels == structure.label
        if structure.key not in _WALLS and mask.any():
            color = np.array(structure.color) / 255
            actors.append(surface_actor(mask, label_map.ijk_to_ras, color, thin=structure.key in THIN))
    return photographed(actors, list(VIEWS.values()), size, bounds_of(actors))


def bounds_of(actors: Sequence[vtk.vtkActor]) -> np.ndarray:
    """The box that holds them, RAS mm: float64 [2, 3]."""
    boxes = np.array([actor.GetBounds() for actor in actors]).reshape(-1, 3, 2)
    return np.stack([boxes[..., 0].min(axis=0), boxes[..., 1].max(axis=0)])


def photographed(
    actors: Sequence[vtk.vtkActor], sides: Sequence[tuple[float, float, float]], size: int, bounds: np.ndarray
) -> list[np.ndarray]:
    """What lies in a box (RAS mm, [2, 3]) seen from several sides, each an image float [size, size, 3]."""
    renderer = vtk.vtkRenderer()
    renderer.SetBackground(1, 1, 1)
    for actor in actors:
        renderer.AddActor(actor)
    window = vtk.vtkRenderWindow()
    window.SetOffScreenRendering(1)
    window.SetMultiSamples(4)
    window.SetSize(size, size)
    window.AddRenderer(renderer)
    camera = renderer.GetActiveCamera()
    camera.ParallelProjectionOn()
    low, high = bounds
    middle = 0.5 * (low + high)
    pictures = []
    for side in sides:
        camera.SetFocalPoint(*middle)
        camera.SetPosition(*(middle + 500.0 * np.array(side)))
        camera.SetViewUp(0, 0, 1)
        camera.SetParallelScale(0.52 * float(np.max(high - low)))
        renderer.ResetCameraClippingRange()
        window.Render()
        grab = vtk.vtkWindowToImageFilter()
        grab.SetInput(window)
        grab.ReadFrontBufferOff()
        grab.Update()
        pixels = vtk_to_numpy(grab.GetOutput().GetPointData().GetScalars())
        pictures.append(pixels.reshape(size, size, -1)[::-1, :, :3] / 255.0)
    return pictures


def surface_actor(mask: np.ndarray, ijk_to_ras: np.ndarray, color: np.ndarray, thin: bool) -> vtk.vtkActor:
    """A lit, lightly smoothed surface of a mask [K, J, I] on any grid; colour 0 to 1 [3]."""
    box = ndimage.find_objects(mask.astype(np.uint8))[0]
    soft = ndimage.gaussian_filter(np.pad(mask[box], 3).astype(np.float32), 0.6 if thin else 0.8)
    image = vtk.vtkImageData()
    image.SetDimensions(*soft.shape[::-1])
    image.SetOrigin(*(float(s.start - 3) for s in reversed(box)))
    image.GetPointData().SetScalars(numpy_to_vtk(soft.ravel(), deep=True))
    contour = vtk.vtkFlyingEdges3D()
    contour.SetInputData(image)
    contour.SetValue(0, 0.25 if thin else 0.45)
    contour.ComputeNormalsOff()  # they would be those of the grid's axes
    place = vtk.vtkTransform()
    place.SetMatrix(ijk_to_ras.ravel())
    placed = vtk.vtkTransformPolyDataFilter()
    placed.SetInputConnection(contour.GetOutputPort())
    placed.SetTransform(place)
    normals = vtk.vtkPolyDataNormals()
    normals.SetInputConnection(placed.GetOutputPort())
    normals.SplittingOff()
    normals.Update()
    mapper = vtk.vtkPolyDataMapper()
    mapper.SetInputConnection(normals.GetOutputPort())
    mapper.ScalarVisibilityOff()
    actor = vtk.vtkActor()
    actor.SetMapper(mapper)
    actor.GetProperty().SetColor(*color)
    actor.GetProperty().SetSpecular(0.2)
    return actor


def slices(label_map: LabelMap, factors: Factors, size: int) -> list[np.ndarray]:
    """Cuts along `PLANES`, each an image float [size, size, 3] of 200 mm width; the patient's right is on the left.

    The first three go through the middle of the left heart; the four-chamber view holds the left ventricular axis and
    the septum-to-free-wall direction, the short axis cuts the ventricles at mid-level.
    """
    marks = Landmarks(factors)
    mitral = factors.triple("chest_position")
    septal, outflow, base = marks.frame.T
    middle = mitral + marks.place(10.0, 5.0, 5.0)
    ventricles = mitral + marks.place(15.0, 5.0, -0.45 * factors["lv_length"])
    right, front, up = np.eye(3)
    planes = [
        (middle, -right, up * 0 + front),
        (middle, -right, up),
        (middle, front, up),
        (mitral + marks.place(15.0, 0.0, -5.0), -septal, -base),
        (ventricles, -septal, outflow),
    ]
    return [_cut(label_map, *plane, size) for plane in planes]


def _cut(label_map: LabelMap, centre: np.ndarray, across: np.ndarray, upward: np.ndarray, size: int) -> np.ndarray:
    """The labels' colours on a plane: image columns run along `across`, rows against `upward`."""
    palette = np.zeros((256, 3))
    for structure in load_vocabulary():
        palette[structure.label] = np.array(structure.color) / 255
    steps = np.linspace(-100.0, 100.0, size)
    ras = centre + steps[None, :, None] * across + steps[::-1, None, None] * upward
    index = label_map.ijk_from_ras(ras.reshape(-1, 3))[:, ::-1].T
    labels = ndimage.map_coordinates(label_map.voxels, index, order=0, mode="constant", cval=0)
    return palette[labels].reshape(size, size, 3)
