"""Pictures of the whole window: the panel by Qt, four views by MRML, all of it off screen."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import qt
import slicer
import vtk

from Testing.bench.mrml_views import SliceView, ThreeDView, write_png

PANEL = (520, 1060)
_VIEW = 530


class Camera:
    """Photographs a panel with the views beside it.

    Args:
        panel: the widget that holds the module's panel.
        folder: where the pictures go.
    """

    def __init__(self, panel: qt.QWidget, folder: Path) -> None:
        self._panel, self._folder = panel, folder
        self._panel.resize(*PANEL)

    def photograph(self, name: str) -> Path:
        """Write ``NAME.png`` of what can be seen now."""
        views = np.vstack([np.hstack(row) for row in _views()])
        path = self._folder / f"{name}.png"
        write_png(np.hstack([grabbed(self._panel, *PANEL), views]), path)
        return path


def grabbed(widget: qt.QWidget, width: int, height: int) -> np.ndarray:
    """A Qt widget as it would look on the screen: uint8 [height, width, 3]."""
    widget.resize(width, height)
    widget.show()
    for _ in range(3):  # sections that open make others move
        qt.QApplication.processEvents()
    image = widget.grab().toImage().convertToFormat(qt.QImage.Format_RGB888).scaled(width, height)
    rows = np.frombuffer(image.constBits(), np.uint8).reshape(height, image.bytesPerLine())
    return rows[:, : 3 * width].reshape(height, width, 3).copy()


def _views() -> list[list[np.ndarray]]:
    bounds = _visible_bounds()
    solid = ThreeDView(slicer.mrmlScene, (_VIEW, _VIEW))
    solid.frame("A")
    slices = [SliceView(slicer.mrmlScene, name, (_VIEW, _VIEW)) for name in ("Axial", "Coronal", "Sagittal")]
    for view in slices:
        view.showLayers()
        view.frame(bounds)
    axial, coronal, sagittal = (view.pixels() for view in slices)
    return [[axial, solid.pixels()], [coronal, sagittal]]


def _visible_bounds() -> tuple[float, ...]:
    """RAS bounds in mm of all segmentations that are shown."""
    box = vtk.vtkBoundingBox(-50, 50, -50, 50, -50, 50)
    nodes = [node for node in slicer.util.getNodesByClass("vtkMRMLSegmentationNode") if node.GetDisplayVisibility()]
    for index, node in enumerate(nodes):
        bounds = [0.0] * 6
        node.GetRASBounds(bounds)
        box.SetBounds(bounds) if index == 0 else box.AddBounds(bounds)
    bounds = [0.0] * 6
    box.GetBounds(bounds)
    return tuple(bounds)
