"""Slicer's 3D and slice views of the scene, rendered off screen: MRML's own displayable managers draw everything.

    view = ThreeDView(scene)
    view.frame("A")                     # look at the front of all that is shown
    view.save("heart.png")

A view belongs to the scene it was made with until that scene is closed; make new ones afterwards.
"""

from __future__ import annotations

import os
from pathlib import Path

# Without a display VTK would first try X and complain; a machine's own choice goes before ours.
os.environ.setdefault("VTK_DEFAULT_OPENGL_WINDOW", "vtkEGLRenderWindow")

import numpy as np
import slicer
import vtk
from vtk.util.numpy_support import vtk_to_numpy

_THREE_D_MANAGERS = (
    "vtkMRMLCameraDisplayableManager",
    "vtkMRMLViewDisplayableManager",
    "vtkMRMLModelDisplayableManager",
    "vtkMRMLSegmentationsDisplayableManager3D",
    "vtkMRMLVolumeRenderingDisplayableManager",
)
_SLICE_MANAGERS = (
    "vtkMRMLModelSliceDisplayableManager",
    "vtkMRMLSegmentationsDisplayableManager2D",
    "vtkMRMLRulerDisplayableManager",
)
# Where the camera stands, as the letter of the patient axis, and what is up in the picture.
_CAMERA_SIDES = {
    "R": ((1, 0, 0), (0, 0, 1)),
    "L": ((-1, 0, 0), (0, 0, 1)),
    "A": ((0, 1, 0), (0, 0, 1)),
    "P": ((0, -1, 0), (0, 0, 1)),
    "S": ((0, 0, 1), (0, 1, 0)),
    "I": ((0, 0, -1), (0, 1, 0)),
}


class _View:
    """A render window with one renderer that a group of displayable managers fills."""

    def __init__(
        self, factory: slicer.vtkMRMLDisplayableManagerFactory, managers: tuple[str, ...], size: tuple[int, int]
    ):
        self._renderer = vtk.vtkRenderer()
        self._window = vtk.vtkRenderWindow()
        self._window.SetOffScreenRendering(True)
        # Depth peeling, which orders translucent surfaces, does not go together with multisampling.
        self._window.SetMultiSamples(0)
        self._window.SetSize(*size)
        self._window.AddRenderer(self._renderer)
        self._interactor = vtk.vtkGenericRenderWindowInteractor()
        self._interactor.SetRenderWindow(self._window)
        factory.SetMRMLApplicationLogic(slicer.app.applicationLogic())
        for manager in managers:
            if not factory.IsDisplayableManagerRegistered(manager):
                factory.RegisterDisplayableManager(manager)
        self._managers = slicer.vtkMRMLDisplayableManagerGroup()
        self._managers.Initialize(factory, self._renderer)

    def pixels(self) -> np.ndarray:
        """The picture as it is now: uint8 [rows, columns, 3], top row first."""
        self._window.Render()
        grab = vtk.vtkWindowToImageFilter()
        grab.SetInput(self._window)
        grab.SetInputBufferTypeToRGB()
        grab.ReadFrontBufferOff()
        grab.Update()
        image = grab.GetOutput()
        columns, rows, _ = image.GetDimensions()
        return vtk_to_numpy(image.GetPointData().GetScalars()).reshape(rows, columns, 3)[::-1].copy()

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the picture as PNG and return its path."""
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_png(self.pixels(), path)
        return path


class ThreeDView(_View):
    """The 3D view: closed surfaces, models and volume rendering, as Slicer shows them."""

    def __init__(self, scene: slicer.vtkMRMLScene, size: tuple[int, int] = (600, 600), name: str = "1") -> None:
        super().__init__(slicer.vtkMRMLThreeDViewDisplayableManagerFactory.GetInstance(), _THREE_D_MANAGERS, size)
        self._renderer.SetUseDepthPeeling(True)
        # Noise in the background would make up half of a picture's file.
        self._renderer.SetDitherGradient(False)
        self._renderer.SetUseFXAA(True)
        self._logic = slicer.vtkMRMLViewLogic()
        self._logic.SetMRMLApplicationLogic(slicer.app.applicationLogic())
        self._logic.SetMRMLScene(scene)
        # View nodes are singletons that outlive the closing of a scene.
        self.node = scene.GetSingletonNode(name, "vtkMRMLViewNode") or self._logic.AddViewNode(name)
        self.node.SetBoxVisible(False)
        self.node.SetAxisLabelsVisible(False)
        self._managers.SetMRMLDisplayableNode(self.node)

    def setBackground(self, color: tuple[float, float, float]) -> None:
        """One flat background colour, RGB from 0 to 1."""
        self.node.SetBackgroundColor(*color)
        self.node.SetBackgroundColor2(*color)

    def frame(self, side: str = "A", zoom: float = 1.3) -> None:
        """Turn the camera to the side named by its patient axis (R, L, A, P, S or I) and show everything."""
        camera = self._renderer.GetActiveCamera()
        direction, up = _CAMERA_SIDES[side]
        camera.SetFocalPoint(0, 0, 0)
        camera.SetPosition(*direction)
        camera.SetViewUp(*up)
        self._renderer.ResetCamera()
        camera.Zoom(zoom)
        self._renderer.ResetCameraClippingRange()


class SliceView(_View):
    """A slice view, with the segmentations drawn over an optional background volume."""

    def __init__(
        self,
        scene: slicer.vtkMRMLScene,
        orientation: str = "Axial",
        size: tuple[int, int] = (400, 400),
        name: str | None = None,
    ) -> None:
        super().__init__(slicer.vtkMRMLSliceViewDisplayableManagerFactory.GetInstance(), _SLICE_MANAGERS, size)
        self._renderer.GetActiveCamera().ParallelProjectionOn()
        # First, so that segments are drawn over volumes, as in Slicer.
        self._mapper = vtk.vtkImageMapper()
        self._mapper.SetColorWindow(255)
        self._mapper.SetColorLevel(127.5)
        self._actor = vtk.vtkActor2D()
        self._actor.SetMapper(self._mapper)
        self._actor.SetVisibility(False)
        self._renderer.AddViewProp(self._actor)
        self._logic = slicer.vtkMRMLSliceLogic()
        self._logic.SetMRMLApplicationLogic(slicer.app.applicationLogic())
        self._logic.SetMRMLScene(scene)
        layout = name or orientation
        self.node = scene.GetSingletonNode(layout, "vtkMRMLSliceNode") or self._logic.AddSliceNode(layout)
        self._logic.SetSliceNode(self.node)
        self.node.SetOrientation(orientation)
        self.node.SetDimensions(*size, 1)
        self._managers.SetMRMLDisplayableNode(self.node)

    def show(self, background: slicer.vtkMRMLVolumeNode) -> None:
        """Draw a volume behind the segmentations."""
        self._logic.GetSliceCompositeNode().SetBackgroundVolumeID(background.GetID())
        self.showLayers()

    def showLayers(self) -> None:
        """Draw what slice views are told to show: background, foreground and label volumes, if there are any."""
        layers = self._logic.GetSliceCompositeNode()
        if layers.GetBackgroundVolumeID() or layers.GetForegroundVolumeID() or layers.GetLabelVolumeID():
            self._mapper.SetInputConnection(self._logic.GetImageDataConnection())
            self._actor.SetVisibility(True)

    def frame(self, bounds: tuple[float, float, float, float, float, float], margin: float = 1.15) -> None:
        """Centre the slice on RAS bounds (x0, x1, y0, y1, z0, z1 in mm) and show all of them."""
        low, high = np.array(bounds[0::2]), np.array(bounds[1::2])
        columns, rows, _ = self.node.GetDimensions()
        toRas = slicer.util.arrayFromVTKMatrix(self.node.GetSliceToRAS())[:3, :3]
        width, height, _ = np.abs(toRas.T) @ (high - low) * margin
        millimetresPerPixel = max(width / columns, height / rows)
        self.node.SetFieldOfView(millimetresPerPixel * columns, millimetresPerPixel * rows, 1.0)
        self.jump((low + high) / 2)

    def jump(self, position: np.ndarray) -> None:
        """Move the slice through a RAS point in mm and centre on it."""
        self.node.JumpSliceByCentering(*(float(value) for value in position))


def write_png(pixels: np.ndarray, path: str | os.PathLike[str]) -> None:
    """Write uint8 [rows, columns, 3] as PNG, with VTK only."""
    rows, columns, channels = pixels.shape
    image = vtk.vtkImageData()
    image.SetDimensions(columns, rows, 1)
    image.AllocateScalars(vtk.VTK_UNSIGNED_CHAR, channels)
    vtk_to_numpy(image.GetPointData().GetScalars()).reshape(rows, columns, channels)[:] = pixels[::-1]
    writer = vtk.vtkPNGWriter()
    writer.SetFileName(str(path))
    writer.SetCompressionLevel(9)
    writer.SetInputData(image)
    writer.Write()
