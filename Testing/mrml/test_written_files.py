"""Files that the library writes without Slicer open in Slicer as if it had written them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import slicer
import vtk

from CardiacCompletionLib.anatomy.certainty import Certainty
from CardiacCompletionLib.anatomy.terminology import ORIGIN_TAG, structure_of
from CardiacCompletionLib.anatomy.vocabulary import load_vocabulary
from CardiacCompletionLib.command_line.main import main
from CardiacCompletionLib.files.reading import read_segmentation
from CardiacCompletionLib.files.writing import write_heart
from CardiacCompletionLib.mrml.certainty import certainty_of
from CardiacCompletionLib.mrml.segmentation_reading import origin_of, read_heart, segments_of
from CardiacCompletionLib.resources import resource_path
from Testing.files.test_files import heart, same

VOCABULARY = load_vocabulary()


def test_slicer_reads_what_the_library_wrote(scene: slicer.vtkMRMLScene, tmp_path: Path) -> None:
    for overlapping in (False, True):
        original = heart(overlapping)
        path = tmp_path / f"heart{overlapping}.seg.nrrd"
        write_heart(original, {"left_ventricle": "trusted", "aorta": "inferred"}, VOCABULARY, path)
        node = slicer.util.loadSegmentation(str(path))
        segments = segments_of(node)
        assert [segment.name for segment in segments] == ["Left ventricle", "Aorta"]
        assert [structure_of(s.terminology, VOCABULARY).key for s in segments] == ["left_ventricle", "aorta"]
        aorta = node.GetSegmentation().GetSegment("aorta")
        tag = vtk.reference("")
        assert aorta.GetTag(ORIGIN_TAG, tag)
        assert str(tag) == "inferred"
        assert np.allclose(np.array(aorta.GetColor()) * 255, VOCABULARY["aorta"].color, atol=0.5)
        back = read_heart(node, {"left_ventricle": "left_ventricle", "aorta": "aorta"}).heart
        for key, region in original.regions.items():
            ras = original.ijk_to_ras[:3] @ [*region.start[::-1], 1]
            ras_back = back.ijk_to_ras[:3] @ [*back.regions[key].start[::-1], 1]
            assert np.allclose(ras, ras_back, atol=1e-3)
            assert np.array_equal(back.regions[key].mask, region.mask)


def test_slicer_reads_how_sure_the_library_was(scene: slicer.vtkMRMLScene, tmp_path: Path) -> None:
    original, path = heart(), tmp_path / "heart.seg.nrrd"
    origins, said = {"left_ventricle": "trusted", "aorta": "inferred"}, {"aorta": Certainty(0.625, 3.25, 41.5)}
    write_heart(original, origins, VOCABULARY, path, certainty=said)
    segmentation = slicer.util.loadSegmentation(str(path)).GetSegmentation()
    assert certainty_of(segmentation.GetSegment("aorta")) == said["aorta"]
    assert certainty_of(segmentation.GetSegment("left_ventricle")) is None


def test_the_command_writes_how_sure_it_is(scene: slicer.vtkMRMLScene, tmp_path: Path) -> None:
    path, partial = tmp_path / "whole.seg.nrrd", resource_path("SampleData", "PartialHeart.seg.nrrd")
    trusted = "left_ventricle,myocardium,right_ventricle,left_atrium"
    words = ["complete", str(partial), "--trusted", trusted, "--output", str(path), "--device", "cpu"]
    assert main([*words, "--spacing", "5", "--samples", "2"]) == 0
    segmentation = slicer.util.loadSegmentation(str(path)).GetSegmentation()
    for segment in (segmentation.GetSegment(ID) for ID in segmentation.GetSegmentIDs()):
        said = certainty_of(segment)
        assert (said is None) == (origin_of(segment) == "trusted")
        assert said is None or 0.0 <= said.confidence <= 1.0 < said.high_ml > said.low_ml


def test_the_library_reads_what_slicer_wrote(scene: slicer.vtkMRMLScene, tmp_path: Path) -> None:
    original = heart(overlapping=True)
    first, second = tmp_path / "first.seg.nrrd", tmp_path / "second.seg.nrrd"
    write_heart(original, dict.fromkeys(original.regions, "trusted"), VOCABULARY, first)
    node = slicer.util.loadSegmentation(str(first))
    slicer.util.saveNode(node, str(second), {})
    ours, theirs = (read_segmentation(path).whole_heart(VOCABULARY) for path in (first, second))
    for key in ("left_ventricle", "aorta"):
        assert same(ours.regions[key], theirs.regions[key]) or np.array_equal(
            ours.regions[key].mask, theirs.regions[key].mask
        )
