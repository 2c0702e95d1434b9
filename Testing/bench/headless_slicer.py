"""Slicer without its application: ``start()`` gives a real MRML scene with the logics that Slicer would have made.

    from Testing.bench.headless_slicer import start
    scene = start()

Afterwards ``slicer.mrmlScene``, ``slicer.app``, ``slicer.modules.segmentations`` and ``slicer.util.loadSegmentation``
work as in Slicer's Python console. Needs neither Qt nor pytest.
"""

from __future__ import annotations

import tempfile
import types
from pathlib import Path

import slicer
import slicer.util
import vtk

from Testing.bench.headless_application import HeadlessApplication, LogicOnlyModule
from Testing.bench.subject_hierarchy_items import SubjectHierarchyItems

_MODULE_LOGICS = {
    "Models": slicer.vtkSlicerModelsLogic,
    "Sequences": slicer.vtkSlicerSequencesLogic,
    "SubjectHierarchy": slicer.vtkSlicerSubjectHierarchyModuleLogic,
    "Transforms": slicer.vtkSlicerTransformLogic,
    "Volumes": slicer.vtkSlicerVolumesLogic,
    # Last: it registers the conversions between segment representations with the scene's other logics in place.
    "Segmentations": slicer.vtkSlicerSegmentationsModuleLogic,
}


def start() -> slicer.vtkMRMLScene:
    """The scene of the running Slicer, which is made first if there is none: calling this twice is harmless.

    Returns:
        ``slicer.mrmlScene``.
    """
    if hasattr(slicer, "app"):
        return slicer.mrmlScene
    scene = slicer.vtkMRMLScene()
    slicer.mrmlScene = scene
    applicationLogic = _startedApplicationLogic(scene)
    slicer.modules = types.SimpleNamespace()
    slicer.app = HeadlessApplication(scene, applicationLogic)
    _allowSceneBundles(scene, Path(slicer.app.temporaryPath))

    for name, logicClass in _MODULE_LOGICS.items():
        _addModule(name, logicClass(), applicationLogic)
    _addModule("Colors", applicationLogic.GetColorLogic(), applicationLogic)
    _addModule("Terminologies", _terminologiesLogic(), applicationLogic)

    slicer.app.subjectHierarchyItems = SubjectHierarchyItems(scene)
    return scene


def _startedApplicationLogic(scene: slicer.vtkMRMLScene) -> slicer.vtkSlicerApplicationLogic:
    """Application logic with colour tables, slice orientations and view registers, as Slicer has after its start."""
    crosshair = slicer.vtkMRMLCrosshairNode()
    crosshair.SetCrosshairName("default")
    crosshair.SetSingletonTag("default")
    scene.AddNode(crosshair)
    slicer.vtkMRMLSliceNode.AddDefaultSliceOrientationPresets(scene)

    applicationLogic = slicer.vtkSlicerApplicationLogic()
    applicationLogic.SetMRMLScene(scene)
    applicationLogic.SetSliceLogics(vtk.vtkCollection())
    applicationLogic.SetViewLogics(vtk.vtkCollection())
    applicationLogic.SetTemporaryPath(tempfile.gettempdir())
    applicationLogic.GetColorLogic().SetMRMLScene(scene)
    applicationLogic.GetColorLogic().AddDefaultColorNodes()
    return applicationLogic


def _allowSceneBundles(scene: slicer.vtkMRMLScene, temporaryPath: Path) -> None:
    """Reading a .mrb fails without a data manager and its cache directory."""
    cacheDirectory = temporaryPath / "RemoteIO"
    cacheDirectory.mkdir(exist_ok=True)
    cache = slicer.vtkCacheManager()
    cache.SetRemoteCacheDirectory(str(cacheDirectory))
    cache.SetMRMLScene(scene)
    scene.SetCacheManager(cache)
    data = slicer.vtkDataIOManager()
    data.SetCacheManager(cache)
    scene.SetDataIOManager(data)


def _addModule(
    name: str, logic: slicer.vtkMRMLAbstractLogic, applicationLogic: slicer.vtkSlicerApplicationLogic
) -> None:
    logic.SetMRMLApplicationLogic(applicationLogic)
    logic.SetMRMLScene(applicationLogic.GetMRMLScene())
    applicationLogic.SetModuleLogic(name, logic)
    slicer.app.moduleManager().add(LogicOnlyModule(name, logic))


def _terminologiesLogic() -> slicer.vtkSlicerTerminologiesModuleLogic:
    """The wheel lacks Slicer's own terminology files, which the logic reports at its first scene: silenced here."""
    logic = slicer.vtkSlicerTerminologiesModuleLogic()
    wasShown = vtk.vtkObject.GetGlobalWarningDisplay()
    vtk.vtkObject.SetGlobalWarningDisplay(False)
    try:
        logic.SetMRMLScene(slicer.mrmlScene)
    finally:
        vtk.vtkObject.SetGlobalWarningDisplay(wasShown)
    return logic
