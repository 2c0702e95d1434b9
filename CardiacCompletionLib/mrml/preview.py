"""A coarse completion that is only looked at: translucent surfaces in the 3D views, no part of the saved scene."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import slicer

from CardiacCompletionLib.anatomy.heart import Heart
from CardiacCompletionLib.anatomy.vocabulary import load_vocabulary
from CardiacCompletionLib.geometry.region import Region
from CardiacCompletionLib.mrml.casting import cast, players
from CardiacCompletionLib.mrml.engine_process import EngineJob, EngineProcess
from CardiacCompletionLib.mrml.oriented_image import VoxelGrid
from CardiacCompletionLib.mrml.result_writing import add_continued, add_inferred, result_grid
from CardiacCompletionLib.mrml.scene_completion import CompletionOptions
from CardiacCompletionLib.mrml.scene_nodes import remove_with_belongings
from CardiacCompletionLib.mrml.segmentation_reading import ReadHeart, read_heart

COARSE = 4.0
_OPACITY = 0.6
_NAME = "Completion preview"


class CompletionPreview:
    """The preview in a scene; nothing moves unless :meth:`poll` is called, on the main thread.

    Attributes:
        error: why there is no preview, as a sentence.
    """

    def __init__(self, engine: EngineProcess) -> None:
        self._engine = engine
        self._vocabulary = load_vocabulary()
        self._job: EngineJob | None = None
        self._read: ReadHeart | None = None
        self._input: slicer.vtkMRMLSegmentationNode | None = None
        self._left_out: tuple[str, ...] = ()
        self._shown: slicer.vtkMRMLSegmentationNode | None = None
        self.error: str | None = None

    @property
    def running(self) -> bool:
        return self._job is not None

    def start(self, node: slicer.vtkMRMLSegmentationNode, trusted: Sequence[str], options: CompletionOptions) -> None:
        """Ask for a preview; one that is under way is abandoned.

        Raises:
            CompletionError: as a completion would.
        """
        self.abandon()
        roles = cast(node, self._vocabulary.keys, self._vocabulary, options.convention, options.segments)
        self._read = coarsened(read_heart(node, players(roles, trusted, self._vocabulary)))
        self._input, self._left_out = node, tuple(options.left_out)
        coarse = replace(options, spacing=COARSE, samples=0)
        self._job = self._engine.submit(self._read.heart, coarse.request(trusted))

    def poll(self) -> bool:
        """Take a step; True once nothing is under way."""
        if self._job is not None and self._job.poll():
            job, self._job = self._job, None
            self.error = job.error
            if job.result is None or self._input.GetScene() is None:
                self.remove()
            else:
                self._show(job)
        return self._job is None

    def abandon(self) -> None:
        """Forget what is under way; what is shown stays."""
        if self._job is not None:
            self._job.forget()
            self._job = None

    def remove(self) -> None:
        """Forget what is under way and show nothing."""
        self.abandon()
        if self._shown is not None and self._shown.GetScene() is not None:
            remove_with_belongings(self._shown)
        self._shown = None

    def _show(self, job: EngineJob) -> None:
        if self._shown is None or self._shown.GetScene() is None:
            self._shown = _hidden_node(self._input.GetScene())
        node = self._shown
        node.SetAndObserveTransformNodeID(self._input.GetTransformNodeID())
        wasModified = node.StartModify()
        node.GetSegmentation().RemoveAllSegments()
        grid = result_grid(job.result, self._read)
        for key in job.result.inferred:
            if key not in self._left_out:
                add_inferred(node, self._vocabulary[key], job.result.heart.regions[key], grid)
        for key, region in job.result.continued.items():
            add_continued(node, self._vocabulary[key], region, grid)
        node.EndModify(wasModified)
        node.CreateClosedSurfaceRepresentation()


def coarsened(read: ReadHeart, spacing: float = COARSE) -> ReadHeart:
    """Every so many voxels of a heart, so that voxels are at most ``spacing`` mm apart where they were closer."""
    strides = np.maximum(1, np.floor(spacing / read.heart.spacing)).astype(int)
    scale = np.diag([*strides, 1.0])
    shape = tuple(int(v) for v in -(-np.array(read.heart.shape) // strides[::-1]))
    regions = {}
    for key, region in read.heart.regions.items():
        skipped = (-np.array(region.start)) % strides[::-1]
        thinned = region.mask[tuple(slice(a, None, s) for a, s in zip(skipped, strides[::-1], strict=True))]
        tight = Region.of_mask(thinned)
        if tight is not None:
            start = (np.array(region.start) + skipped) // strides[::-1]
            regions[key] = tight.shifted(tuple(int(v) for v in start))
    heart = Heart(regions, shape, read.heart.ijk_to_ras @ scale)
    return replace(read, heart=heart, grid=VoxelGrid(read.grid.ijk_to_space @ scale, (0, 0, 0), shape))


def _hidden_node(scene: slicer.vtkMRMLScene) -> slicer.vtkMRMLSegmentationNode:
    node = scene.CreateNodeByClass("vtkMRMLSegmentationNode")
    node.UnRegister(None)
    node.SetName(_NAME)
    node.SetHideFromEditors(True)
    node.SetSaveWithScene(False)
    scene.AddNode(node)
    node.CreateDefaultDisplayNodes()
    node.GetDisplayNode().SetSaveWithScene(False)
    node.GetDisplayNode().SetVisibility2D(False)
    node.GetDisplayNode().SetOpacity3D(_OPACITY)
    return node
