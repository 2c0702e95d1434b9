"""Taking a completion back in one step."""

from __future__ import annotations

import slicer

from CardiacCompletionLib.mrml.plausible_hearts import PlausibleHearts
from CardiacCompletionLib.mrml.scene_nodes import remove_with_belongings


class CompletionUndo:
    """Remembers a segmentation as it was before a completion was written into it; keeps one copy in memory.

    For a segmentation or sequence that did not exist before, the step back is to remove it. Plausible hearts go, and
    come back, with the segments they belong to.
    """

    def __init__(self, output: slicer.vtkMRMLNode, created: bool) -> None:
        self._output = output
        self._before: slicer.vtkSegmentation | None = None
        self._transform_id: str | None = None
        self._hearts = PlausibleHearts.detach(output)
        if not created:
            self._before = slicer.vtkSegmentation()
            self._before.DeepCopy(output.GetSegmentation())
            self._transform_id = output.GetTransformNodeID()

    @property
    def possible(self) -> bool:
        """Whether the segmentation is still in the scene."""
        return self._output.GetScene() is not None

    def restore(self) -> None:
        """Bring back the state before the completion."""
        PlausibleHearts.detach(self._output)
        if self._before is None:
            remove_with_belongings(self._output)
        else:
            self._output.GetSegmentation().DeepCopy(self._before)
            if not self._before.GetNumberOfSegments():  # only then did the completion put it under another transform
                self._output.SetAndObserveTransformNodeID(self._transform_id)
            PlausibleHearts.attach(self._output, self._hearts)
