"""One completion in the scene: read a segmentation, let the engine work, write the result beside it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import slicer

from CardiacCompletionLib.anatomy.vocabulary import load_vocabulary
from CardiacCompletionLib.errors import CompletionCancelled, CompletionError
from CardiacCompletionLib.mrml.casting import cast, players
from CardiacCompletionLib.mrml.engine_process import EngineProcess
from CardiacCompletionLib.mrml.exchange import Request
from CardiacCompletionLib.mrml.plausible_hearts import PlausibleHearts, hearts_of_samples
from CardiacCompletionLib.mrml.result_writing import check_output, new_output_beside, write_result
from CardiacCompletionLib.mrml.segmentation_reading import read_heart
from CardiacCompletionLib.mrml.undo import CompletionUndo


@dataclass(frozen=True)
class CompletionOptions:
    """How to complete; the defaults suit most hearts.

    Attributes:
        spacing: mm at which inferred surfaces are resolved.
        device: ``auto`` (``cuda`` if there is one, else ``cpu``), ``cpu``, ``cuda`` or ``mps``.
        weights: a .safetensors file with its card beside it; None for the bundled weights.
        convention: what label values mean where names say nothing; None to let the values decide.
        segments: structure key -> segment ID, where names and codes do not say it or say it wrongly.
        left_out: keys of structures that are not wanted in the result.
        cut: trusted keys that are cut off (True) or whole (False); for all others that is found out.
        force: complete even what looks wrong.
        samples: how many plausible hearts to draw for intervals, confidence and probabilities; 0 for none.
        reference_volume: image that the result refers to; None for the input's own.
    """

    spacing: float = 1.0
    device: str = "auto"
    weights: str | None = None
    convention: str | None = None
    segments: Mapping[str, str] = field(default_factory=dict)
    left_out: Collection[str] = ()
    cut: Mapping[str, bool] = field(default_factory=dict)
    force: bool = False
    samples: int = 0
    reference_volume: slicer.vtkMRMLVolumeNode | None = None

    def request(self, trusted: Sequence[str]) -> Request:
        """What to ask the engine for; what is said of structures that are not trusted does not count."""
        cut = {key: cut for key, cut in self.cut.items() if key in trusted}
        return Request(
            tuple(trusted),
            self.spacing,
            self.device,
            self.weights,
            cut,
            self.force,
            self.samples,
            tuple(self.left_out),
        )


class SceneCompletion:
    """A completion under way. Only :meth:`poll`, called on the main thread, touches the scene, and only at the end.

    Attributes:
        output: the segmentation that holds the result, once it is written.
        warnings: sentences for the user.
        error: why there is no result, as a sentence.
        undo: takes the result back.
    """

    def __init__(
        self,
        engine: EngineProcess,
        node: slicer.vtkMRMLSegmentationNode,
        trusted: Sequence[str],
        output: slicer.vtkMRMLSegmentationNode | None,
        options: CompletionOptions,
        place: slicer.vtkMRMLTransformableNode | None = None,
    ) -> None:
        """Read the input and start.

        Args:
            trusted: keys of the structures to rely on.
            output: where to put the result; None for a new segmentation, ``node`` to add to the input.
            place: the node under whose parent transform the input lies; None for ``node`` itself.

        Raises:
            CompletionError: if the input cannot be completed.
        """
        self._vocabulary = load_vocabulary()
        self._engine, self._node, self._options = engine, node, options
        self._wanted_output = output
        self._output_in_scene = output is not None and output.GetScene() is not None
        if output is not None:
            check_output(output, node)
        if not trusted:
            raise CompletionError("No structure is trusted: choose at least one that is segmented well.")
        roles = cast(node, self._vocabulary.keys, self._vocabulary, options.convention, options.segments)
        self._read = read_heart(node, players(roles, trusted, self._vocabulary), place)
        request = options.request(trusted)
        self._job = engine.submit(self._read.heart, request)
        self.output: slicer.vtkMRMLSegmentationNode | None = None
        self.warnings: tuple[str, ...] = ()
        self.error: str | None = None
        self.undo: CompletionUndo | None = None

    @property
    def finished(self) -> bool:
        return self.output is not None or self.error is not None

    @property
    def fraction(self) -> float:
        """Work done, 0 to 1."""
        return self._job.fraction

    @property
    def text(self) -> str:
        """What is being done."""
        return self._job.text

    def poll(self) -> bool:
        """Take a step; True once there is a result or an error."""
        if self.finished:
            return True
        if self._node.GetScene() is None:
            self._give_up("The input segmentation was removed, so the completion was stopped.")
        elif self._output_was_removed():
            self._give_up("The output segmentation was removed, so the completion was stopped.")
        elif self._job.poll():
            if self._job.error is not None:
                self.error = self._job.error
            else:
                self._finish()
        return self.finished

    def cancel(self) -> None:
        """Stop at once; the scene stays as it was."""
        if not self.finished:
            self._give_up(str(CompletionCancelled()))

    def _output_was_removed(self) -> bool:
        return self._output_in_scene and self._wanted_output.GetScene() is None

    def _give_up(self, reason: str) -> None:
        self._engine.stop()
        self._job.forget()
        self.error = reason

    def _finish(self) -> None:
        result = self._job.result
        output = self._wanted_output
        created = output is None
        if created:
            output = new_output_beside(self._node)
        # The user may have changed it since the work began; it is refused before anything is taken out of it.
        check_output(output, self._node)
        self.undo = CompletionUndo(output, created)
        write_result(result, self._read, self._node, output, self._vocabulary, self._options.left_out)
        if self._options.reference_volume is not None:
            role = slicer.vtkMRMLSegmentationNode.GetReferenceImageGeometryReferenceRole()
            output.SetNodeReferenceID(role, self._options.reference_volume.GetID())
        if result.samples is not None and output.GetScene() is not None:
            hearts = hearts_of_samples(result.samples, self._read, self._vocabulary, self._options.left_out)
            PlausibleHearts.attach(output, hearts)
        self.warnings = result.warnings
        self.output = output
