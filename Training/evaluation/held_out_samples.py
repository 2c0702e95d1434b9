"""Held-out hearts completed with samples: what calibration is found on, and what it is measured on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tqdm import tqdm

from CardiacCompletionLib import HeartCompleter
from CardiacCompletionLib.anatomy.heart import Heart
from CardiacCompletionLib.completion.result import CompletionResult
from CardiacCompletionLib.errors import CompletionError
from Training.data.hearts import PreparedHearts
from Training.schemes import schemes

_SPACING = 2.0


def completed_with_samples(
    completer: HeartCompleter, tested: PreparedHearts, chosen: Iterable[int], scheme: str, count: int
) -> Iterator[tuple[Heart, list[str], CompletionResult]]:
    """Of every chosen heart that has the trusted structures from end to end: truth, inferred keys, completion.

    Args:
        count: samples a heart. Structures that a heart shows in part are not among the keys: nothing can be said.
    """
    for index in tqdm(chosen, desc=scheme, unit="heart", leave=False):
        case, heart = tested.cases[index], tested.heart(index)
        whole = [key for key, there in zip(tested.structures, case.whole, strict=True) if there]
        if not set(schemes()[scheme]) <= set(whole):
            continue
        try:
            result = completer.complete(heart, schemes()[scheme], spacing=_SPACING, samples=count)
        except CompletionError as error:
            print(f"left out: {error}")
            continue
        yield heart, [key for key in whole if key in result.confidence], result
