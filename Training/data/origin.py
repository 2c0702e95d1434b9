"""Where the hearts of a data set come from, as its description states it, and what a model card says of all of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from CardiacCompletionLib.errors import CompletionError

_FIELDS = ("source", "licence", "citation")


@dataclass(frozen=True)
class Source:
    """One source of hearts.

    Attributes:
        source: who made them, and of what.
        licence: under which they may be used; empty if nobody said.
        citation: what work that uses them cites; empty if nobody said.
    """

    source: str
    licence: str = ""
    citation: str = ""

    def sentence(self) -> str:
        licence = f"licence: {self.licence}" if self.licence else "licence not stated"
        return f"{self.source}; {licence}" + (f"; cite {self.citation}" if self.citation else "")


@dataclass(frozen=True)
class Origin:
    """What a data set says of itself.

    Attributes:
        sources: none if it does not say.
        limits: what a model that learns from it cannot be relied on for, a sentence each.
    """

    sources: tuple[Source, ...] = ()
    limits: tuple[str, ...] = ()

    @classmethod
    def of_description(cls, content: Mapping[str, Any]) -> Origin:
        """Of a description's ``source``, ``licence``, ``citation``, or of ``sources``, a list of such; and ``limits``.

        Raises:
            CompletionError: if they are anything else than text.
        """
        own = {name: content[name] for name in _FIELDS if name in content}
        sources = [own] if own else content.get("sources", [])
        return cls.from_json({"sources": sources, "limits": content.get("limits", [])})

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Origin:
        """Raises CompletionError if it is not what :meth:`to_json` gives."""
        try:
            sources = tuple(Source(**entry) for entry in content["sources"])
            said = [*content["limits"], *(text for source in sources for text in asdict(source).values())]
        except TypeError as error:
            raise CompletionError(
                "The source of a data set is not understood: source names it, licence and citation may be added, and "
                "several go into a list, sources."
            ) from error
        if isinstance(content["limits"], str) or not all(isinstance(text, str) for text in said):
            raise CompletionError("Source, licence and citation of a data set are texts, and limits a list of texts.")
        return cls(sources, tuple(content["limits"]))

    def to_json(self) -> dict[str, Any]:
        return {"sources": [asdict(source) for source in self.sources], "limits": list(self.limits)}


def origins_of(recipe: Mapping[str, Any]) -> dict[str, Origin]:
    """Data set -> its origin, of all that a run and the runs it started from have seen, the first ones first.

    Runs of before data sets said so have data sets of no stated source.
    """
    found: dict[str, Origin] = {}
    for step in _steps(recipe):
        for name in step["data_sets"]:
            origin = Origin.from_json(step.get("origins", {}).get(name, Origin().to_json()))
            # Of the same name seen twice, what was said stands against what was not.
            if origin.sources or name not in found:
                found[name] = origin
    return found


def with_origins(recipe: Mapping[str, Any], origins: Mapping[str, Origin]) -> dict[str, Any]:
    """The recipe, and in it and those it started from what each data set says of itself.

    So weights that start from exported ones can name all that they rest on.
    """
    return {
        **recipe,
        "init": recipe["init"] and with_origins(recipe["init"], origins),
        "origins": {name: origins[name].to_json() for name in recipe["data_sets"]},
    }


def source_sentences(origins: Mapping[str, Origin]) -> list[str]:
    """What a card says of the sources of these data sets, each once; one that does not name its source is named."""
    said = [
        sentence
        for name, origin in origins.items()
        for sentence in ([source.sentence() for source in origin.sources] or [f"{name}: its source was not stated"])
    ]
    return list(dict.fromkeys(said))


def _steps(recipe: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    if recipe["init"]:
        yield from _steps(recipe["init"])
    yield recipe
