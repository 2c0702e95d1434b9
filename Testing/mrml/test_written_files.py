"""Files that the library writes without Slicer open in Slicer as if it had written them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import slicer
import vtk

from CardiacCompletionLib.anatomy.terminology import ORIGIN_TAG, structure_of
from CardiacCompletionLib.anatomy.vocabulary import load_vocabulary
from CardiacCompletionLib.files.reading import read_segmentation
from CardiacCompletionLib.files.writing import write_heart
from CardiacCompletionLib.mrml.segmentation_reading import read_heart, segments_of
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
