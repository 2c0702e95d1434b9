"""Subject hierarchy items for new nodes: in Slicer the hierarchy's Qt plugins make them."""

from __future__ import annotations

import slicer
import vtk


class SubjectHierarchyItems:
    """Keeps one subject hierarchy item for every data node of a scene, under the scene item until it is moved."""

    _SHOWN = ("vtkMRMLDisplayableNode", "vtkMRMLTableNode", "vtkMRMLTextNode", "vtkMRMLSequenceNode")

    def __init__(self, scene: slicer.vtkMRMLScene) -> None:
        self._scene = scene
        scene.AddObserver(slicer.vtkMRMLScene.NodeAddedEvent, self._onNodeAdded)
        scene.AddObserver(slicer.vtkMRMLScene.NodeAboutToBeRemovedEvent, self._onNodeAboutToBeRemoved)
        scene.AddObserver(slicer.vtkMRMLScene.EndImportEvent, self._onEndImport)
        scene.AddObserver(slicer.vtkMRMLScene.EndCloseEvent, self._hierarchy)
        self._hierarchy()

    def _hierarchy(self, *_sceneAndEvent: object) -> slicer.vtkMRMLSubjectHierarchyNode:
        """The scene's one hierarchy: asking for it makes it, or merges a second one that was just read from a file."""
        return slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(self._scene)

    @vtk.calldata_type(vtk.VTK_OBJECT)
    def _onNodeAdded(self, scene: slicer.vtkMRMLScene, event: str, node: slicer.vtkMRMLNode) -> None:
        if node.IsA("vtkMRMLSubjectHierarchyNode"):
            self._hierarchy()
        # While a scene is read, its own hierarchy arrives with it.
        elif not scene.IsImporting():
            self._ensureItem(node)

    @vtk.calldata_type(vtk.VTK_OBJECT)
    def _onNodeAboutToBeRemoved(self, scene: slicer.vtkMRMLScene, event: str, node: slicer.vtkMRMLNode) -> None:
        if scene.IsClosing() or not self._isShown(node):
            return
        hierarchy = self._hierarchy()
        item = hierarchy.GetItemByDataNode(node)
        if item:
            hierarchy.RemoveItem(item, False, False)

    def _onEndImport(self, scene: slicer.vtkMRMLScene, event: str) -> None:
        for index in range(scene.GetNumberOfNodes()):
            self._ensureItem(scene.GetNthNode(index))

    def _ensureItem(self, node: slicer.vtkMRMLNode) -> None:
        if not self._isShown(node):
            return
        hierarchy = self._hierarchy()
        if not hierarchy.GetItemByDataNode(node):
            hierarchy.CreateItem(hierarchy.GetSceneItemID(), node)

    def _isShown(self, node: slicer.vtkMRMLNode) -> bool:
        return not node.GetHideFromEditors() and any(node.IsA(className) for className in self._SHOWN)
