"""The terminology file that ships is the vocabulary, and Slicer reads it."""

from __future__ import annotations

import slicer

from CardiacCompletionLib.anatomy.terminology import CONTEXT, entry_of
from CardiacCompletionLib.anatomy.vocabulary import load_vocabulary
from CardiacCompletionLib.mrml.terminology_file import FILE_NAME, as_text, terminology_context
from CardiacCompletionLib.resources import resource_path

VOCABULARY = load_vocabulary()


def test_the_file_is_what_the_vocabulary_says():
    shipped = resource_path("Terminology", FILE_NAME).read_text(encoding="utf-8")
    assert shipped == as_text(terminology_context(VOCABULARY))


def test_slicer_finds_every_structure_with_its_colour_in_it(scene):
    logic = slicer.modules.terminologies.logic()
    assert logic.LoadTerminologyFromFile(str(resource_path("Terminology", FILE_NAME)))
    for structure in VOCABULARY:
        found = slicer.vtkSlicerTerminologyEntry()
        assert logic.FindTypeInTerminologyBy3dSlicerLabel(CONTEXT, structure.name, found), structure.key
        code = structure.terminology[0]
        assert found.GetTypeObject().GetCodeValue() == code.code
        modifier = found.GetTypeModifierObject()
        if code.modifier is None:
            assert tuple(found.GetTypeObject().GetRecommendedDisplayRGBValue()) == structure.color
        else:
            assert modifier.GetCodeValue() == code.modifier.code
            assert tuple(modifier.GetRecommendedDisplayRGBValue()) == structure.color


def test_slicer_reads_the_entries_that_segments_carry(scene):
    logic = slicer.modules.terminologies.logic()
    for structure in VOCABULARY:
        entry = slicer.vtkSlicerTerminologyEntry()
        assert logic.DeserializeTerminologyEntry(entry_of(structure), entry)
        assert entry.GetTerminologyContextName() == CONTEXT
        assert entry.GetTypeObject().GetCodeValue() == structure.terminology[0].code
