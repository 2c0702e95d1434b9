"""Loading and saving through Slicer's own storage nodes, as ``slicer.app.coreIOManager()`` does."""

from __future__ import annotations

from pathlib import Path

import slicer
import vtk

_SCENE = "SceneFile"
_NODE_CLASSES = {
    "SegmentationFile": "vtkMRMLSegmentationNode",
    "VolumeFile": "vtkMRMLScalarVolumeNode",
    "ModelFile": "vtkMRMLModelNode",
    "TransformFile": "vtkMRMLLinearTransformNode",
    "SequenceFile": "vtkMRMLSequenceNode",
}
_FILE_TYPES = {
    ".mrml": _SCENE,
    ".mrb": _SCENE,
    ".seg.nrrd": "SegmentationFile",
    ".seq.nrrd": "SequenceFile",
    ".nrrd": "VolumeFile",
    ".nii": "VolumeFile",
    ".nii.gz": "VolumeFile",
    ".mha": "VolumeFile",
    ".vtk": "ModelFile",
    ".vtp": "ModelFile",
    ".stl": "ModelFile",
    ".h5": "TransformFile",
    ".tfm": "TransformFile",
}


class CoreIOManager:
    """Reads and writes the file types this project meets; an unknown one raises KeyError."""

    def __init__(self, scene: slicer.vtkMRMLScene) -> None:
        self._scene = scene

    def fileType(self, fileName: str) -> str:
        name = Path(fileName).name.lower()
        extension = max((end for end in _FILE_TYPES if name.endswith(end)), key=len, default=name)
        return _FILE_TYPES[extension]

    def fileWriterFileType(self, node: slicer.vtkMRMLNode) -> str:
        return next(fileType for fileType, className in _NODE_CLASSES.items() if node.IsA(className))

    def loadNodes(
        self,
        fileType: str,
        properties: dict[str, object],
        loadedNodes: vtk.vtkCollection | None = None,
        userMessages: slicer.vtkMRMLMessageCollection | None = None,
    ) -> bool:
        path = Path(str(properties["fileName"]))
        if fileType == _SCENE:
            return self._loadScene(path, clear=bool(properties.get("clear", False)), userMessages=userMessages)
        className = "vtkMRMLLabelMapVolumeNode" if properties.get("labelmap") else _NODE_CLASSES[fileType]
        node = self._scene.CreateNodeByClass(className)
        node.UnRegister(None)
        node.SetName(self._scene.GenerateUniqueName(str(properties.get("name") or path.name.split(".")[0])))
        self._scene.AddNode(node)
        node.AddDefaultStorageNode(str(path))
        if not path.is_file() or not node.GetStorageNode().ReadData(node):
            _report(userMessages, node, f"{path} could not be read.")
            self._scene.RemoveNode(node.GetStorageNode())
            self._scene.RemoveNode(node)
            return False
        if hasattr(node, "CreateDefaultDisplayNodes"):
            node.CreateDefaultDisplayNodes()
        if loadedNodes is not None:
            loadedNodes.AddItem(node)
        return True

    def saveNodes(
        self,
        fileType: str,
        properties: dict[str, object],
        userMessages: slicer.vtkMRMLMessageCollection | None = None,
    ) -> bool:
        path = Path(str(properties["fileName"]))
        if fileType == _SCENE:
            return self._saveScene(path, userMessages)
        node = self._scene.GetNodeByID(str(properties["nodeID"]))
        if node.GetStorageNode() is None:
            node.AddDefaultStorageNode(str(path))
        storage = node.GetStorageNode()
        storage.SetFileName(str(path))
        storage.SetUseCompression(bool(properties.get("useCompression", True)))
        if not storage.WriteData(node):
            _report(userMessages, node, f"{path} could not be written.")
            return False
        return True

    def _loadScene(self, path: Path, clear: bool, userMessages: slicer.vtkMRMLMessageCollection | None) -> bool:
        if path.suffix == ".mrb":
            return bool(self._scene.ReadFromMRB(str(path), clear, userMessages))
        self._scene.SetURL(str(path))
        self._scene.SetRootDirectory(str(path.parent))
        return bool(self._scene.Connect(userMessages) if clear else self._scene.Import(userMessages))

    def _saveScene(self, path: Path, userMessages: slicer.vtkMRMLMessageCollection | None) -> bool:
        if path.suffix == ".mrb":
            return bool(self._scene.WriteToMRB(str(path), None, userMessages))
        self._scene.SetURL(str(path))
        self._scene.SetRootDirectory(str(path.parent))
        return bool(self._scene.Commit(str(path), userMessages))


def _report(userMessages: slicer.vtkMRMLMessageCollection | None, node: slicer.vtkMRMLNode, text: str) -> None:
    """The storage node's own messages, and one sentence that names the file."""
    if userMessages is None:
        return
    if node.GetStorageNode() is not None:
        userMessages.AddMessages(node.GetStorageNode().GetUserMessages())
    userMessages.AddMessage(vtk.vtkCommand.ErrorEvent, text)
