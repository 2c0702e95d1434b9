"""Held-out hearts completed with samples: what calibration is found on, and what it is measured on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from CardiacCompletionLib import HeartCompleter
from CardiacCompletionLib.anatomy.heart import Heart
from CardiacCompletionLib.completion.result import CompletionResult
from CardiacCompletionLib.errors import CompletionError
from Training.data.hearts import PreparedHearts
from Training.schemes import schemes

# Millimetres at which surfaces are resolved.
SPACING = 2.0


@dataclass(frozen=True)
class Sampled:
    """A held-out heart, and what a model makes of its trusted structures.

    Attributes:
        heart: the whole heart.
        source: the label map it was read from.
        trusted: keys of what the model was given.
        keys: of what it inferred and the heart has from end to end; of others nothing can be said.
        result: with samples.
    """

    heart: Heart
    source: Path
    trusted: tuple[str, ...]
    keys: list[str]
    result: CompletionResult


def completed_with_samples(
    completer: HeartCompleter, tested: PreparedHearts, chosen: Iterable[int], scheme: str, count: int
) -> Iterator[Sampled]:
    """Every chosen heart that has the trusted structures from end to end, with ``count`` samples."""
    for index in tqdm(chosen, desc=scheme, unit="heart", leave=False):
        case, heart = tested.cases[index], tested.heart(index)
        whole = [key for key, there in zip(tested.structures, case.whole, strict=True) if there]
        if not set(schemes()[scheme]) <= set(whole):
            continue
        try:
            result = completer.complete(heart, schemes()[scheme], spacing=SPACING, samples=count)
        except CompletionError as error:
            print(f"left out: {error}")
            continue
        keys = [key for key in whole if key in result.confidence]
        yield Sampled(heart, tested.sources[index], schemes()[scheme], keys, result)
