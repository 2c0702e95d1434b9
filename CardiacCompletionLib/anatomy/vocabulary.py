"""The structures this project knows, read from the one data file that defines them (Resources/Anatomy)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from CardiacCompletionLib.errors import CompletionError
from CardiacCompletionLib.resources import resource_path


@dataclass(frozen=True)
class Code:
    """A coded term, e.g. SNOMED CT 82471001 "Left atrium"; a modifier refines it, e.g. "Left"."""

    scheme: str
    code: str
    meaning: str
    modifier: Code | None = None

    def same_term(self, other: Code) -> bool:
        """Equal scheme, value and modifier; the wording does not count."""
        if (self.scheme, self.code) != (other.scheme, other.code):
            return False
        if self.modifier is None or other.modifier is None:
            return self.modifier is other.modifier
        return self.modifier.same_term(other.modifier)


@dataclass(frozen=True)
class Structure:
    """One anatomical structure.

    Attributes:
        key: stable name in code and files, e.g. ``left_atrium``.
        label: its value in a cardiac10 label map.
        name: what a clinician reads.
        color: red, green, blue, 0 to 255.
        terminology: codes that mean this structure; the first is the one written.
        aliases: further names under which data sets and tools know it.
        touches: keys of the structures it is in contact with in every heart.
        pieces: how many connected pieces anatomy gives it at most.
        anchor: scans show all of it, so it may place the heart; of vessels they show more or less.
        springs_from: key of the structure that each of its pieces reaches.
        lines: key of the cavity whose wall it is.
        on_top: it lies on the others, so where it is inferred it goes before what else is inferred.
        open_ended: it is labelled as far as somebody followed it, so that a flat end inside the image says nothing.
    """

    key: str
    label: int
    name: str
    color: tuple[int, int, int]
    terminology: tuple[Code, ...]
    aliases: tuple[str, ...]
    touches: tuple[str, ...]
    pieces: int
    anchor: bool
    springs_from: str | None
    lines: str | None
    on_top: bool
    open_ended: bool


@dataclass(frozen=True)
class Vocabulary:
    """All structures in label order, and the label conventions of public data sets (label value -> key)."""

    structures: tuple[Structure, ...]
    conventions: dict[str, dict[int, str]]

    def __iter__(self) -> Iterator[Structure]:
        return iter(self.structures)

    def __getitem__(self, key: str) -> Structure:
        for structure in self.structures:
            if structure.key == key:
                return structure
        known = ", ".join(self.keys)
        raise CompletionError(f"There is no structure named {key!r}; choose from: {known}.")

    @property
    def keys(self) -> tuple[str, ...]:
        return tuple(structure.key for structure in self.structures)

    def neighbours(self, key: str) -> tuple[str, ...]:
        """Keys of the structures that a structure touches, whichever of the two says so."""
        own = self[key].touches
        return (*own, *(other.key for other in self.structures if key in other.touches and other.key not in own))

    def convention(self, name: str) -> dict[int, str]:
        """Label value -> key for a data set's convention.

        Raises:
            CompletionError: for a name that the vocabulary does not hold.
        """
        if name not in self.conventions:
            known = ", ".join(self.conventions)
            raise CompletionError(f"There is no label convention named {name!r}; choose from: {known}.")
        return self.conventions[name]


@lru_cache(maxsize=1)
def load_vocabulary() -> Vocabulary:
    """The shipped vocabulary (read once)."""
    content = json.loads(resource_path("Anatomy", "structures.json").read_text(encoding="utf-8"))
    return Vocabulary(
        structures=tuple(_structure(entry) for entry in content["structures"]),
        conventions={
            name: {int(value): key for value, key in convention["labels"].items()}
            for name, convention in content["conventions"].items()
        },
    )


def _structure(entry: dict) -> Structure:
    return Structure(
        key=entry["key"],
        label=entry["label"],
        name=entry["name"],
        color=tuple(entry["color"]),
        terminology=tuple(_code(code) for code in entry["terminology"]),
        aliases=tuple(entry["aliases"]),
        touches=tuple(entry["touches"]),
        pieces=entry["pieces"],
        anchor=entry.get("anchor", False),
        springs_from=entry.get("springs_from"),
        lines=entry.get("lines"),
        on_top=entry.get("on_top", False),
        open_ended=entry.get("open_ended", False),
    )


def _code(entry: dict) -> Code:
    modifier = entry.get("modifier")
    return Code(entry["scheme"], entry["code"], entry["meaning"], _code(modifier) if modifier else None)
