"""What the panel says in words below the table of structures."""

from __future__ import annotations

from collections.abc import Iterable

import slicer
from slicer.i18n import tr as _

from CardiacCompletionLib.anatomy.vocabulary import Vocabulary
from CardiacCompletionLib.mrml.casting import Role
from CardiacCompletionLib.mrml.sequence_completion import sequence_shown_by


def notesOn(
    node: slicer.vtkMRMLSegmentationNode | None, roles: Iterable[Role], problem: str, vocabulary: Vocabulary
) -> list[str]:
    """Sentences on what is unclear about an input, and on what is not offered for it.

    Args:
        problem: why it cannot be said which segment is which; empty where it can.
    """
    notes = [f"{vocabulary[role.key].name}: {role.reason}." for role in roles if role.ambiguous]
    if not notes and problem:
        notes.append(problem)
    sequence = sequence_shown_by(node) if node is not None else None
    if sequence is not None:
        text = _(
            "{name} is one frame of the sequence {sequence}: only this frame is completed here, with its plausible "
            "hearts. To complete all frames, give the sequence to complete() in the Python console; each frame then "
            "has intervals and confidence, but no slider of plausible hearts."
        )
        notes.append(text.format(name=node.GetName(), sequence=sequence.GetName()))
    return notes
