"""Slicer's terminology file of our structures, written from the vocabulary.

``python -m CardiacCompletionLib.mrml.terminology_file`` writes it anew after a change of the vocabulary.
"""

from __future__ import annotations

import json

from CardiacCompletionLib.anatomy.terminology import CATEGORY, CONTEXT
from CardiacCompletionLib.anatomy.vocabulary import Code, Structure, Vocabulary, load_vocabulary
from CardiacCompletionLib.resources import resource_path

FILE_NAME = "SegmentationCategoryTypeModifier-CardiacCompletion.term.json"
_SCHEMA = "https://raw.githubusercontent.com/qiicr/dcmqi/master/doc/schemas/segment-context-schema.json#"


def terminology_context(vocabulary: Vocabulary) -> dict:
    """The content of the file: every structure by its first code, refined by a modifier where it has one."""
    types: dict[str, dict] = {}
    for structure in vocabulary:
        code = structure.terminology[0]
        entry = types.setdefault(code.code, _code(code))
        if code.modifier is None:
            entry |= _shown(structure)
        else:
            entry.setdefault("Modifier", []).append(_code(code.modifier) | _shown(structure))
    category = _code(CATEGORY) | {"showAnatomy": False, "Type": list(types.values())}
    return {
        "SegmentationCategoryTypeContextName": CONTEXT,
        "@schema": _SCHEMA,
        "SegmentationCodes": {"Category": [category]},
    }


def as_text(context: dict) -> str:
    return json.dumps(context, indent=2) + "\n"


def _code(code: Code) -> dict:
    return {"CodingSchemeDesignator": code.scheme, "CodeValue": code.code, "CodeMeaning": code.meaning}


def _shown(structure: Structure) -> dict:
    return {"3dSlicerLabel": structure.name, "recommendedDisplayRGBValue": list(structure.color)}


if __name__ == "__main__":
    path = resource_path("Terminology") / FILE_NAME
    path.write_text(as_text(terminology_context(load_vocabulary())), encoding="utf-8")
