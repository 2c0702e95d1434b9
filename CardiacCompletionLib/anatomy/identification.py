"""Which structure a segment or a label value is: by terminology code, else by name, else by label convention."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from CardiacCompletionLib.anatomy.terminology import CONTINUED, structure_of
from CardiacCompletionLib.anatomy.vocabulary import Structure, Vocabulary
from CardiacCompletionLib.errors import CompletionError

DEFAULT_CONVENTION = "cardiac10"


@dataclass(frozen=True)
class Segment:
    """What a file or a scene says about one segment or label.

    Attributes:
        identifier: segment ID, or the label value as text.
        name: displayed name, if any.
        terminology: Slicer terminology entry, if any.
        label: voxel value, where it means something (a label map, or segments imported from one).
        origin: ``trusted``, ``inferred`` or ``continued``, if an earlier completion wrote it.
    """

    identifier: str
    name: str | None = None
    terminology: str | None = None
    label: int | None = None
    origin: str | None = None

    def __str__(self) -> str:
        return f'"{self.name}"' if self.name else f"label {self.label}"


@dataclass(frozen=True)
class Identification:
    """A segment, the key of the structure it plays (None: none of ours, or undecidable), and why."""

    segment: Segment
    key: str | None
    reason: str
    ambiguous: bool = False


def identify(
    segments: Sequence[Segment], vocabulary: Vocabulary, convention: str | None = None
) -> list[Identification]:
    """Identify every segment on its own; what contradicts itself is marked ambiguous, with both candidates named.

    Args:
        convention: name of the label convention; without one it is chosen by the label values themselves.

    Raises:
        CompletionError: if the convention does not exist, or several fit and disagree.
    """
    unnamed = [s for s in segments if s.label is not None and s.origin != CONTINUED and not _speaks(s, vocabulary)]
    chosen = convention or _fitting_convention({s.label for s in unnamed}, vocabulary)
    labels = vocabulary.convention(chosen)
    return [_identify_one(segment, vocabulary, chosen, labels) for segment in segments]


def segment_playing(key: str, identifications: Iterable[Identification], vocabulary: Vocabulary) -> Segment:
    """The one segment that plays a structure the user relies on.

    Raises:
        CompletionError: if none does, if two do, or if one may be something else.
    """
    identifications = list(identifications)
    name = vocabulary[key].name
    players = [found for found in identifications if found.key == key]
    if len(players) > 1:
        both = " and ".join(str(found.segment) for found in players)
        raise CompletionError(f"{name}: {both} could both be it; rename or remove one, then try again.")
    if not players:
        for found in identifications:
            if found.ambiguous and name in found.reason:
                raise CompletionError(f"{found.segment}: {found.reason}")
        here = (
            ", ".join(vocabulary[found.key].name for found in identifications if found.key) or "none of the structures"
        )
        raise CompletionError(f"{name} is not in this heart; it holds: {here}.")
    return players[0].segment


def normalised(name: str) -> str:
    """A name without case, punctuation and doubled spaces: how names are compared."""
    return " ".join(re.sub(r"[^a-z0-9]+", " ", name.lower()).split())


def _identify_one(segment: Segment, vocabulary: Vocabulary, convention: str, labels: dict[int, str]) -> Identification:
    if segment.origin == CONTINUED:
        return Identification(segment, None, "continues a structure that was cut off")
    coded = structure_of(segment.terminology, vocabulary)
    named = _named(segment.name, vocabulary)
    if coded and named and coded.key != named.key:
        reason = f"its terminology says {coded.name}, its name says {named.name}; correct one of them."
        return Identification(segment, None, reason, ambiguous=True)
    if coded:
        return Identification(segment, coded.key, f"terminology code {coded.terminology[0].code}")
    if named:
        return Identification(segment, named.key, f'name "{segment.name}"')
    if segment.label is not None and is_generic(segment.name):
        if segment.label in labels:
            return Identification(segment, labels[segment.label], f"label {segment.label} in {convention}")
        return Identification(segment, None, f"label {segment.label} is not in {convention}")
    return Identification(segment, None, "no code, name or alias of ours")


def _named(name: str | None, vocabulary: Vocabulary) -> Structure | None:
    wanted = normalised(name or "")
    for structure in vocabulary:
        if wanted in {normalised(own) for own in (structure.key, structure.name, *structure.aliases)}:
            return structure
    return None


def is_generic(name: str | None) -> bool:
    """Names that tools give to nameless labels: Segment_3, label 3, 3, ..."""
    return re.fullmatch(r"((segment|label|region|class) ?)?[0-9]*", normalised(name or "")) is not None


def _speaks(segment: Segment, vocabulary: Vocabulary) -> bool:
    return (
        structure_of(segment.terminology, vocabulary) is not None
        or _named(segment.name, vocabulary) is not None
        or not is_generic(segment.name)
    )


def _fitting_convention(values: set[int | None], vocabulary: Vocabulary) -> str:
    fitting = [name for name, labels in vocabulary.conventions.items() if values <= labels.keys()]
    if DEFAULT_CONVENTION in fitting or not values:
        return DEFAULT_CONVENTION
    readings = {tuple(sorted((value, vocabulary.conventions[name][value]) for value in values)) for name in fitting}
    if len(readings) > 1:
        raise CompletionError(f"These labels fit both {' and '.join(fitting)}: name the convention to use.")
    if fitting:
        return fitting[0]
    unknown = sorted(value for value in values if value not in vocabulary.conventions[DEFAULT_CONVENTION])
    shown = ", ".join(map(str, unknown[:5])) + (", ..." if len(unknown) > 5 else "")
    raise CompletionError(
        f"No known label convention holds the label values {shown}: name the convention to use "
        f"({', '.join(vocabulary.conventions)}); labels it does not hold are then left out."
    )
