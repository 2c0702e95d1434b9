"""Keeping the preview up to date from Qt's event loop."""

from __future__ import annotations

from collections.abc import Callable

import qt
import slicer

from CardiacCompletionLib.errors import CompletionError
from CardiacCompletionLib.mrml.preview import CompletionPreview
from CardiacCompletionLib.mrml.scene_completion import CompletionOptions

_PAUSE_MS, _INTERVAL_MS = 100, 30


class PreviewTimer:
    """Starts a preview when choices pause, and follows it.

    Args:
        failed: called with a sentence when there can be no preview of what was chosen.
    """

    def __init__(self, preview: CompletionPreview, failed: Callable[[str], None]) -> None:
        self._preview, self._failed = preview, failed
        self._wanted: tuple[slicer.vtkMRMLSegmentationNode, list[str], CompletionOptions] | None = None
        self._timer = qt.QTimer()
        self._timer.connect("timeout()", self._step)

    @property
    def pending(self) -> bool:
        return self._timer.active

    def want(self, node: slicer.vtkMRMLSegmentationNode, trusted: list[str], options: CompletionOptions) -> None:
        """Preview this soon; what was wanted before no longer is."""
        self._wanted = (node, trusted, options)
        self._timer.start(_PAUSE_MS)

    def stop(self) -> None:
        """Show no preview."""
        self._wanted = None
        self._timer.stop()
        self._preview.remove()

    def _step(self) -> None:
        try:
            if self._wanted is not None:
                wanted, self._wanted = self._wanted, None
                self._preview.start(*wanted)
                self._timer.start(_INTERVAL_MS)
            elif self._preview.poll():
                self._timer.stop()
                if self._preview.error is not None:
                    self._failed(self._preview.error)
        except Exception as error:
            self.stop()
            if not isinstance(error, CompletionError):
                raise
            self._failed(str(error))
