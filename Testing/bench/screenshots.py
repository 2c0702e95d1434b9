"""The pictures of README and tutorial: ``python -m Testing.bench.screenshots [FOLDER]`` clicks through the module.

Panel by Qt, views by MRML, all of it off screen.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

from Testing.bench import module_stand_ins
from Testing.bench.headless_slicer import start

_ROOT = Path(__file__).resolve().parent.parent.parent
_PANEL = (450, 1000)
_VIEW = 500


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else _ROOT / "Screenshots"
    folder.mkdir(parents=True, exist_ok=True)
    start()
    module_stand_ins.install()
    module_stand_ins.load(_ROOT / "CardiacCompletion" / "CardiacCompletion.py")
    sys.path.insert(0, str(_ROOT / "Testing" / "Python"))
    import panel

    tour = _Tour(panel, folder)
    for step in (
        tour.first_opening,
        tour.sample_heart,
        tour.running,
        tour.result,
        tour.preview,
        tour.ventricles_only,
        tour.unclear,
    ):
        step()
        print(folder / f"{step.__name__}.png")


class _Tour:
    """The scenes of the tutorial, in the order in which a new user meets them."""

    def __init__(self, panel: object, folder: Path) -> None:
        self._panel = panel
        self._folder = folder
        self._widget = panel.openPanel()
        self._widget._parameterNode.spacing = 1.5
        self._widget._parameterNode.preview = True
        self._widget.parent.resize(*_PANEL)

    def first_opening(self) -> None:
        self._photograph(self.first_opening)

    def sample_heart(self) -> None:
        self._widget.ui.sampleButton.click()
        self._panel.waitUntil(lambda: not self._widget.preview.pending)
        self._photograph(self.sample_heart)

    def running(self) -> None:
        # Fine enough to be caught at it.
        self._widget._parameterNode.spacing = 0.3
        self._widget.ui.completeButton.click()
        self._panel.waitUntil(lambda: self._widget.ui.progressBar.value >= 30 or self._widget.run is None)
        assert self._widget.run is not None, self._widget.ui.statusLabel.text
        self._photograph(self.running)
        self._widget.ui.completeButton.click()
        self._widget._parameterNode.spacing = 1.5

    def result(self) -> None:
        self._panel.completeByButton(self._widget)
        self._photograph(self.result)

    def preview(self) -> None:
        self._start_with_own_heart()
        self._widget._parameterNode.preview = True
        self._panel.trust(self._widget, self._panel.VENTRICLES)
        self._panel.waitUntil(lambda: not self._widget.preview.pending)
        self._photograph(self.preview)

    def ventricles_only(self) -> None:
        self._panel.completeByButton(self._widget)
        self._photograph(self.ventricles_only)

    def unclear(self) -> None:
        heart = self._start_with_own_heart()
        segmentation = heart.GetSegmentation()
        segmentation.GetSegment(self._panel.segmentIdOf(heart, "Right ventricle")).SetName("Left ventricle")
        self._panel.settle()
        self._photograph(self.unclear)

    def _start_with_own_heart(self) -> object:
        self._panel.openPanel()
        self._widget._parameterNode.spacing = 1.5
        heart = self._panel.loadHeart("CT heart")
        heart.CreateClosedSurfaceRepresentation()
        self._widget.ui.inputSelector.setCurrentNode(heart)
        return heart

    def _photograph(self, step: Callable[[], None]) -> None:
        from Testing.bench.mrml_views import write_png

        self._panel.settle()
        views = np.vstack([np.hstack(row) for row in self._views()])
        write_png(np.hstack([grabbed(self._widget.parent, *_PANEL), views]), self._folder / f"{step.__name__}.png")

    def _views(self) -> list[list[np.ndarray]]:
        import slicer

        from Testing.bench.mrml_views import SliceView, ThreeDView

        bounds = _visible_bounds()
        solid = ThreeDView(slicer.mrmlScene, (_VIEW, _VIEW))
        solid.frame("A")
        slices = [SliceView(slicer.mrmlScene, name, (_VIEW, _VIEW)) for name in ("Axial", "Coronal", "Sagittal")]
        for view in slices:
            view.frame(bounds)
        axial, coronal, sagittal = (view.pixels() for view in slices)
        return [[axial, solid.pixels()], [coronal, sagittal]]


def _visible_bounds() -> tuple[float, ...]:
    """RAS bounds in mm of all segmentations that are shown."""
    import slicer
    import vtk

    box = vtk.vtkBoundingBox(-50, 50, -50, 50, -50, 50)
    nodes = [node for node in slicer.util.getNodesByClass("vtkMRMLSegmentationNode") if node.GetDisplayVisibility()]
    for index, node in enumerate(nodes):
        bounds = [0.0] * 6
        node.GetRASBounds(bounds)
        box.SetBounds(bounds) if index == 0 else box.AddBounds(bounds)
    bounds = [0.0] * 6
    box.GetBounds(bounds)
    return tuple(bounds)


def grabbed(widget: object, width: int, height: int) -> np.ndarray:
    """A Qt widget as it would look on the screen: uint8 [height, width, 3]."""
    import qt

    widget.resize(width, height)
    widget.show()
    for _ in range(3):  # sections that open make others move
        qt.QApplication.processEvents()
    image = widget.grab().toImage().convertToFormat(qt.QImage.Format_RGB888).scaled(width, height)
    rows = np.frombuffer(image.constBits(), np.uint8).reshape(height, image.bytesPerLine())
    return rows[:, : 3 * width].reshape(height, width, 3).copy()


if __name__ == "__main__":
    main()
