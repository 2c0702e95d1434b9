"""Plausible hearts in the scene: a sequence of segmentations beside a result, and one proxy that shows one of them.

A sequence, because Slicer saves it with the scene, steps through it with its own tools, and shows no more than one of
its items; the result refers to it, so it is found again after loading.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
import slicer

from CardiacCompletionLib.anatomy.terminology import structure_of
from CardiacCompletionLib.anatomy.vocabulary import Structure, Vocabulary
from CardiacCompletionLib.completion.likelihood import likelihood, margin
from CardiacCompletionLib.completion.samples import Samples
from CardiacCompletionLib.mrml.oriented_image import VoxelGrid, common_grid, mask_on_grid
from CardiacCompletionLib.mrml.result_writing import INFERRED_FILL_2D, INFERRED_OPACITY_3D, add_inferred
from CardiacCompletionLib.mrml.scene_nodes import place_beside, remove_with_belongings
from CardiacCompletionLib.mrml.segmentation_reading import LABELMAP, ReadHeart, origin_of, tag_of

_ROLE = "CardiacCompletion.PlausibleHearts"
_PROBABILITY_ROLE = "CardiacCompletion.Probability."


def hearts_of_samples(
    samples: Samples, read: ReadHeart, vocabulary: Vocabulary, left_out: Collection[str] = ()
) -> list[slicer.vtkMRMLSegmentationNode]:
    """A segmentation, in no scene, for each of the samples; its segment IDs are structure keys."""
    to_own = read.grid.ijk_to_space @ np.linalg.inv(read.heart.ijk_to_ras)
    grid = VoxelGrid(to_own @ samples.ijk_to_ras, (0, 0, 0), samples.lattice.shape)
    nodes = []
    for heart in samples.hearts:
        node = slicer.vtkMRMLSegmentationNode()
        for key, region in heart.items():
            if key not in left_out:
                add_inferred(node, vocabulary[key], region, grid)
        nodes.append(node)
    return nodes


class PlausibleHearts:
    """The plausible hearts of a result that is in a scene.

    Example::

        hearts = PlausibleHearts.of(result)
        hearts.show(3)                                        # the third; 0 for the result itself
        volume = hearts.probability(vocabulary["aorta"])
    """

    def __init__(self, result: slicer.vtkMRMLSegmentationNode, sequence: slicer.vtkMRMLSequenceNode) -> None:
        self._result, self._sequence = result, sequence
        self._browser = slicer.modules.sequences.logic().GetFirstBrowserNodeForSequenceNode(sequence)

    @classmethod
    def of(cls, result: slicer.vtkMRMLSegmentationNode | None) -> PlausibleHearts | None:
        """Those of a result; None if it has none."""
        sequence = result.GetNodeReference(_ROLE) if result is not None else None
        found = cls(result, sequence) if sequence is not None and sequence.GetNumberOfDataNodes() else None
        return found if found is not None and found._proxy is not None else None

    @classmethod
    def attach(
        cls, result: slicer.vtkMRMLSegmentationNode, hearts: Sequence[slicer.vtkMRMLSegmentationNode]
    ) -> PlausibleHearts | None:
        """Give a result these hearts in place of those it had; none of them is shown yet."""
        cls.detach(result)
        if not hearts:
            return None
        result.CreateDefaultDisplayNodes()
        scene = result.GetScene()
        name = scene.GenerateUniqueName(f"{result.GetName()} plausible hearts")
        sequence = scene.AddNewNodeByClass("vtkMRMLSequenceNode", name)
        sequence.SetIndexName("heart")
        sequence.SetIndexUnit("")
        for number, heart in enumerate(hearts, start=1):
            heart.SetName(name)
            sequence.SetDataNodeAtValue(heart, str(number))
        browser = scene.AddNewNodeByClass("vtkMRMLSequenceBrowserNode", f"{name} browser")
        browser.AddSynchronizedSequenceNode(sequence)
        slicer.modules.sequences.logic().UpdateProxyNodesFromSequences(browser)
        proxy = browser.GetProxyNode(sequence)
        proxy.CreateDefaultDisplayNodes()
        display = proxy.GetDisplayNode()
        display.SetVisibility(False)
        display.SetOpacity3D(INFERRED_OPACITY_3D)
        display.SetOpacity2DFill(INFERRED_FILL_2D * display.GetOpacity2DFill())
        proxy.SetAndObserveTransformNodeID(result.GetTransformNodeID())
        for node in (sequence, proxy):
            place_beside(result, node)
        result.SetNodeReferenceID(_ROLE, sequence.GetID())
        return cls(result, sequence)

    @classmethod
    def detach(cls, result: slicer.vtkMRMLSegmentationNode) -> list[slicer.vtkMRMLSegmentationNode]:
        """Take the hearts of a result, and all that was made of them, out of the scene; returns them."""
        found = cls.of(result)
        if found is None:
            return []
        found.show(0)
        sequence = found._sequence
        hearts = [sequence.GetNthDataNode(index) for index in range(found.count)]
        roles = [sequence.GetNthNodeReferenceRole(index) for index in range(sequence.GetNumberOfNodeReferenceRoles())]
        made = [sequence.GetNodeReference(role) for role in roles if role.startswith(_PROBABILITY_ROLE)]
        volumes = [volume for volume in made if volume is not None]
        result.SetNodeReferenceID(_ROLE, None)
        for node in (*volumes, sequence, found._browser):
            remove_with_belongings(node)
        return hearts

    @property
    def count(self) -> int:
        return self._sequence.GetNumberOfDataNodes()

    @property
    def shown(self) -> int:
        """Number of the heart that is shown, from 1; 0 for the result itself."""
        return self._browser.GetSelectedItemNumber() + 1 if self._proxy.GetDisplayVisibility() else 0

    def show(self, number: int) -> None:
        """Show one of the hearts, counted from 1, in place of what the result infers; 0 for the result itself."""
        if not number and not self.shown:
            return
        if number:
            self._browser.SetSelectedItemNumber(number - 1)
            slicer.modules.sequences.logic().UpdateProxyNodesFromSequences(self._browser)
            if self._result.GetSegmentation().ContainsRepresentation(
                slicer.vtkSegmentationConverter.GetClosedSurfaceRepresentationName()
            ):
                self._proxy.CreateClosedSurfaceRepresentation()
        self._proxy.SetDisplayVisibility(number > 0)
        segmentation, display = self._result.GetSegmentation(), self._result.GetDisplayNode()
        for ID in segmentation.GetSegmentIDs():
            if origin_of(segmentation.GetSegment(ID)) == "inferred":
                display.SetSegmentVisibility(ID, number == 0)

    def knows(self, structure: Structure) -> bool:
        """Whether the structure is in any of the hearts."""
        return bool(self._segments(structure))

    def probability(self, structure: Structure) -> slicer.vtkMRMLScalarVolumeNode:
        """A volume, float32, that says how likely each voxel belongs to the structure, by all the hearts.

        It is somewhat larger than the structure is in all of them together, lies beside the result, under the same
        transform, and is made once: the second call gives the same node.
        """
        role = _PROBABILITY_ROLE + structure.key
        volume = self._sequence.GetNodeReference(role)
        if volume is not None:
            return volume
        segments = self._segments(structure)
        images = [segment.GetRepresentation(LABELMAP) for segment in segments]
        grid = common_grid(images, [])
        spacing = np.linalg.norm(grid.lattice[:3, 2::-1], axis=0)
        room = margin(spacing)
        grid = grid.boxed(-room[::-1], grid.shape + 2 * room)
        total = np.zeros(grid.shape, dtype=np.float32)
        for image, segment in zip(images, segments, strict=True):
            total += mask_on_grid(image, segment.GetLabelValue(), grid)
        scene = self._result.GetScene()
        name = scene.GenerateUniqueName(f"{self._result.GetName()} {structure.name} probability")
        volume = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", name)
        volume.SetIJKToRASMatrix(slicer.util.vtkMatrixFromArray(grid.ijk_to_space))
        slicer.util.updateVolumeFromArray(volume, likelihood(total / self.count, self._free(grid), spacing))
        volume.CreateDefaultDisplayNodes()
        display = volume.GetDisplayNode()
        display.SetAndObserveColorNodeID("vtkMRMLColorTableNodeIron")
        display.SetAutoWindowLevel(False)
        display.SetWindowLevelMinMax(0.0, 1.0)
        display.SetThreshold(0.5 / self.count, 1.0)
        display.SetApplyThreshold(True)
        volume.SetAndObserveTransformNodeID(self._result.GetTransformNodeID())
        place_beside(self._result, volume)
        self._sequence.SetNodeReferenceID(role, volume.GetID())
        return volume

    @property
    def _proxy(self) -> slicer.vtkMRMLSegmentationNode | None:
        return self._browser.GetProxyNode(self._sequence) if self._browser is not None else None

    def _free(self, grid: VoxelGrid) -> np.ndarray:
        """The voxels of a grid that no trusted segment of the result holds."""
        free, segmentation = np.ones(grid.shape, dtype=bool), self._result.GetSegmentation()
        for segment in (segmentation.GetSegment(ID) for ID in segmentation.GetSegmentIDs()):
            image = segment.GetRepresentation(LABELMAP)
            if origin_of(segment) == "trusted" and image is not None:
                free &= ~mask_on_grid(image, segment.GetLabelValue(), grid)
        return free

    def _segments(self, structure: Structure) -> list[slicer.vtkSegment]:
        """The structure's segment in each of the hearts that has one."""
        hearts = [self._sequence.GetNthDataNode(index).GetSegmentation() for index in range(self.count)]
        found = [heart.GetSegment(structure.key) for heart in hearts]
        return [segment for segment in found if segment is not None]


def structure_of_segment(segment: slicer.vtkSegment, vocabulary: Vocabulary) -> Structure | None:
    """The structure whose terminology a segment of a result carries."""
    return structure_of(tag_of(segment, slicer.vtkSegment.GetTerminologyEntryTagName()), vocabulary)
