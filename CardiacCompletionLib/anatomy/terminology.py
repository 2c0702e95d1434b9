"""Slicer's terminology entries: the text form in which a segment carries its SNOMED codes.

An entry has seven parts joined by ``~``: context, category, type, type modifier, anatomic context, anatomic region,
region modifier. Category, type and modifiers are ``scheme^value^meaning`` triplets.
"""

from __future__ import annotations

from CardiacCompletionLib.anatomy.vocabulary import Code, Structure, Vocabulary

CONTEXT = "Segmentation category and type - CardiacCompletion"
CATEGORY = Code("SCT", "123037004", "Anatomical Structure")
# Segment tag that says ``trusted``, ``inferred`` or ``continued`` of a completed heart, in files and in the scene.
ORIGIN_TAG = "CardiacCompletion.Origin"
# The origin of a segment that is no structure of its own but goes on where another was cut off.
CONTINUED = "continued"
_ANATOMIC_CONTEXT = "Anatomic codes - DICOM master list"


def continued_name(structure: Structure) -> str:
    """What the segment is called by which a cut structure goes on."""
    return f"{structure.name} (continued)"


def entry_of(structure: Structure) -> str:
    """The terminology entry written for a structure."""
    code = structure.terminology[0]
    modifier = _triplet(code.modifier) if code.modifier else "^^"
    return "~".join([CONTEXT, _triplet(CATEGORY), _triplet(code), modifier, _ANATOMIC_CONTEXT, "^^", "^^"])


def structure_of(entry: str | None, vocabulary: Vocabulary) -> Structure | None:
    """The structure a terminology entry means, whatever its context and wording; None if it means none of ours."""
    code = _type_code(entry)
    if code is None:
        return None
    for structure in vocabulary:
        if any(code.same_term(own) for own in structure.terminology):
            return structure
    return None


def _type_code(entry: str | None) -> Code | None:
    parts = (entry or "").split("~")
    if len(parts) < 3:
        return None
    modifier = _parse_triplet(parts[3]) if len(parts) > 3 else None
    code = _parse_triplet(parts[2])
    return Code(code.scheme, code.code, code.meaning, modifier) if code else None


def _parse_triplet(text: str) -> Code | None:
    fields = text.split("^")
    if len(fields) < 2 or not fields[1]:
        return None
    return Code(fields[0], fields[1], fields[2] if len(fields) > 2 else "")


def _triplet(code: Code) -> str:
    return f"{code.scheme}^{code.code}^{code.meaning}"
