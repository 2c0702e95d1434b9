"""Noticing that segmentations have changed."""

from __future__ import annotations

from collections.abc import Callable

import qt
import slicer
from slicer.util import VTKObservationMixin

_PAUSE_MS = 150
_EVENTS = (
    slicer.vtkSegmentation.SegmentAdded,
    slicer.vtkSegmentation.SegmentRemoved,
    slicer.vtkSegmentation.SegmentModified,
    slicer.vtkSegmentation.SourceRepresentationModified,
)


class SegmentationWatcher(VTKObservationMixin):
    """Follows what happens to some segmentations.

    Args:
        changed: called when one has changed; edits come in bursts, so not before they pause.
    """

    def __init__(self, changed: Callable[[], None]) -> None:
        super().__init__()
        self._watched: set[slicer.vtkSegmentation] = set()
        self._timer = qt.QTimer()
        self._timer.setSingleShot(True)
        self._timer.setInterval(_PAUSE_MS)
        self._timer.connect("timeout()", changed)

    def watch(self, segmentations: set[slicer.vtkSegmentation]) -> None:
        """Follow these, and no others."""
        for event in _EVENTS:
            for segmentation in self._watched - segmentations:
                self.removeObserver(segmentation, event, self._onModified)
            for segmentation in segmentations - self._watched:
                self.addObserver(segmentation, event, self._onModified)
        self._watched = segmentations

    def stop(self) -> None:
        """Follow none, and forget what has just happened."""
        self.watch(set())
        self._timer.stop()

    def _onModified(self, caller: object, event: str) -> None:
        self._timer.start()
