"""The limit of any completion on virtual hearts: others that share the trusted structures, taken as answers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from CardiacCompletionLib.anatomy.heart import Heart
from CardiacCompletionLib.anatomy.vocabulary import load_vocabulary
from CardiacCompletionLib.errors import CompletionError
from Training.cohort.conditional import conditional
from Training.cohort.heart import VirtualHeart
from Training.cohort.heart import heart as virtual_heart
from Training.cohort.record import read_rows
from Training.evaluation.contestants import Question
from Training.evaluation.metrics import dice


class EquallyValid:
    """Hearts that agree with the given one in what is trusted; how far they are from it is what remains open.

    Args:
        count: how many to draw for each heart.
    """

    name = "equally valid hearts"

    def __init__(self, count: int) -> None:
        self._count = count

    def answers(self, question: Question) -> Iterator[Heart]:
        """Hearts drawn with the seed of the one in question.

        Raises:
            CompletionError: if that is no virtual heart, or one of another population.
        """
        seed, spacing = _origin(question.source)
        again = _as_heart(virtual_heart(seed, spacing=spacing))
        if any(dice(again.regions.get(key), region) < 1.0 for key, region in question.heart.regions.items()):
            raise CompletionError(
                f"{question.source.name} is of another population than the generator's: make the cohort again."
            )
        for other in conditional(seed, question.trusted, self._count, spacing):
            yield _as_heart(other)


def _origin(source: Path) -> tuple[int, float]:
    """Seed and spacing (mm) of a virtual heart.

    Raises:
        CompletionError: if the file is none.
    """
    row = read_rows(source.parent).get(source.name.split(".")[0])
    if row is None:
        raise CompletionError(f"{source.name} is no virtual heart, and only of those the limit can be measured.")
    return int(row["seed"]), float(row["spacing_mm"])


def _as_heart(virtual: VirtualHeart) -> Heart:
    return Heart.from_label_map(virtual.label_map, load_vocabulary().convention("cardiac10"))
