"""A beating heart: every frame of a segmentation sequence is completed, one after the other."""

from __future__ import annotations

from collections.abc import Sequence

import slicer

from CardiacCompletionLib.errors import CompletionError
from CardiacCompletionLib.mrml.engine_process import EngineProcess
from CardiacCompletionLib.mrml.scene_completion import CompletionOptions, SceneCompletion
from CardiacCompletionLib.mrml.undo import CompletionUndo


def sequence_shown_by(node: slicer.vtkMRMLSegmentationNode) -> slicer.vtkMRMLSequenceNode | None:
    """The sequence of which a segmentation shows one item, as its proxy; None if it is a segmentation of its own."""
    browser = slicer.modules.sequences.logic().GetFirstBrowserNodeForProxyNode(node)
    return browser.GetSequenceNode(node) if browser is not None else None


class SequenceCompletion:
    """The completion of a sequence under way; used as :class:`SceneCompletion` is.

    Frames are in no scene and under no transform; where they lie is where the sequence's proxy lies, under its parent
    transform as it is now. Of plausible hearts each frame keeps the intervals and the confidence.

    Attributes:
        output: the new sequence, with the input's index values, once every frame is completed.
        warnings: sentences for the user, with the frame they are about.
        error: why there is no result, as a sentence.
        undo: takes the result back.
    """

    def __init__(
        self,
        engine: EngineProcess,
        sequence: slicer.vtkMRMLSequenceNode,
        trusted: Sequence[str],
        options: CompletionOptions,
    ) -> None:
        """Check the sequence and start with its first frame.

        Raises:
            CompletionError: if it holds anything but segmentations, lies under a non-linear transform, or its first
                frame cannot be completed.
        """
        self._engine, self._sequence, self._trusted, self._options = engine, sequence, trusted, options
        self._count = sequence.GetNumberOfDataNodes()
        frames = [sequence.GetNthDataNode(index) for index in range(self._count)]
        if not frames or not all(frame.IsA("vtkMRMLSegmentationNode") for frame in frames):
            raise CompletionError(f"{sequence.GetName()} is not a sequence of segmentations: choose one that is.")
        self._browser = slicer.modules.sequences.logic().GetFirstBrowserNodeForSequenceNode(sequence)
        self._place = self._browser.GetProxyNode(sequence) if self._browser is not None else None
        self._frame = 0
        self._results: list[slicer.vtkMRMLSegmentationNode] = []
        self.output: slicer.vtkMRMLSequenceNode | None = None
        self.warnings: tuple[str, ...] = ()
        self.error: str | None = None
        self.undo: CompletionUndo | None = None
        self._current = self._started()

    @property
    def finished(self) -> bool:
        return self.output is not None or self.error is not None

    @property
    def fraction(self) -> float:
        """Work done, 0 to 1."""
        return min(1.0, (self._frame + self._current.fraction) / self._count)

    @property
    def text(self) -> str:
        """What is being done."""
        return f"Frame {min(self._frame + 1, self._count)} of {self._count}: {self._current.text}"

    def poll(self) -> bool:
        """Take a step; True once there is a result or an error."""
        if self.finished or not self._current.poll():
            return self.finished
        if self._sequence.GetScene() is None:
            self.error = "The input sequence was removed, so the completion was stopped."
        elif self._current.error is not None:
            self.error = f"Frame {self._frame + 1}: {self._current.error}"
        else:
            self._keep()
        return self.finished

    def cancel(self) -> None:
        """Stop at once; the scene stays as it was."""
        if not self.finished:
            self._current.cancel()
            self.error = self._current.error

    def _started(self) -> SceneCompletion:
        """The completion of the current frame, into a node that is in no scene yet."""
        frame = self._sequence.GetNthDataNode(self._frame)
        output = slicer.vtkMRMLSegmentationNode()
        output.SetName(frame.GetName() or self._sequence.GetName())
        return SceneCompletion(self._engine, frame, self._trusted, output, self._options, self._place)

    def _keep(self) -> None:
        self._results.append(self._current.output)
        self.warnings += tuple(f"Frame {self._frame + 1}: {warning}" for warning in self._current.warnings)
        self._frame += 1
        if self._frame < self._count:
            self._current = self._started()
        else:
            self._finish()

    def _finish(self) -> None:
        scene, source = self._sequence.GetScene(), self._sequence
        name = scene.GenerateUniqueName(f"{source.GetName()} completed")
        output = scene.AddNewNodeByClass("vtkMRMLSequenceNode", name)
        output.SetIndexName(source.GetIndexName())
        output.SetIndexUnit(source.GetIndexUnit())
        output.SetIndexType(source.GetIndexType())
        for index, result in enumerate(self._results):
            output.SetDataNodeAtValue(result, source.GetNthIndexValue(index))
        if self._browser is not None and self._browser.GetScene() is scene:
            self._browser.AddSynchronizedSequenceNode(output)
            slicer.modules.sequences.logic().UpdateProxyNodesFromSequences(self._browser)
            if self._place is not None:
                self._browser.GetProxyNode(output).SetAndObserveTransformNodeID(self._place.GetTransformNodeID())
        self.undo = CompletionUndo(output, created=True)
        self.output = output
