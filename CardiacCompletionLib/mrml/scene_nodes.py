"""How nodes come into the scene beside others, and leave it with all that belongs to them."""

from __future__ import annotations

import slicer


def place_beside(node: slicer.vtkMRMLNode, other: slicer.vtkMRMLNode) -> None:
    """Give another node the same parent in the subject hierarchy as a node has."""
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(node.GetScene())
    parent = hierarchy.GetItemParent(hierarchy.GetItemByDataNode(node))
    hierarchy.SetItemParent(hierarchy.GetItemByDataNode(other), parent)


def remove_with_belongings(node: slicer.vtkMRMLNode) -> None:
    """Take a node out of the scene, with its display and storage nodes; a sequence with the proxy that shows it."""
    scene = node.GetScene()
    belongings = []
    if node.IsA("vtkMRMLSequenceNode"):
        browser = slicer.modules.sequences.logic().GetFirstBrowserNodeForSequenceNode(node)
        belongings.append(browser.GetProxyNode(node) if browser is not None else None)
    if node.IsA("vtkMRMLStorableNode"):
        belongings += [node.GetNthStorageNode(index) for index in range(node.GetNumberOfStorageNodes())]
    if node.IsA("vtkMRMLDisplayableNode"):
        belongings += [node.GetNthDisplayNode(index) for index in range(node.GetNumberOfDisplayNodes())]
    # The sequence before its proxy, which its browser would make anew.
    scene.RemoveNode(node)
    for belonging in belongings:
        if belonging is not None and belonging.GetScene() is scene:
            remove_with_belongings(belonging)
